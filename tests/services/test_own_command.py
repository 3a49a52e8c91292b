"""How freellm names itself to those that shall start it again."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from freellm_cli.services.own_command import own_command, own_file


def command(executable: str, typed: str, there: Collection[str], platform: str) -> tuple[str, ...]:
    return own_command(
        executable=executable,
        argv=[typed, "serve"],
        one_file="",
        platform=platform,
        exists=lambda path: path in there,
    )


@pytest.mark.parametrize(
    ("executable", "typed", "there", "named"),
    [
        # a virtual environment, run from its folder and through `python -m`
        ("/v/bin/python", "/v/bin/freellm", {"/v/bin/freellm"}, "/v/bin/freellm"),
        ("/v/bin/python", "/v/lib/freellm_cli/__main__.py", {"/v/bin/freellm"}, "/v/bin/freellm"),
        # pipx and uv link the program onto the PATH
        (
            "/p/venvs/freellm/bin/python",
            "/home/a b/.local/bin/freellm",
            {"/home/a b/.local/bin/freellm", "/p/venvs/freellm/bin/freellm"},
            "/home/a b/.local/bin/freellm",
        ),
        # the Debian package
        ("/usr/bin/python3", "/usr/bin/freellm", {"/usr/bin/freellm"}, "/usr/bin/freellm"),
        # another program that holds us: the one beside the interpreter
        ("/v/bin/python", "/v/bin/pytest", {"/v/bin/pytest", "/v/bin/freellm"}, "/v/bin/freellm"),
    ],
)
def test_an_installed_program_is_named_by_its_path(
    executable: str, typed: str, there: set[str], named: str
) -> None:
    assert command(executable, typed, there, "linux") == (named,)


@pytest.mark.parametrize("typed", ["C:\\v\\Scripts\\freellm", "C:\\v\\Scripts\\freellm.exe"])
def test_windows_programs_have_their_ending(typed: str) -> None:
    there = {"C:\\v\\Scripts\\freellm.exe"}
    named = command("C:\\v\\Scripts\\python.exe", typed, there, "win32")
    assert named == ("C:\\v\\Scripts\\freellm.exe",)


def test_windows_finds_the_program_beside_the_interpreter() -> None:
    there = {"C:\\v\\Scripts\\freellm.exe"}
    named = command("C:\\v\\Scripts\\python.exe", "C:\\v\\x\\__main__.py", there, "win32")
    assert named == ("C:\\v\\Scripts\\freellm.exe",)


def test_a_package_without_a_program_is_run_by_its_interpreter() -> None:
    named = command("/usr/bin/python3", "/src/freellm_cli/__main__.py", set(), "linux")
    assert named == ("/usr/bin/python3", "-m", "freellm_cli")


def test_one_file_names_itself_whatever_lies_beside_it() -> None:
    named = own_command(one_file="/opt/freellm-1.0", argv=["/usr/bin/freellm"])
    assert named == ("/opt/freellm-1.0",)


def test_an_ordinary_python_is_no_file_of_ours() -> None:
    assert own_file() == ""
