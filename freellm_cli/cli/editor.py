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
    there is no editor or it failed."""
    usual = "notepad" if os.name == "nt" else "vi"
    command = face.env.get("VISUAL") or face.env.get("EDITOR") or usual
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
