"""What a mistyped command line is answered with: what was meant, ready to be typed, or an example."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from freellm_cli.core.errors import UnknownName, UsageError

_SHOWN = 90
# What other tools call it.
_ELSEWHERE = {
    "ask": "chat", "prompt": "chat", "run": "chat", "logs": "history", "log": "history",
    "status": "limits", "usage": "limits", "quota": "limits", "proxy": "serve", "start": "serve",
    "init": "setup", "settings": "config", "login": "oauth", "auth": "oauth", "explain": "why",
    "new": "add", "rm": "remove", "ls": "list", "install": "completion",
}  # fmt: skip
_OTHER_VERBS = {
    "set": "add",
    "rm": "delete",
    "remove": "delete",
    "delete": "remove",
    "get": "show",
    "create": "edit",
    "add": "edit",
}


_KINDS = {"int": "no whole number", "integer": "no whole number", "float": "no number"}
_IN_WORDS = re.compile(r"not a valid (int|integer|float)(?: range)?$")


def no_such_command(
    path: str, name: str, known: Sequence[str], rest: Sequence[str] = ()
) -> UnknownName:
    """`rest`: what was typed after the name, so that the whole line can be offered again."""
    if any(char.isspace() for char in name):
        question = shlex.join([name, *rest])
        return UnknownName(
            "what is asked comes after `chat`", hint=f"did you mean `freellm chat {question}`?"
        )
    nearest = _nearest(name, known)
    hint = f"see `{path} --help`"
    if nearest:
        if nearest[0] == "keys":
            rest = rest[:2]  # what follows the provider is a key
        meant = shlex.join([*path.split(), nearest[0], *rest])
        if len(meant) > _SHOWN:
            meant = f"{path} {nearest[0]} …"
        hint = f"did you mean `{meant}`?"
    said = f"no command is called {name!r}" if path == "freellm" else f"{path} has no {name!r}"
    return UnknownName(said, hint=hint, nearest=nearest)


def usage_error(fault: Any, path: str = "freellm") -> UsageError:
    """Typer's complaint in our words. `path`: of the command, where Typer does not say it."""
    context = getattr(fault, "ctx", None)
    path = context.command_path if context is not None else path
    told = fault.format_message()
    unknown = re.match(r"No such command '(.+?)'", told)
    if unknown and context is not None:
        known = list(getattr(context.command, "commands", None) or ())
        return no_such_command(path, unknown[1], known)
    flag = getattr(fault, "option_name", "")
    if flag and told.startswith("No such option"):
        return _no_such_option(path, flag, context)
    example = _example(context) if told.startswith("Missing") else ""
    hint = f"for example `{example}`; " if example else ""
    told = _IN_WORDS.sub(lambda kind: _KINDS[kind[1]], told[:1].lower() + told[1:].rstrip("."))
    return UsageError(told, hint=f"{hint}see `{path} --help`")


def path_of(root: Any, argv: Sequence[str]) -> str:
    """The command that `argv` leads to, such as "freellm keys add"."""
    words, command = ["freellm"], root
    for word in argv:
        find = getattr(command, "get_command", None)
        below = find(None, word) if find is not None else None
        if below is not None:
            words.append(word)
            command = below
    return " ".join(words)


def _no_such_option(path: str, flag: str, context: Any) -> UnknownName:
    known = [o for param in context.command.params for o in (*param.opts, *param.secondary_opts)]
    if path == "freellm" and _is_for_chat(flag):
        return UnknownName(
            f"{flag} is an option of `freellm chat`", hint=f"try `freellm chat {flag} …`"
        )
    # Every option begins with dashes: that they share them says nothing of what was meant.
    words = [option[2:] for option in known if option.startswith("--")]
    nearest = tuple(f"--{word}" for word in _nearest(flag.lstrip("-"), words, 0.6))
    meant = f"did you mean {nearest[0]}? All: " if nearest else "see "
    return UnknownName(
        f"{path} has no option {flag}", hint=f"{meant}`{path} --help`", nearest=nearest
    )


def _nearest(name: str, known: Sequence[str], cutoff: float = 0.5) -> tuple[str, ...]:
    from difflib import get_close_matches

    begins = [word for word in known if word.startswith(name) and len(name) > 1]
    close = get_close_matches(name, known, 3, cutoff)
    meant = [word for names in (_ELSEWHERE, _OTHER_VERBS) if (word := names.get(name, "")) in known]
    return tuple(dict.fromkeys([*meant, *close, *begins]))[:3]


def _is_for_chat(flag: str) -> bool:
    from freellm_cli.cli.quick_table import CHAT

    return flag in CHAT


def _example(context: Any) -> str:
    return (getattr(context.command, "help", "") or "").partition("Example: ")[2].strip()
