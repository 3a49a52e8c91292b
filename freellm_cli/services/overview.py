"""A short state of the pool, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.services.discovery import unlisted
from freellm_cli.services.results import Block, Cell, Facts, Line, Result

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


def overview(runtime: Runtime) -> Result:
    """Credentials by provider, what rests, the default model."""
    credentials = runtime.credentials()
    resting = [rest for rest in runtime.ledger.rests() if not rest.due]
    counts: dict[str, int] = {}
    for item in credentials:
        if item.enabled:
            counts[item.provider] = counts.get(item.provider, 0) + 1
    data = {
        "credentials": counts,
        "resting": [rest.key for rest in resting],
        "default_model": runtime.settings.default_model or "auto",
    }
    if not counts:
        lines: tuple[Block, ...] = (
            Line("freellm has no key yet", "strong"),
            Facts(
                (
                    (Cell("  freellm setup"), "to a first key and a first answer, in a minute"),
                    (Cell("  freellm demo"), "see it work, without a key"),
                    (Cell("  freellm models --recommended"), "what is free, and where"),
                    (Cell("  freellm --help"), "everything else"),
                )
            ),
        )
        return Result(data, lines)
    keys = ", ".join(f"{count} × {name}" for name, count in counts.items())
    facts: list[tuple[str, str | Cell]] = [
        ("keys", keys),
        ("default", str(data["default_model"])),
        ("resting", Cell(f"{len(resting)} (see freellm limits)", "warn") if resting else "nothing"),
    ]
    strangers = unlisted(runtime)
    if strangers:
        ways = ", ".join(f"freellm models {name}" for name in strangers)
        facts.append(("models", Cell(f"none known of {', '.join(strangers)} (see {ways})", "warn")))
    hints = (Line('  freellm chat "…"     freellm limits     freellm --help', "dim"),)
    return Result(data, (Facts(tuple(facts)), *hints))
