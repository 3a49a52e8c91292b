"""Text into the clipboard: through the tools that each platform has for it, else through the terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

Feed = Callable[[Sequence[str], bytes], bool]
"""Runs a command on an input; False when there is no such program or it failed."""

_LIMIT_S = 5
MOST_BY_TERMINAL = 74_000
"""Bytes: terminals drop longer OSC 52 sequences (100,000 characters of base64 in xterm and tmux)."""


def feed_command(command: Sequence[str], data: bytes) -> bool:
    nowhere = subprocess.DEVNULL  # xclip stays in the background and would hold a pipe open
    try:
        done = subprocess.run(
            command, input=data, stdout=nowhere, stderr=nowhere, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def copy_text(
    text: str, env: Mapping[str, str], *, platform: str = sys.platform, feed: Feed = feed_command
) -> bool:
    """Whether a tool of this machine took the text. Over SSH none is asked: that clipboard is elsewhere."""
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        return False
    if platform == "win32":
        return feed(("clip",), text.encode("utf-16"))
    return any(feed(command, text.encode()) for command in _commands(env, platform))


def by_terminal(text: str) -> str:
    """The sequence (OSC 52) by which a terminal takes a text into the clipboard of the person at it; ""
    for a text that is too long."""
    from base64 import b64encode

    data = text.encode()
    return f"\x1b]52;c;{b64encode(data).decode()}\x07" if len(data) <= MOST_BY_TERMINAL else ""


def _commands(env: Mapping[str, str], platform: str) -> list[tuple[str, ...]]:
    if platform == "darwin":
        return [("pbcopy",)]
    found: list[tuple[str, ...]] = []
    if env.get("WAYLAND_DISPLAY"):
        found.append(("wl-copy",))
    if env.get("DISPLAY"):
        found += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    return found
