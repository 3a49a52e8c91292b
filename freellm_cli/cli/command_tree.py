"""The commands as plain data, read off the Typer tree: for completion scripts, man pages and docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

# What completes a value: a kind of `services.completion`, "files" or "folders". Everything else is free text.
VALUES = {
    "--config-dir": "folders",
    "--state-dir": "folders",
    "chat --model": "names",
    "chat --attach": "files",
    "chat --json-schema": "files",
    "chat --template": "templates",
    "chat --conversation": "conversations",
    "history show conversation": "conversations",
    "history delete conversations": "conversations",
    "history export conversations": "conversations",
    "history export --output": "files",
    "templates show name": "templates",
    "templates edit name": "templates",
    "serve --simulate": "simulations",
    "batch IN": "files",
    "batch --output": "files",
    "batch --model": "names",
    "models PROVIDER": "providers",
    "models --family": "families",
    "models show ID": "models",
    "models test ID": "models",
    "limits PROVIDER": "providers",
    "limits --model": "names",
    "limits forget NAME": "targets",
    "limits why TARGET": "targets",
    "limits reset TARGET": "targets",
    "route model": "names",
    "doctor --bundle": "files",
    "config get key": "settings",
    "config set key": "settings",
    "config unset key": "settings",
    "keys add provider": "providers",
    "keys check names": "credentials",
    "keys enable names": "credentials",
    "keys disable names": "credentials",
    "keys remove names": "credentials",
    "keys label name": "credentials",
    "keys import file": "files",
    "oauth login --client-secrets": "files",
    "oauth refresh LOGIN": "logins",
    "oauth logout LOGIN": "logins",
    "oauth export LOGIN": "logins",
    "oauth import source": "files",
}
GLOBAL_OPTIONS = ("json", "verbose", "quiet", "no_color", "config_dir", "state_dir")
# Words that a command tells apart itself: the word, its argument ("" for none), what it does, and which of
# the command's options are for it.
SUBWORDS: dict[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]] = {
    "models": (
        ("show", "ID", "Everything known of one model.", ()),
        ("test", "ID", "Measure how soon and how fast models answer.", ("share",)),
    ),
    "limits": (
        ("why", "TARGET", "What keeps a key, model or target from being asked.", ()),
        ("reset", "TARGET", "Wake what rests; alone: everything.", ()),
        ("drift", "", "What servers said otherwise than the catalog.", ()),
        ("forget", "NAME", "Forget what was learned of limits.", ()),
        (
            "plan",
            "",
            "When so many requests would be done.",
            ("model", "requests", "tokens", "by"),
        ),
    ),
    "completion": (("install", "SHELL", "Put it where your shell looks for it.", ()),),
}
CHOICES = {
    "batch --format": ("auto", "text", "jsonl"),
    "models --for": (
        "fast", "long-context", "multilingual", "vision", "reasoning", "lightweight", "story",
    ),
    "history export --format": ("markdown", "jsonl"),
    "oauth login provider": ("gemini-cli", "iflow"),
    "oauth import --provider": ("gemini-cli", "iflow"),
    "completion words": ("bash", "zsh", "fish", "powershell"),
    "completion install SHELL": ("bash", "zsh", "fish", "powershell"),
}  # fmt: skip


class Option(NamedTuple):
    """`flags` as typed; `metavar` is "" for a switch, which takes no value."""

    flags: tuple[str, ...]
    metavar: str
    help: str
    values: str = ""
    choices: tuple[str, ...] = ()
    repeatable: bool = False


class Argument(NamedTuple):
    name: str
    help: str
    values: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False
    required: bool = False


class Command(NamedTuple):
    """`path` is () for `freellm` itself; `is_word` marks a word that its parent tells apart itself."""

    path: tuple[str, ...]
    short: str
    text: str
    example: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    children: tuple[Command, ...]
    is_word: bool = False

    @property
    def name(self) -> str:
        return " ".join(("freellm", *self.path))

    def walk(self) -> Iterator[Command]:
        """This command, then everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def command_tree() -> Command:
    """The whole tree. Imports every command."""
    from freellm_cli.cli.app import COMMANDS, build_root

    root = build_root()
    children = tuple(
        _command(root.get_command(None, name), (name,), COMMANDS[name].help) for name in COMMANDS
    )
    return _plain(root, (), "", children)


def _command(typed: Any, path: tuple[str, ...], short: str) -> Command:
    below = getattr(typed, "commands", None) or {}
    children = [
        _command(child, (*path, name), _first_line(child.help)) for name, child in below.items()
    ]
    return _plain(typed, path, short, (*children, *_subwords(typed, path)))


def _plain(typed: Any, path: tuple[str, ...], short: str, children: tuple[Command, ...]) -> Command:
    text, _, example = (typed.help or "").partition("Example: ")
    options = [p for p in typed.params if p.param_type_name == "option" and not p.hidden]
    arguments = [p for p in typed.params if p.param_type_name == "argument" and not p.hidden]
    return Command(
        path,
        short or _first_line(text),
        text.strip(),
        example.strip(),
        tuple(_option(p, path) for p in options if p.name != "help"),
        tuple(_argument(p, path) for p in arguments),
        children,
    )


def _subwords(typed: Any, path: tuple[str, ...]) -> list[Command]:
    """Words of `SUBWORDS` as commands. Of the options they take their own and the global ones."""
    found = []
    for word, argument, about, own in SUBWORDS.get(" ".join(path), ()):
        options = tuple(
            _option(param, path)
            for param in typed.params
            if param.name in own or param in typed.params[-len(GLOBAL_OPTIONS) :]
        )
        takes = (_subword_argument((*path, word, argument)),) if argument else ()
        found.append(Command((*path, word), about, about, "", options, takes, (), is_word=True))
    return found


def _subword_argument(path: tuple[str, ...]) -> Argument:
    key = " ".join(path)
    required = key in ("models show ID", "limits why TARGET")
    return Argument(path[-1], "", VALUES.get(key, ""), CHOICES.get(key, ()), required=required)


def _option(param: Any, path: tuple[str, ...]) -> Option:
    flags = tuple(flag for flag in (*param.opts, *param.secondary_opts) if flag.startswith("-"))
    metavar = "" if param.is_flag else param.metavar or _type_name(param)
    name = next((flag for flag in flags if flag.startswith("--")), "")
    values, choices = _completed(param, name, path)
    return Option(flags, metavar, param.help or "", values, choices, bool(param.multiple))


def _argument(param: Any, path: tuple[str, ...]) -> Argument:
    name = (param.metavar or param.name).strip("[].…")
    values, choices = _completed(param, name if param.metavar else param.name, path)
    if not values:
        values, choices = _completed(param, param.name, path)
    return Argument(
        name.upper(), param.help or "", values, choices, param.nargs == -1, param.required
    )


def _completed(param: Any, name: str, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    key = " ".join((*path, name))
    choices = tuple(getattr(c, "value", c) for c in getattr(param.type, "choices", None) or ())
    return VALUES.get(key) or VALUES.get(name, ""), choices or CHOICES.get(key, ())


def _type_name(param: Any) -> str:
    if getattr(param.type, "choices", None):
        return "|".join(getattr(c, "value", c) for c in param.type.choices)
    kind = str(param.type.name)
    return {"integer": "N", "int": "N", "float": "X"}.get(kind, str(param.name).upper())


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]
