"""The clipboard's picture, asked for with each platform's own tools."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import pytest

from freellm_cli.core.errors import UsageError
from freellm_cli.services.clipboard import clipboard_image, run_command

PNG = b"\x89PNG\r\n\x1a\n\x00picture"


def tools(**answers: bytes) -> tuple[list[str], Callable[[Sequence[str]], bytes | None]]:
    """A machine that has these programs; the list tells which were tried."""
    tried: list[str] = []

    def run(command: Sequence[str]) -> bytes | None:
        tried.append(command[0])
        return answers.get(command[0].replace("-", "_"))

    return tried, run


@pytest.mark.parametrize(
    ("platform", "env", "program", "answer"),
    [
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, "wl_paste", PNG),
        ("linux", {"DISPLAY": ":0"}, "xclip", PNG),
        ("linux", {"DISPLAY": ":0"}, "wl_paste", PNG),
        ("darwin", {}, "pngpaste", PNG),
        (
            "darwin",
            {},
            "osascript",
            "«data PNGf".encode() + PNG.hex().upper().encode() + "»\n".encode(),
        ),
        ("win32", {}, "powershell", base64.b64encode(PNG) + b"\r\n"),
    ],
)
def test_the_picture_comes_from_the_tool_that_is_there(
    platform: str, env: dict[str, str], program: str, answer: bytes
) -> None:
    _, run = tools(**{program: answer})
    assert clipboard_image(env, platform=platform, run=run) == PNG


def test_wayland_is_asked_first_where_it_runs() -> None:
    tried, run = tools(wl_paste=PNG, xclip=b"other")
    clipboard_image({"WAYLAND_DISPLAY": "wayland-0"}, platform="linux", run=run)
    assert tried == ["wl-paste"]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_no_picture_is_told(platform: str) -> None:
    _, run = tools()
    with pytest.raises(UsageError, match="no picture in the clipboard"):
        clipboard_image({}, platform=platform, run=run)


def test_a_program_that_is_not_there_gives_nothing() -> None:
    assert run_command(["freellm-has-no-such-program"]) is None
