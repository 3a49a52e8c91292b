"""Completion for fish."""

from __future__ import annotations

from freellm_cli.cli.command_tree import Argument, Command, Option

_HEAD = """\
# Completion of freellm for fish. Made by scripts/gen; `freellm completion fish` prints it.

function __freellm_path
    # The subcommand so far, and how many plain words it has had, as "keys add/1".
    set -l path
    set -l place 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case '--*=*'
            case '-*'
                contains -- $word $__freellm_valued; and set skip 1
            case '*'
                if test $place -eq 0; and contains -- (string trim "$path $word") $__freellm_commands
                    set -a path $word
                else
                    set place (math $place + 1)
                end
        end
    end
    echo "$path/$place"
end

function __freellm_at
    # __freellm_at PATH [PLACE]: whether the cursor is there.
    set -l here (string split -r -m1 / (__freellm_path))
    test "$here[1]" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test "$here[2]" = "$argv[2]"
end

function __freellm_names
    set -l program (commandline -opc)[1]
    $program _complete $argv[1] (commandline -ct | string replace -r '^--[^=]*=' '') 2>/dev/null
end

complete -c freellm -f
"""


def script(tree: Command) -> str:
    commands = list(tree.walk())
    paths = " ".join(_quoted(" ".join(c.path)) for c in commands if c.path)
    valued = sorted({f for c in commands for o in c.options if o.metavar for f in o.flags})
    lines = [
        _HEAD,
        f"set -g __freellm_commands {paths}",
        f"set -g __freellm_valued {' '.join(valued)}",
    ]
    for command in commands:
        lines += ["", *_lines(command)]
    return "\n".join(lines) + "\n"


def _lines(command: Command) -> list[str]:
    at = " ".join(command.path)
    found = [
        _complete(f"__freellm_at {_quoted(at)} 0", f"-a {child.path[-1]} -d {_quoted(child.short)}")
        for child in command.children
    ]
    for place, argument in enumerate(command.arguments):
        offer = _offer(argument)
        if offer:
            where = "" if argument.many and not command.children else f" {place}"
            found.append(_complete(f"__freellm_at {_quoted(at)}{where}", offer))
    for option in command.options:
        found += [
            _complete(f"__freellm_at {_quoted(at)}", f"{part} -d {_quoted(option.help)}")
            for part in _option(option)
        ]
    found.append(_complete(f"__freellm_at {_quoted(at)}", "-s h -l help -d 'Show help and exit.'"))
    return found


def _complete(condition: str, rest: str) -> str:
    return f"complete -c freellm -n {_quoted(condition)} {rest}"


def _option(option: Option) -> list[str]:
    """One row for each long flag, the short one with the first."""
    short = [f"-s {flag[1:]}" for flag in option.flags if not flag.startswith("--")]
    long = [f"-l {flag[2:]}" for flag in option.flags if flag.startswith("--")]
    value = f" -r {_offer(option)}".rstrip() if option.metavar else ""
    rows = [" ".join([*short, *long[:1]]), *long[1:]]
    return [row + value for row in rows]


def _offer(item: Option | Argument) -> str:
    if item.choices:
        return f"-a {_quoted(' '.join(item.choices))}"
    if item.values == "files":
        return "-F"
    if item.values == "folders":
        return "-a '(__fish_complete_directories (commandline -ct))'"
    return f"-a '(__freellm_names {item.values})'" if item.values else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
