"""A text on its way into the clipboard."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence

import pytest

from freellm_cli.services.clipboard_text import by_terminal, copy_text, feed_command


class Tools:
    """The programs of a machine: those named work."""

    def __init__(self, *working: str) -> None:
        self.working = working
        self.asked: list[str] = []
        self.got = b""

    def feed(self, command: Sequence[str], data: bytes) -> bool:
        self.asked.append(command[0])
        if command[0] in self.working:
            self.got = data
        return command[0] in self.working


@pytest.mark.parametrize(
    ("platform", "env", "tool"),
    [
        ("linux", {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "wl-copy"),
        ("linux", {"DISPLAY": ":0"}, "xclip"),
        ("linux", {"DISPLAY": ":0"}, "xsel"),
        ("darwin", {}, "pbcopy"),
    ],
)
def test_the_platforms_tool_takes_it(platform: str, env: dict[str, str], tool: str) -> None:
    tools = Tools(tool)
    assert copy_text("Grüße", env, platform=platform, feed=tools.feed)
    assert tools.asked[-1] == tool
    assert tools.got.decode() == "Grüße"


def test_windows_is_given_its_own_encoding() -> None:
    tools = Tools("clip")
    assert copy_text("Grüße", {}, platform="win32", feed=tools.feed)
    assert tools.got.decode("utf-16") == "Grüße"


def test_over_ssh_the_clipboard_of_the_far_machine_is_left_alone() -> None:
    tools = Tools("pbcopy")
    env = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    assert not copy_text("x", env, platform="darwin", feed=tools.feed)
    assert tools.asked == []


def test_without_a_display_nothing_is_tried() -> None:
    assert not copy_text("x", {}, platform="linux", feed=Tools("xclip").feed)


def test_a_terminal_is_given_what_is_not_too_long_for_it() -> None:
    sequence = by_terminal("Grüße")
    assert b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\x07")).decode() == "Grüße"
    assert by_terminal("x" * 100_000) == ""


def test_a_tool_that_is_missing_or_fails_took_nothing() -> None:
    assert not feed_command(("freellm-no-such-tool",), b"x")
    assert not feed_command(("false",), b"x")
