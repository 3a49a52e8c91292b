"""The command tree. Each noun's module is imported when its command is typed.

To add a command: a function in `services/<noun>.py` that returns a result, its face of at most 15 lines in
`cli/<noun>.py` (a module with `app: typer.Typer`), a row in COMMANDS, a test in each mirror folder, then
`scripts/gen`.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from freellm_cli.cli.face import Face
from freellm_cli.core.errors import EXIT_DONE, EXIT_INTERRUPTED, UnknownName


class CommandRow(NamedTuple):
    module: str
    help: str


COMMANDS: dict[str, CommandRow] = {
    "setup": CommandRow("setup", "From nothing to the first answer, step by step."),
    "chat": CommandRow("chat", "Ask a question; the answer comes as it is written."),
    "serve": CommandRow("serve", "Serve OpenAI, Anthropic and Gemini clients on this machine."),
    "batch": CommandRow("batch", "Ask many questions from a file; resumable."),
    "keys": CommandRow("keys", "Add, list, check and remove API keys."),
    "oauth": CommandRow("oauth", "Log in to Gemini CLI or iFlow; list, refresh, import logins."),
    "models": CommandRow("models", "What can be asked: providers, families, contexts, limits."),
    "limits": CommandRow(
        "limits", "Used, limit and reset of every key and model; what rests and why."
    ),
    "why": CommandRow("why", "What became of a request: every target tried, and why."),
    "route": CommandRow("route", "Where a request for a model would go now; nothing is sent."),
    "history": CommandRow("history", "Conversations: list, show, search, delete, export."),
    "templates": CommandRow("templates", "Prompts with a name, for `chat -t`."),
    "config": CommandRow("config", "Show, set and check the settings, with their source."),
    "doctor": CommandRow("doctor", "A self-test: what is wrong, and what mends it."),
    "demo": CommandRow("demo", "See it work on this machine: no key, no network."),
    "completion": CommandRow("completion", "Completion for bash, zsh, fish and PowerShell."),
}


class LazyGroup(TyperGroup):
    """Knows every command's name and one line of help without importing it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        module = importlib.import_module(f"freellm_cli.cli.{row.module}")
        command = get_command(module.app)
        command.name = cmd_name
        _add_global_options(command)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from freellm_cli.cli.usage_slips import no_such_command

            raise no_such_command("freellm", args[0], list(COMMANDS), args[1:])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])


def _global_options() -> list[TyperOption]:
    def remember(ctx: Any, param: Any, value: Any) -> None:
        if value:
            ctx.find_root().obj.with_globals({param.name: value})

    def option(flags: list[str], text: str, **more: Any) -> TyperOption:
        return TyperOption(
            param_decls=flags,
            help=text,
            expose_value=False,
            callback=remember,
            is_eager=True,
            **more,
        )

    return [
        option(["--json"], "Print JSON, for scripts.", is_flag=True),
        option(["-v", "--verbose"], "Say more on stderr.", is_flag=True),
        option(["-q", "--quiet"], "Say nothing on stderr but errors.", is_flag=True),
        option(["--no-color", "no_color"], "No colours (NO_COLOR works too).", is_flag=True),
        option(["--config-dir"], "Folder of config.toml and credentials.toml.", metavar="DIR"),
        option(["--state-dir"], "Folder of the ledger and history.", metavar="DIR"),
    ]


def _add_global_options(command: Any) -> None:
    children = getattr(command, "commands", None)
    if children:
        for child in children.values():
            _add_global_options(child)
            # Whole, where it would be cut after some fifty letters.
            child.short_help = child.short_help or (child.help or "").strip().split("\n")[0]
    command.params.extend(_global_options())


def _show_version(ctx: Any, param: Any, value: bool) -> None:
    if value:
        from freellm_cli.services.build_info import describe_build

        face = ctx.find_root().obj
        face.print("\n".join(describe_build() if face.verbose else describe_build()[:1]))
        raise typer.Exit


def build_root() -> Any:
    """The whole tree, for running, for completion and for the generator of man pages."""
    root = typer.Typer(
        cls=LazyGroup,
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @root.callback(invoke_without_command=True)
    def freellm(ctx: typer.Context) -> None:
        """One dependable model endpoint out of the free LLM tiers you have.

        Pools your keys and logins, keeps every limit, falls back by itself.

        Start with `freellm setup` (a first key in a minute) or `freellm demo` (no key needed).

        Example: freellm chat "Why is the sky blue?"
        """
        if ctx.invoked_subcommand is None:
            from freellm_cli.cli.overview import show_overview

            show_overview(ctx.obj, ctx.get_help)

    command = get_command(root)
    command.name = "freellm"
    version = TyperOption(
        param_decls=["--version"],
        help="Print the version; with -v, how it was built and where it lies.",
        is_flag=True,
        expose_value=False,
        callback=_show_version,
    )
    command.params.extend([version, *_global_options()])
    return command


def run_typer(argv: list[str], face: Face) -> int:
    """Parses `argv` and runs the command. Raises FreellmError; usage mistakes become UsageError."""
    # The base of every fault that a command line can have; Typer does not export it.
    usage_fault: type[Exception] = typer.BadParameter.__mro__[2]
    root = build_root()
    try:
        # Not `main`, which makes an exit of its own out of a closed pipe and of Ctrl-C.
        if argv[:1] == ["help"]:
            argv = [*argv[1:], "--help"]
        with root.make_context("freellm", list(argv), obj=face, **_narrow(face)) as context:
            code = root.invoke(context)
    except (typer.Abort, EOFError):
        return EXIT_INTERRUPTED
    except typer.Exit as stop:
        return stop.exit_code
    except (usage_fault, UnknownName) as fault:
        if "--json" in argv:  # the slip may stand before it, where parsing ended
            face.with_globals({"json": True})
        if isinstance(fault, UnknownName):
            raise
        from freellm_cli.cli.usage_slips import path_of, usage_error

        raise usage_error(fault, path_of(root, argv)) from fault
    return code if isinstance(code, int) else EXIT_DONE


def _narrow(face: Face) -> dict[str, int]:
    """Help is never set narrower than 50 columns, unless it is told to be."""
    from shutil import get_terminal_size

    columns = get_terminal_size().columns if face.is_terminal(face.out) else 80
    return {"terminal_width": max(20, columns)} if columns < 52 else {}
