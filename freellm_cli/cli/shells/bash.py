"""Completion for bash 3.2 and later, without the bash-completion package."""

from __future__ import annotations

from freellm_cli.cli.command_tree import Argument, Command, Option

_HEAD = """\
# Completion of freellm for bash. Made by scripts/gen; `freellm completion bash` prints it.

_freellm_path() {
    # Sets: path (the subcommand so far), place (how many plain words it has had), value_of (the flag
    # that waits for its value, if any).
    local word
    path='' place=0 value_of=''
    for word in "$@"; do
        if [[ -n $value_of ]]; then value_of=''; continue; fi
        case $word in
            --*=*) ;;
            -*) if _freellm_takes_value "$path" "$word"; then value_of=$word; fi ;;
            *)
                if [[ $place -eq 0 ]] && _freellm_is_command "$path${path:+ }$word"; then
                    path="$path${path:+ }$word"
                else
                    place=$((place + 1))
                fi ;;
        esac
    done
}
"""
_TAIL = """\
_freellm() {
    local line=${COMP_LINE:0:COMP_POINT} cur='' path place value_of candidates='' kind='' name tail
    local -a words
    read -r -a words <<< "$line"
    # The line is split anew, because bash splits words at ":" and "=", which names of models hold.
    case $line in
        *[[:space:]]) ;;
        *) cur=${words[${#words[@]} - 1]}; unset "words[${#words[@]}-1]" ;;
    esac
    COMPREPLY=()
    _freellm_path "${words[@]:1}"
    tail=$cur
    if [[ -z $value_of && $cur == --*=* ]]; then
        value_of=${cur%%=*} tail=${cur#*=}
    fi
    if [[ -n $value_of ]]; then
        _freellm_value "$path" "$value_of"
    elif [[ $cur == -* ]]; then
        _freellm_flags "$path"
    else
        _freellm_word "$path" "$place"
    fi
    case $kind in
        '') ;;
        files) while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$tail")
            compopt -o filenames 2>/dev/null; return ;;
        folders) while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -d -- "$tail")
            compopt -o filenames 2>/dev/null; return ;;
        *) candidates="$candidates
$("${words[0]}" _complete "$kind" "$tail" 2>/dev/null)" ;;
    esac
    # Bash replaces only what follows the last of its word breaks.
    local done=${cur%"$tail"} rest='' breaks=''
    if [[ $COMP_WORDBREAKS == *:* ]]; then breaks=:; fi
    if [[ $COMP_WORDBREAKS == *=* ]]; then breaks=$breaks=; fi
    if [[ -n $breaks && $cur == *[$breaks]* ]]; then rest=${cur%"${cur##*[$breaks]}"}; fi
    while IFS=$'\\t' read -r name _; do
        if [[ -n $name && $name == "$tail"* ]]; then
            name=$done$name
            COMPREPLY+=("${name#"$rest"}")
        fi
    done <<< "$candidates"
}

complete -F _freellm freellm
"""


def script(tree: Command) -> str:
    commands = list(tree.walk())
    return "\n".join(
        [
            _HEAD,
            _test("_freellm_is_command", [f"'{_path(c)}'" for c in commands if c.path], "$1"),
            _test("_freellm_takes_value", _valued(commands), "$1 $2"),
            _values(commands),
            _flags(commands),
            _words(commands),
            _TAIL,
        ]
    )


def _path(command: Command) -> str:
    return " ".join(command.path)


def _test(name: str, patterns: list[str], subject: str) -> str:
    body = " | \\\n            ".join(patterns)
    return f'{name}() {{\n    case "{subject}" in\n        {body}) return 0 ;;\n    esac\n    return 1\n}}\n'


def _valued(commands: list[Command]) -> list[str]:
    return [
        pattern
        for command in commands
        for option in command.options
        if option.metavar
        for pattern in _patterns(command, option)
    ]


def _patterns(command: Command, option: Option) -> list[str]:
    return [f"'{_path(command)} {flag}'" for flag in option.flags]


def _offer(item: Option | Argument) -> str:
    if item.choices:
        return "candidates='" + "\n".join(item.choices) + "'"
    return f"kind={item.values}"


def _values(commands: list[Command]) -> str:
    rows = [
        f"        {' | '.join(_patterns(command, option))}) {_offer(option)} ;;"
        for command in commands
        for option in command.options
        if option.values or option.choices
    ]
    return _case("_freellm_value", "$1 $2", rows)


def _flags(commands: list[Command]) -> str:
    rows = []
    for command in commands:
        flags = [flag for option in command.options for flag in option.flags]
        rows.append(
            f"        '{_path(command)}') candidates='" + "\n".join([*flags, "--help"]) + "' ;;"
        )
    return _case("_freellm_flags", "$1", rows)


def _words(commands: list[Command]) -> str:
    """What may stand at a place: subcommands, and the first argument (again and again if it repeats)."""
    rows = []
    for command in commands:
        names = [child.path[-1] for child in command.children]
        offers = []
        pattern = "0"
        for argument in command.arguments[:1]:
            names += argument.choices
            offers += [f"kind={argument.values}"] if argument.values else []
            pattern = "*" if argument.many and not command.children else "0"
        if names:
            offers.append("candidates='" + "\n".join(names) + "'")
        if offers:
            rows.append(f"        '{_path(command)} '{pattern}) {'; '.join(offers)} ;;")
    return _case("_freellm_word", "$1 $2", rows)


def _case(name: str, subject: str, rows: list[str]) -> str:
    body = "\n".join(rows)
    return f'{name}() {{\n    case "{subject}" in\n{body}\n    esac\n}}\n'
