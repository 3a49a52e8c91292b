"""A text in the person's own editor."""

from __future__ import annotations

import os
import subprocess
import tempfile

from freellm_cli.cli.face import Face
from freellm_cli.core.errors import UsageError
from freellm_cli.core.shell_words import split_words


def edited(face: Face, text: str, *, name: str = "config.toml") -> str:
    """What the person made of `text`; by the file's `name` editors choose colours. Raises UsageError when
    there is no editor or it failed, and no terminal for the usual one, which would wait for ever."""
    usual = "notepad" if os.name == "nt" else "vi"
    command = face.env.get("VISUAL") or face.env.get("EDITOR")
    if not command and usual == "vi" and not _can_be_seen(face):
        raise UsageError(
            "there is no terminal to edit on",
            hint="`freellm config path` says where the files are; or set EDITOR to what needs no terminal",
        )
    command = command or usual
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                text or "# freellm's settings; `freellm config show --json` lists them all\n"
            )
        try:
            done = subprocess.run(
                [*split_words(command, windows=os.name == "nt"), path], check=False
            )
        except OSError as error:
            raise UsageError(
                f"the editor {command!r} did not start: {error.strerror}", hint="set EDITOR"
            ) from error
        if done.returncode != 0:
            raise UsageError(f"the editor ended with {done.returncode}; nothing was changed")
        with open(path, encoding="utf-8") as file:
            return file.read()


def _can_be_seen(face: Face) -> bool:
    return face.is_terminal(face.stdin) and face.is_terminal(face.out)
