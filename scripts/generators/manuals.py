"""`man/freellm.1` and a page a command, in mdoc's older sister man(7), which every reader of pages knows."""

from __future__ import annotations

from collections.abc import Callable

DATED = (
    "2026-11-21"  # of the commands as such; a fresh date on every run would make every run a change
)
EXIT_CODES = (
    ("0", "done"),
    ("1", "a fault of freellm; a report is left in the state folder"),
    ("2", "usage: a wrong option, an unknown name"),
    ("3", "configuration, no credential, or no place to write"),
    ("4", "the credential was refused"),
    ("5", "every target is limited; the message says until when"),
    ("6", "the provider failed or took too long"),
    ("7", "the request was refused: too long, filtered, a bad parameter"),
    ("130", "interrupted"),
    ("141", "the pipe was closed"),
)
FILES = (
    ("config.toml", "settings; freellm config path says where"),
    ("credentials.toml", "keys, readable by you alone"),
    ("ledger.db", "what was used and what rests; shared by all processes"),
)
ENVIRONMENT = (
    (
        "FREELLM_CONFIG_DIR, FREELLM_STATE_DIR, FREELLM_CACHE_DIR",
        "folders in place of the usual ones",
    ),
    ("GEMINI_API_KEY, GROQ_API_KEY_1, …", "keys that are used without being stored"),
    ("NO_COLOR", "no colours"),
)


def manual_files() -> dict[str, Callable[[], str]]:
    from freellm_cli.cli.command_tree import command_tree

    tree = command_tree()
    tops = {f"man/{'-'.join(('freellm', *c.path))}.1": c for c in (tree, *tree.children)}

    def maker(command) -> Callable[[], str]:
        return lambda: page(command, tree)

    return {name: maker(command) for name, command in tops.items()}


def page(command, tree) -> str:
    from freellm_cli import __version__

    name = "-".join(("freellm", *command.path))
    lines = [
        '.\\" Made by scripts/gen; do not edit.',
        f'.TH {escaped(name.upper())} 1 "{DATED}" "freellm {__version__}" "freellm manual"',
        ".SH NAME",
        f"{escaped(name)} \\- {text(command.short.rstrip('.'))}",
        ".SH SYNOPSIS",
    ]
    real = [item for item in command.walk() if command.path or item is command]
    for place, item in enumerate(real):
        lines += [".br"] if place else []
        lines += synopsis(item)
    lines += [".SH DESCRIPTION", *paragraphs(command.text)]
    if command.children and command.path:
        lines += [".SH COMMANDS"]
        for item in real[1:]:
            lines += [f".SS {escaped(item.name)}", *paragraphs(item.text)]
            lines += own_options(item, tree) + example(item)
    elif command.children:
        lines += [".SH COMMANDS"]
        lines += entries(
            (escaped("-".join(("freellm", *c.path))) + "(1)", c.short) for c in command.children
        )
    options = own_options(command, tree)
    lines += [".SH OPTIONS", *options] if options else []
    lines += (
        [".SH GLOBAL OPTIONS", *entries(shown(o) for o in global_options(tree))]
        if not command.path
        else []
    )
    lines += [".SH EXIT STATUS", *entries(EXIT_CODES)]
    if not command.path:
        lines += [".SH FILES", *entries(FILES), ".SH ENVIRONMENT", *entries(ENVIRONMENT)]
    if command.example:
        lines += [".SH EXAMPLE", *example(command)[1:]]
    also = [c for c in (tree, *tree.children) if c.path != command.path]
    lines += [".SH SEE ALSO"]
    names = [f".BR {escaped('-'.join(('freellm', *c.path)))} (1)" for c in also]
    lines += [f"{row} ," for row in names[:-1]] + names[-1:]
    return "\n".join(lines) + "\n"


def synopsis(command) -> list[str]:
    parts = [f"\\fB{escaped(command.name)}\\fR"]
    parts += ["[\\fIOPTION\\fR]\\&..." if command.options else ""]
    if command.children and not command.path:
        parts += ["\\fICOMMAND\\fR"]
    for argument in command.arguments:
        word = f"\\fI{escaped(argument.name)}\\fR" + ("\\&..." if argument.many else "")
        parts.append(word if argument.required else f"[{word}]")
    return [" ".join(part for part in parts if part)]


def global_options(tree):
    return [option for option in tree.options if "--version" not in option.flags]


def own_options(command, tree) -> list[str]:
    shared = {option.flags for option in global_options(tree)}
    return entries(shown(o) for o in command.options if o.flags not in shared)


def shown(option) -> tuple[str, str]:
    flags = ", ".join(f"\\fB{escaped(flag)}\\fR" for flag in option.flags)
    return flags + (f" \\fI{escaped(option.metavar)}\\fR" if option.metavar else ""), option.help


def entries(rows) -> list[str]:
    lines: list[str] = []
    for head, about in rows:
        lines += [".TP", head, text(about)]
    return lines


def example(command) -> list[str]:
    if not command.example:
        return []
    return [".PP", ".nf", ".RS", text(command.example), ".RE", ".fi"]


def paragraphs(words: str) -> list[str]:
    lines: list[str] = []
    for place, paragraph in enumerate(words.split("\n\n")):
        lines += [".PP"] if place else []
        lines.append(text(" ".join(paragraph.split())))
    return lines


def escaped(words: str) -> str:
    return words.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("'", "\\(aq")


def text(words: str) -> str:
    plain = escaped(words).replace("`", "")
    return "\\&" + plain if plain[:1] in ".'" else plain
