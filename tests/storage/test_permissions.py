"""The Windows branch: what it asks of the system, and how it reads the answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from freellm_cli.storage.permissions import Ran, WindowsPermissions

ME = "S-1-5-21-1004336348-1177238915-682003330-512"


class Commands:
    """A Windows that answers `whoami` and `icacls`; `sddl` is what a saved list holds."""

    def __init__(self, sddl: str = "", refuse: str = "") -> None:
        self.sddl = sddl
        self.refuse = refuse
        self.ran: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> Ran:
        self.ran.append(list(command))
        if command[0] == self.refuse:
            return Ran(5, "Access is denied.")
        if command[0] == "whoami":
            return Ran(0, f'"box\\ada lovelace","{ME}"\r\n')
        if "/save" in command:
            text = f"credentials.toml\r\n{self.sddl}\r\n"
            Path(command[3]).write_bytes(text.encode("utf-16-le"))
        return Ran(0, "processed 1 files")


def windows(tmp_path: Path, commands: Commands) -> WindowsPermissions:
    return WindowsPermissions(commands, lambda: str(tmp_path))


def test_a_new_file_is_granted_to_me_and_the_system_while_it_is_empty(tmp_path: Path) -> None:
    commands = Commands()
    path = str(tmp_path / "a")
    descriptor = windows(tmp_path, commands).create(path)
    assert os.fstat(descriptor).st_size == 0
    os.close(descriptor)
    assert commands.ran[1] == [
        "icacls", path, "/inheritance:r", "/grant:r", f"*{ME}:F", "*S-1-5-18:F", "/q",
    ]  # fmt: skip


def test_what_is_put_in_a_new_folder_inherits_its_privacy(tmp_path: Path) -> None:
    commands = Commands()
    windows(tmp_path, commands).make_folder(str(tmp_path / "freellm"))
    assert f"*{ME}:(OI)(CI)F" in commands.ran[1]


def test_the_person_is_asked_for_once(tmp_path: Path) -> None:
    commands = Commands()
    permissions = windows(tmp_path, commands)
    for name in ("a", "b"):
        os.close(permissions.create(str(tmp_path / name)))
    assert [command[0] for command in commands.ran] == ["whoami", "icacls", "icacls"]


@pytest.mark.parametrize("refuse", ["whoami", "icacls"])
def test_a_file_system_without_access_lists_still_takes_the_file(
    tmp_path: Path, refuse: str
) -> None:
    os.close(windows(tmp_path, Commands(refuse=refuse)).create(str(tmp_path / "a")))
    assert (tmp_path / "a").exists()


def test_a_repair_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="icacls"):
        windows(tmp_path, Commands(refuse="icacls")).restrict(str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("sddl", "readers"),
    [
        (f"D:PAI(A;;FA;;;SY)(A;;FA;;;{ME})", ""),
        ("D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)", ""),
        ("D:AI(A;;FA;;;SY)(A;ID;0x1200a9;;;BU)", "all users of this machine"),
        ("D:AI(A;;FR;;;WD)(A;;FR;;;AU)", "everyone, all signed-in users"),
        ("D:AI(D;;FR;;;WD)", ""),
        ("D:AI(A;OICIIO;FA;;;WD)", ""),
    ],
)
def test_a_saved_list_tells_who_else_can_read(tmp_path: Path, sddl: str, readers: str) -> None:
    assert windows(tmp_path, Commands(sddl)).exposure("credentials.toml") == readers
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_had_accuses_nobody(tmp_path: Path) -> None:
    assert windows(tmp_path, Commands(refuse="icacls")).exposure("credentials.toml") == ""
