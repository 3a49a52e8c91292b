"""Completion for Windows PowerShell 5.1 and PowerShell 7."""

from __future__ import annotations

from freellm_cli.cli.command_tree import Argument, Command, Option

_HEAD = """\
# Completion of freellm for PowerShell. Made by scripts/gen; `freellm completion powershell` prints it.

$script:FreellmCommands = @{
"""
_TAIL = """\
}

Register-ArgumentCompleter -Native -CommandName freellm -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = $commandAst.CommandElements[0].ToString()
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    $path = ''
    $place = 0
    $valueOf = ''
    foreach ($word in $words) {
        if ($valueOf) { $valueOf = ''; continue }
        $here = $script:FreellmCommands[$path]
        if ($word -like '--*=*') { continue }
        if ($word -like '-*') {
            if ($here.Values.ContainsKey($word)) { $valueOf = $word }
            continue
        }
        $below = "$path $word".Trim()
        if ($place -eq 0 -and $script:FreellmCommands.ContainsKey($below)) { $path = $below }
        else { $place++ }
    }
    $here = $script:FreellmCommands[$path]
    $prefix = ''
    $tail = $wordToComplete
    if (-not $valueOf -and $wordToComplete -match '^(--[^=]+)=(.*)$') {
        $valueOf = $Matches[1]
        $prefix = "$valueOf="
        $tail = $Matches[2]
    }
    $found = @()
    $kind = ''
    if ($valueOf) { $kind = $here.Values[$valueOf] }
    elseif ($wordToComplete -like '-*') { $found = $here.Flags }
    else {
        if ($place -eq 0) { $found = $here.Words }
        if ($place -eq 0 -or $here.Many) { $kind = $here.Argument }
    }
    if ($kind -like '=*') { $found += $kind.Substring(1).Split(' ') }
    elseif ($kind) { $found += @(& $program _complete $kind $tail 2>$null) }
    $found | Where-Object { $_ -and $_.StartsWith($tail, 'OrdinalIgnoreCase') } | ForEach-Object {
        $name, $about = $_.Split("`t", 2)
        if (-not $about) { $about = $name }
        [System.Management.Automation.CompletionResult]::new("$prefix$name", $name, 'ParameterValue', $about)
    }
}
"""


def script(tree: Command) -> str:
    return _HEAD + "".join(_row(command) for command in tree.walk()) + _TAIL


def _row(command: Command) -> str:
    first = command.arguments[0] if command.arguments else None
    flags = [flag for option in command.options for flag in option.flags]
    words = _list([child.path[-1] for child in command.children])
    values = "; ".join(
        f"'{flag}' = '{_offer(option)}'"
        for option in command.options
        if option.metavar
        for flag in option.flags
    )
    many = "$true" if first and first.many and not command.children else "$false"
    return (
        f"    '{' '.join(command.path)}' = @{{\n"
        f"        Words = {words}\n"
        f"        Flags = {_list([*flags, '--help'])}\n"
        f"        Values = @{{ {values} }}\n"
        f"        Argument = '{_offer(first) if first else ''}'; Many = {many}\n"
        "    }\n"
    )


def _list(words: list[str]) -> str:
    return "@(" + ", ".join(f"'{word}'" for word in words) + ")"


def _offer(item: Option | Argument) -> str:
    """A kind that freellm is asked for, or "=" and the choices; files are PowerShell's own business."""
    if item.choices:
        return "=" + " ".join(item.choices)
    return "" if item.values in ("files", "folders") else item.values
