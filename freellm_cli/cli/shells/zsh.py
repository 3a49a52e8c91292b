"""Completion for zsh: one `_arguments` call a command, with descriptions."""

from __future__ import annotations

from freellm_cli.cli.command_tree import Argument, Command, Option

_HEAD = """\
#compdef freellm
# Completion of freellm for zsh. Made by scripts/gen; `freellm completion zsh` prints it.

_freellm_names() {
    local -a lines names shown
    local line
    lines=("${(@f)$(_call_program names ${(q)freellm_program} _complete ${(q)1} ${(q)PREFIX} 2>/dev/null)}")
    for line in ${lines:#}; do
        names+=("${line%%$'\\t'*}")
        shown+=("${line/$'\\t'/  }")
    done
    if [[ "${lines[*]}" == *$'\\t'* ]]; then
        compadd "${@:2}" -V names -l -d shown -a names
    else
        compadd "${@:2}" -a names
    fi
}
"""
_TAIL = """\
# Read by `compinit` from a folder of $fpath this file is the function; sourced, it registers itself.
if [[ ${funcstack[1]} == _freellm ]]; then
    _freellm "$@"
else
    compdef _freellm freellm
fi
"""
# `words` is narrowed to the subcommand inside `_arguments -C`, so the program's name is kept aside.
_PROGRAM = "    : ${freellm_program:=$words[1]}\n"


def script(tree: Command) -> str:
    return "\n".join([_HEAD, *(_function(command) for command in tree.walk()), _TAIL])


def _name(command: Command) -> str:
    return "_".join(("_freellm", *command.path)).replace("-", "_")


def _function(command: Command) -> str:
    specs = [_option_spec(option) for option in command.options]
    specs.append("'(- *)'{-h,--help}'[Show help and exit.]'")
    specs += _argument_specs(command)
    joined = " \\\n        ".join(specs)
    start = _PROGRAM if not command.path else ""
    local = "    local context state state_descr line\n    typeset -A opt_args\n"
    if not command.path:
        local = "    local freellm_program\n" + local
    flags, dispatch = (" -C", _dispatch(command)) if command.children else ("", "")
    call = f"    _arguments -s -S{flags} \\\n        {joined}"
    return f"{_name(command)}() {{\n{local}{start}{call}{dispatch}\n}}\n"


def _dispatch(command: Command) -> str:
    cases = "\n".join(
        f"                {child.path[-1]}) {_name(child)} ;;" for child in command.children
    )
    described = "\n".join(
        f"                {_quoted(f'{child.path[-1]}:{_plain(child.short)}')}"
        for child in command.children
    )
    first = command.arguments[0] if command.arguments else None
    also = f"\n            {_action(first)}" if first and first.values else ""
    if first and first.choices:
        also = f"\n            compadd -- {' '.join(first.choices)}"
    return f"""
    case $state in
        word)
            local -a commands
            commands=(
{described}
            )
            _describe -t commands command commands{also} ;;
        rest)
            case $line[1] in
{cases}
            esac ;;
    esac"""


def _option_spec(option: Option) -> str:
    repeat = "*" if option.repeatable else ""
    value = (
        f":{_plain(option.metavar.split('|')[0])}:{_completed(option)}" if option.metavar else ""
    )
    flags = [flag + ("=" if value and flag.startswith("--") else "") for flag in option.flags]
    head = f"({' '.join(option.flags)})" if len(flags) > 1 and not repeat else ""
    text = _quoted(f"[{_plain(option.help)}]{value}")
    if len(flags) == 1:
        return f"'{repeat}{flags[0]}'{text}"
    return f"'{head}{repeat}'{{{','.join(flags)}}}{text}"


def _argument_specs(command: Command) -> list[str]:
    if command.children:
        return ["'1:command:->word'", "'*::argument:->rest'"]
    return [
        _quoted(f"{'*' if item.many else place}:{item.name.lower()}:{_completed(item)}")
        for place, item in enumerate(command.arguments, 1)
    ]


def _completed(item: Option | Argument) -> str:
    if item.choices:
        return f"({' '.join(item.choices)})"
    return _action(item)


def _action(item: Option | Argument) -> str:
    if item.values in ("files", "folders"):
        return "_files" if item.values == "files" else "_files -/"
    return f" _freellm_names {item.values}" if item.values else " "


def _plain(text: str) -> str:
    for char in "[]:":
        text = text.replace(char, f"\\{char}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
