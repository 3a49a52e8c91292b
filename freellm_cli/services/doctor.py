"""`freellm doctor`: a self-test whose every finding comes with what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import FreellmError
from freellm_cli.services.results import Block, Cell, Line, Result, Table

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

GOOD, WARN, BAD, INFO = "good", "warn", "bad", "info"
_STYLES = {GOOD: "good", WARN: "warn", BAD: "bad", INFO: "dim"}
_MARKS = {GOOD: "✓", WARN: "!", BAD: "✗", INFO: "·"}


class Finding(NamedTuple):
    """`state`: "good", "warn", "bad" or "info" (nothing to judge). `fix`: what mends it, a command where
    there is one; "" when nothing needs mending. `exit_code`: of a bad one."""

    area: str
    state: str
    text: str
    fix: str = ""
    exit_code: int = 3


def examine(runtime: Runtime, *, online: bool, ask_keys: bool) -> list[Finding]:
    """Every finding, area by area. Never raises for what it is there to find.

    `ask_keys`: each credential is checked with its provider, without generation quota. `online`: also
    whether the providers can be reached, and this machine's clock against theirs.
    """
    from freellm_cli.services import doctor_machine, doctor_network

    findings: list[Finding] = []
    findings += doctor_machine.versions()
    findings += doctor_machine.configuration(runtime)
    if any(finding.state == BAD for finding in findings):
        findings.append(Finding("rest", INFO, "not looked at before the above is mended"))
        return findings
    parts = (
        doctor_machine.files,
        doctor_machine.databases,
        doctor_machine.clock,
        doctor_machine.ports,
        doctor_network.proxies,
    )
    for part in parts:
        findings += _safely(part.__name__, part(runtime))
    if online:
        findings += _safely("network", doctor_network.reach(runtime))
    else:
        findings.append(Finding("network", INFO, "not tried", "freellm doctor --online"))
    findings += _safely("keys", doctor_network.credentials(runtime, ask=ask_keys))
    findings += _safely("models", doctor_network.models(runtime, ask=ask_keys))
    return findings


def _safely(area: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except FreellmError as error:
        yield Finding(area, BAD, error.message, error.hint, error.exit_code)


def examined(findings: list[Finding]) -> Result:
    """For people and as data: {"findings": [{"area", "state", "text", "fix"}], "bad", "warnings"}."""
    bad = [finding for finding in findings if finding.state == BAD]
    warnings = [finding for finding in findings if finding.state == WARN]
    rows = tuple(
        (
            Cell(_MARKS[item.state], _STYLES[item.state]),
            Cell(item.area, "strong"),
            Cell(item.text, _STYLES[item.state] if item.state in (WARN, BAD) else ""),
            Cell(item.fix, "dim" if item.state == INFO else "strong"),
        )
        for item in findings
    )
    data = {
        "findings": [
            {"area": item.area, "state": item.state, "text": item.text, "fix": item.fix}
            for item in findings
        ],
        "bad": len(bad),
        "warnings": len(warnings),
    }
    blocks: tuple[Block, ...] = (
        Table(("", "what", "finding", "mend it with"), rows),
        _last(bad, warnings),
    )
    return Result(data, blocks, exit_code=bad[0].exit_code if bad else 0)


def _last(bad: list[Finding], warnings: list[Finding]) -> Line:
    if bad:
        return Line(f"{len(bad)} to mend, {len(warnings)} to know", "bad")
    if warnings:
        return Line(f"nothing is broken; {len(warnings)} to know", "warn")
    return Line("all is well", "good")
