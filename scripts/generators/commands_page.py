"""docs/commands.md: every command's --help, as the program prints it at 100 columns."""

from __future__ import annotations

HEAD = """\
# Commands

Every command's `--help`. The last six options of each are the same everywhere: `--json` prints JSON for
scripts, `-v` says more and `-q` less on stderr, `--no-color` (or `NO_COLOR`) drops colours, `--config-dir`
and `--state-dir` move the files. Exit codes are in the [README](../README.md#pipes-and-scripts), messages
in [Errors](errors.md).
"""


def commands_page() -> str:
    from freellm_cli.cli.command_tree import command_tree

    parts = [HEAD]
    for command in command_tree().walk():
        if not command.is_word:
            mark = "#" * (2 + max(0, len(command.path) - 1))
            parts.append(f"{mark} {command.name}\n\n```text\n{help_text(command.path)}\n```\n")
    return "\n".join(parts)


def help_text(path: tuple[str, ...]) -> str:
    from freellm_cli.cli.app import build_root

    root = build_root()
    context = root.make_context(
        "freellm", [], resilient_parsing=True, max_content_width=100, terminal_width=100
    )
    command = root
    for name in path:
        command = command.get_command(context, name)
        context = command.make_context(
            name,
            [],
            parent=context,
            resilient_parsing=True,
            max_content_width=100,
            terminal_width=100,
        )
    return command.get_help(context).rstrip()
