"""Where the amount of a limit comes from: the catalog, the user, the server's own word, or trying."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.limits import Limit, Window

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_reports import Learned

_NAMES = {"published": "catalog", "set": "you set"}


class Source(NamedTuple):
    """`limit` is the one that holds; `text` tells of all: "catalog 250, server said 20 on 2026-11-20".
    `differs`: the server said another amount than the catalog. `data`: for `--json`."""

    limit: Limit
    text: str
    differs: bool
    data: dict[str, Any]


class Told:
    """What was learned of limits, looked up by meter."""

    def __init__(self, runtime: Runtime) -> None:
        from freellm_cli.storage.ledger_learned import holds

        self._learned: dict[str, list[Learned]] = {}
        now = runtime.clock.now()
        for learned in runtime.ledger.learned():
            if holds(learned, now):
                self._learned.setdefault(learned.limit.meter, []).append(learned)

    def has(self, meter: str) -> bool:
        return meter in self._learned

    def sources(self, meter: str, limits: tuple[Limit, ...]) -> tuple[Source, ...]:
        """One for each unit and window of the meter: `limits` and what was learned beside them."""
        learned = {
            (each.limit.unit, each.limit.window): each for each in self._learned.get(meter, ())
        }
        kept: dict[tuple[str, Window], Limit] = {}
        for limit in limits:
            key = (limit.unit, limit.window)
            held = kept.get(key)
            if held is None or limit.amount < held.amount:
                kept[key] = limit
        return tuple(
            _source(kept.get(key), learned.get(key)) for key in dict.fromkeys((*kept, *learned))
        )


def day_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _source(known: Limit | None, learned: Learned | None) -> Source:
    if learned is None:
        assert known is not None
        return Source(known, known.source, False, {})
    said = learned.limit
    when = day_of(learned.at)
    data = {
        "learned": {
            "amount": said.amount,
            "by": "trying" if said.source == "rate" else "the server",
            "evidence": learned.evidence,
            "on": when,
        },
        "published": known.amount if known is not None and known.source == "published" else None,
    }
    if said.source == "rate":
        return Source(said, f"found by trying on {when}", False, data)
    if known is None:
        return Source(said, f"server said so on {when}", False, data)
    if known.amount == said.amount:
        return Source(known, f"{known.source}, server said so on {when}", False, data)
    text = f"{_NAMES.get(known.source, known.source)} {known.amount:,}, "
    text += f"server said {said.amount:,} on {when}"
    held = said if said.amount < known.amount else known
    return Source(held, text, known.source == "published", data)
