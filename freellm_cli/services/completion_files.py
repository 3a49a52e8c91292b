"""Where each shell looks for completion scripts, and putting one there."""

from __future__ import annotations

import os
from collections.abc import Mapping

from freellm_cli.core.errors import UsageError
from freellm_cli.services.results import Line, Result
from freellm_cli.storage.files import write_private


def own_shell(env: Mapping[str, str]) -> str:
    """The shell that this was probably started from. Raises UsageError when that cannot be told."""
    name = os.path.basename(env.get("SHELL", "")).removesuffix(".exe")
    if name in ("bash", "zsh", "fish"):
        return name
    if name in ("pwsh", "powershell") or (not name and env.get("PSModulePath")):
        return "powershell"
    parent = _parents_name()
    if not name and parent in ("bash", "zsh", "fish"):
        return parent
    raise UsageError(
        f"which shell? {name!r} is none that freellm knows" if name else "which shell?",
        hint="say it: bash, zsh, fish or powershell, as in `freellm completion install bash`",
    )


def _parents_name() -> str:
    """What started this process, where the system tells (Linux); "" elsewhere."""
    try:
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def shown_script(shell: str, text: str, env: Mapping[str, str]) -> Result:
    """The script itself, to be read or evaluated."""
    return Result({"shell": shell, "script": text}, (Line(text.rstrip("\n")),))


def install_script(shell: str, text: str, env: Mapping[str, str]) -> Result:
    """Writes the script to the person's own folder for such; changes no start-up file of the shell.

    Raises StoreError when the file cannot be written.
    """
    path = _place(shell, env)
    write_private(path, text.encode())
    lines = [Line(f"written to {path}", "good"), Line(_last_step(shell, path))]
    return Result({"shell": shell, "file": path}, tuple(lines))


def _place(shell: str, env: Mapping[str, str]) -> str:
    home = env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")
    data = env.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    config = env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return {
        "bash": os.path.join(data, "bash-completion", "completions", "freellm"),
        "zsh": os.path.join(env.get("ZDOTDIR") or home, ".zfunc", "_freellm"),
        "fish": os.path.join(config, "fish", "completions", "freellm.fish"),
        "powershell": os.path.join(config, "freellm", "completion.ps1"),
    }[shell]


def _last_step(shell: str, path: str) -> str:
    return {
        "bash": f"new shells complete freellm (without the bash-completion package: `source {path}`)",
        "zsh": f"in .zshrc, before compinit: fpath=({os.path.dirname(path)} $fpath)",
        "fish": "new shells complete freellm",
        "powershell": f"add this line to $PROFILE: . '{path}'",
    }[shell]
