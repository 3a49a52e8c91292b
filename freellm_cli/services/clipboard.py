"""The picture in the clipboard, through the tools that each platform has for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from freellm_cli.core.errors import UsageError

Run = Callable[[Sequence[str]], bytes | None]
"""Runs a command and gives what it prints; None when there is no such program or it failed."""

_APPLE = "the clipboard as «class PNGf»"
# Base64, for PowerShell prints text alone.
_WINDOWS = (
    "Add-Type -AssemblyName System.Windows.Forms,System.Drawing;"
    "$i=[Windows.Forms.Clipboard]::GetImage();if($i){$m=New-Object IO.MemoryStream;"
    "$i.Save($m,[Drawing.Imaging.ImageFormat]::Png);[Convert]::ToBase64String($m.ToArray())}"
)
_LIMIT_S = 10


def run_command(command: Sequence[str]) -> bytes | None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def clipboard_image(
    env: Mapping[str, str], *, platform: str = sys.platform, run: Run = run_command
) -> bytes:
    """The bytes of the picture, usually PNG. Raises UsageError when there is none or no tool to ask."""
    reader = {"darwin": _from_mac, "win32": _from_windows}.get(platform)
    data = reader(run) if reader else _from_unix(env, run)
    if not data:
        tool = "wl-clipboard or xclip" if reader is None else "pngpaste"
        hint = f"copy one first; the tool that reads it is {tool}" if platform != "win32" else ""
        raise UsageError("there is no picture in the clipboard", hint=hint or "copy one first")
    return data


def _from_unix(env: Mapping[str, str], run: Run) -> bytes | None:
    wayland = ("wl-paste", "--no-newline", "--type", "image/png")
    x11 = ("xclip", "-selection", "clipboard", "-target", "image/png", "-out")
    order = (wayland, x11) if env.get("WAYLAND_DISPLAY") else (x11, wayland)
    return next((data for command in order if (data := run(command))), None)


def _from_mac(run: Run) -> bytes | None:
    return run(("pngpaste", "-")) or _from_hex(run(("osascript", "-e", _APPLE)))


def _from_hex(answer: bytes | None) -> bytes | None:
    """AppleScript prints data as «data PNGf89504E47…»."""
    text = (answer or b"").decode("utf-8", "replace")
    digits = text.partition("PNGf")[2].strip().rstrip("»")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


def _from_windows(run: Run) -> bytes | None:
    import binascii

    answer = run(("powershell", "-NoProfile", "-STA", "-Command", _WINDOWS))
    try:
        return binascii.a2b_base64(answer.strip()) if answer else None
    except binascii.Error:
        return None
