"""Private files: whole, 0600 from the first byte, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from freellm_cli.core.errors import StoreError
from freellm_cli.storage import files
from freellm_cli.storage.files import (
    LEFTOVER_AGE_S,
    check_private,
    make_private,
    make_private_folder,
    read_private,
    remove_files,
    store_error,
    write_private,
)
from freellm_cli.storage.permissions import PosixPermissions
from tests.support.unprivileged import unprivileged_folder

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def careless_umask() -> object:
    old = os.umask(0)
    yield
    os.umask(old)


class WatchingPermissions(PosixPermissions):
    """Records the mode of each file at the moment of its creation, before a byte is in it."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def create(self, path: str) -> int:
        descriptor = super().create(path)
        found = os.fstat(descriptor)
        self.seen.append((stat.S_IMODE(found.st_mode), found.st_size))
        return descriptor


def test_a_file_that_does_not_exist_reads_as_none(tmp_path: Path) -> None:
    assert read_private(str(tmp_path / "none.toml")) is None


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "a.toml")
    write_private(path, b"first")
    write_private(path, b"second")
    assert read_private(path) == b"second"


@posix
@pytest.mark.usefixtures("careless_umask")
def test_a_new_file_is_private_from_its_first_byte_under_any_umask(tmp_path: Path) -> None:
    watching = WatchingPermissions()
    write_private(str(tmp_path / "a"), b"key", permissions=watching)
    assert watching.seen == [(0o600, 0)]
    assert mode_of(tmp_path / "a") == 0o600


@posix
def test_a_file_that_others_could_read_becomes_private_with_the_next_write(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o644)
    write_private(str(tmp_path / "a"), b"new")
    assert mode_of(tmp_path / "a") == 0o600


@posix
def test_a_tight_umask_leaves_the_file_writable_to_its_owner(tmp_path: Path) -> None:
    old = os.umask(0o277)
    try:
        write_private(str(tmp_path / "a"), b"key")
    finally:
        os.umask(old)
    assert mode_of(tmp_path / "a") == 0o600


@posix
@pytest.mark.usefixtures("careless_umask")
def test_missing_folders_are_made_private(tmp_path: Path) -> None:
    write_private(str(tmp_path / "x" / "y" / "a"), b"key")
    assert [mode_of(tmp_path / "x"), mode_of(tmp_path / "x" / "y")] == [0o700, 0o700]


@posix
def test_folders_that_exist_keep_their_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_private(str(tmp_path / "a"), b"key")
    assert mode_of(tmp_path) == 0o755


@posix
def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "config.toml"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    write_private(str(link), b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


@posix
def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    link = tmp_path / "credentials.toml"
    link.symlink_to("/dev/null")
    with pytest.raises(StoreError, match="not a plain file"):
        write_private(str(link), b"key")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files")
def test_what_root_writes_in_a_persons_folder_belongs_to_that_person(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 1234)
    write_private(str(home / "freellm" / "a"), b"key")
    owners = {(home / "freellm").stat().st_uid, (home / "freellm" / "a").stat().st_uid}
    assert owners == {1234}


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    write_private(str(tmp_path / "a"), b"key")
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_old_leftovers_of_killed_writers_go_and_fresh_ones_stay(tmp_path: Path) -> None:
    old, fresh, other = tmp_path / ".a.0001.tmp", tmp_path / ".a.0002.tmp", tmp_path / ".b.0003.tmp"
    for leftover in (old, fresh, other):
        leftover.write_bytes(b"half")
        os.utime(leftover, (1_000_000, 1_000_000))
    os.utime(fresh, (1_000_100, 1_000_100))
    write_private(str(tmp_path / "a"), b"key", now=lambda: 1_000_000 + LEFTOVER_AGE_S + 1)
    assert sorted(item.name for item in tmp_path.iterdir()) == [".a.0002.tmp", ".b.0003.tmp", "a"]


def test_a_failed_write_leaves_the_old_file_and_no_leftover(tmp_path: Path) -> None:
    class FullDisk(PosixPermissions):
        def create(self, path: str) -> int:
            os.close(super().create(path))
            return os.open(path, os.O_RDONLY)  # every write to it fails

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(StoreError):
        write_private(str(tmp_path / "a"), b"new", permissions=FullDisk())
    assert [item.name for item in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@posix
def test_a_disk_that_takes_no_more_bytes_is_told_apart(tmp_path: Path) -> None:
    """A process that may write 4 KiB a file stands for a disk with 4 KiB left."""
    (tmp_path / "a").write_bytes(b"old")
    code = (
        "import resource, sys\n"
        "from freellm_cli.core.errors import StoreError\n"
        "from freellm_cli.storage.files import write_private\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n    write_private(sys.argv[1], b'x' * 100_000)\n"
        "except StoreError as exc:\n    print(exc.message, '|', exc.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert f"cannot write {tmp_path / 'a'}: the file may not grow that large" in done.stdout
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


@posix
def test_a_folder_without_write_permission_is_named() -> None:
    with unprivileged_folder() as folder:
        folder.chmod(0o500)
        with pytest.raises(StoreError, match="permission denied") as caught:
            write_private(str(folder / "a"), b"key")
    assert str(folder / "a") in caught.value.message
    assert "choose another folder" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/proc/x/ledger.db", "choose another folder with --state-dir"),
        ("/proc/x/history.db.lock", "choose another folder with --state-dir"),
        ("/proc/x/ledger.db.owners/4711", "choose another folder with --state-dir"),
        ("/proc/x/credentials.toml.lock", "choose another folder with --config-dir"),
        ("/proc/x/oauth/gemini_cli_1.json", "choose another folder with --config-dir"),
        ("C:\\x\\config.toml", "choose another folder with --config-dir"),
        ("/proc/x/answers.jsonl", "choose another folder"),
    ],
)
def test_the_hint_names_the_option_that_moves_the_file(path: str, way: str) -> None:
    fault = store_error("create", path, OSError(errno.ENOENT, "no such file"))
    assert fault.hint == way
    fault = store_error("create", path, OSError(errno.ENOTDIR, "not a folder"))
    assert fault.hint == f"move that file away, or {way}"


@posix
def test_a_file_without_read_permission_is_named() -> None:
    with unprivileged_folder() as folder:
        path = folder / "a"
        path.write_bytes(b"key")
        path.chmod(0)
        with pytest.raises(StoreError, match=r"cannot read .*permission denied"):
            read_private(str(path))


@posix
def test_a_folder_that_may_be_written_but_not_listed_is_good_enough() -> None:
    with unprivileged_folder() as folder:
        folder.chmod(0o300)
        write_private(str(folder / "a"), b"key")
        assert read_private(str(folder / "a")) == b"key"


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "freellm").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot write .*a part of its path is a file"):
        write_private(str(tmp_path / "freellm" / "credentials.toml"), b"key")


def test_files_are_removed_where_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("x")
    remove_files(str(tmp_path / "never-was"), str(tmp_path / "here"))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"cannot overwrite .*folder"):
        remove_files(str(tmp_path / "folder"), doing="overwrite")


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "credentials.toml").mkdir()
    with pytest.raises(StoreError, match="not a plain file"):
        write_private(str(tmp_path / "credentials.toml"), b"key")
    with pytest.raises(StoreError, match=r"folder|permission"):
        read_private(str(tmp_path / "credentials.toml"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only file system"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "the disk reports an error"),
        (errno.ENOTDIR, "is a file, not a folder"),
        (errno.EXDEV, "cross-device"),
    ],
)
def test_each_system_error_says_its_reason(code: int, words: str) -> None:
    error = store_error("write", "/c/credentials.toml", OSError(code, os.strerror(code)))
    assert error.message.startswith("cannot write /c/credentials.toml: ")
    assert words in error.message.lower()
    assert error.hint


@posix
def test_a_file_that_others_can_read_is_warned_about_and_can_be_mended(tmp_path: Path) -> None:
    path = tmp_path / "credentials.toml"
    path.write_bytes(b"key")
    path.chmod(0o640)
    warning = check_private(str(path))
    assert warning is not None
    assert str(path) in warning
    assert "0640" in warning
    make_private(str(path))
    assert mode_of(path) == 0o600
    assert check_private(str(path)) is None


def test_a_missing_file_is_no_reason_to_warn(tmp_path: Path) -> None:
    assert check_private(str(tmp_path / "none")) is None


def test_mending_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot protect"):
        make_private(str(tmp_path / "none"))


def test_two_processes_may_make_the_same_folder(tmp_path: Path) -> None:
    class Slow(PosixPermissions):
        def make_folder(self, path: str) -> None:
            os.mkdir(path)
            raise FileExistsError(errno.EEXIST, "another was quicker", path)

    make_private_folder(str(tmp_path / "x"), permissions=Slow())
    assert (tmp_path / "x").is_dir()


class Busy:
    """A file that another program has open for so many tries."""

    def __init__(self, tries: int) -> None:
        self.left = tries
        self.slept: list[float] = []

    def use(self) -> str:
        if self.left:
            self.left -= 1
            raise PermissionError(13, "The process cannot access the file")
        return "done"


def test_windows_waits_a_moment_for_a_file_that_somebody_has_open() -> None:
    busy = Busy(3)
    assert files._again_if_busy(busy.use, busy.slept.append, windows=True) == "done"
    assert 0 < sum(busy.slept) < 1


def test_windows_does_not_wait_for_ever() -> None:
    busy = Busy(10_000)
    with pytest.raises(PermissionError):
        files._again_if_busy(busy.use, busy.slept.append, windows=True)
    assert sum(busy.slept) < 2


def test_elsewhere_a_refusal_is_a_refusal() -> None:
    busy = Busy(1)
    with pytest.raises(PermissionError):
        files._again_if_busy(busy.use, busy.slept.append, windows=False)
    assert busy.slept == []
