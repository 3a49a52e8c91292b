"""`freellm why` and `freellm route`: what became of a request, and where one would go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import UnknownName
from freellm_cli.core.needs import Needs
from freellm_cli.services.pool import Pool
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table
from freellm_cli.services.spell import spell_seconds, spell_until

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger import View


def why(runtime: Runtime, request_id: str = "") -> Result:
    """The story of a past request (the last one when none is named). Raises UnknownName."""
    ledger = runtime.ledger
    if request_id:
        trace = ledger.request(request_id)
        if trace is None:
            raise UnknownName(
                f"no request is remembered as {request_id!r}",
                hint="`freellm why` alone shows the last one; ids are in --json and x-request-id",
            )
    else:
        recent = ledger.requests(1)
        if not recent:
            return Result({"request": None}, (Line("nothing was asked yet"),))
        trace = recent[0]
    return Result({"request": trace}, tuple(_story(trace, runtime.clock.now())))


def _story(trace: dict[str, Any], now: float) -> list[Block]:
    answerer = trace.get("answerer") or {}
    ago = spell_seconds(max(1.0, now - float(trace.get("at", now))))
    facts: list[tuple[str, str | Cell]] = [
        ("request", str(trace["id"])),
        ("asked", f"{trace.get('asked') or 'the default model'}, {ago} ago"),
        ("outcome", Cell(str(trace.get("outcome")), "good" if answerer else "bad")),
        ("took", f"{trace.get('seconds', 0):.2f} s"),
    ]
    if answerer:
        facts.append(("answered by", f"{answerer['model_id']} with {answerer['credential']}"))
        tried = [float(item["seconds"]) for item in trace.get("attempts") or []]
        waited = answerer["waited_s"] - sum(tried[:-1])
        if waited >= 0.05:
            facts.append(("waited", f"{waited:.1f} s for a limit"))
    return [Facts(tuple(facts)), *_tables(trace, now)]


def _tables(trace: dict[str, Any], now: float) -> list[Block]:
    """Who was tried, who was not free, who could not be asked."""
    blocks: list[Block] = []
    rows = tuple(
        (
            Cell(item["target"], "strong"),
            Cell(item["outcome"], "good" if item["outcome"] == "ok" else "bad"),
            f"{item['seconds']:.2f} s",
            str(item["message"]).split("\n")[0][:120],
        )
        for item in trace.get("attempts") or []
    )
    if rows:
        blocks.append(Table(("tried", "outcome", "took", "message"), rows))
    begun = float(trace.get("at", now))
    busy = tuple(
        (
            Cell(item["target"], "strong"),
            Cell(item["text"][:120], "warn"),
            spell_until(item["until"], begun),
        )
        for item in trace.get("candidates") or []
    )
    if busy:
        blocks.append(Table(("not free then", "why", "for another"), busy))
    left_out = tuple((item["target"], item["reason"]) for item in trace.get("excluded") or [])
    if left_out:
        blocks.append(Table(("left out", "why"), left_out))
    return blocks


def route(runtime: Runtime, model: str) -> Result:
    """The targets that a short question for `model` would use now, in order; nothing is sent.

    Raises UnknownName, NoCredential, ProviderClosed.
    """
    needs = Needs(prompt_tokens=200, answer_tokens=200, capabilities=frozenset({"chat"}))
    plan = Pool(runtime).plan(model, needs)
    views = runtime.ledger.explain([item.candidate for item in plan.targets], tokens=400)
    table, data = _standings(views, runtime.clock.now())
    blocks: list[Block] = [Line(notice, "warn") for notice in plan.route.notices]
    blocks.append(table)
    if plan.excluded:
        left_out = tuple((item.target, item.reason) for item in plan.excluded)
        blocks.append(Table(("left out", "why"), left_out))
    result = {
        "asked": model,
        "steps": [
            {"why": step.why, "models": [item.id for item in step.models]}
            for step in plan.route.steps
        ],
        "targets": data,
        "excluded": [item._asdict() for item in plan.excluded],
        "notices": list(plan.route.notices),
    }
    return Result(result, tuple(blocks))


def _standings(views: Iterable[View], now: float) -> tuple[Table, list[dict[str, Any]]]:
    """How each target stands, for people and for programs."""
    rows, data = [], []
    for view in views:
        reasons = [reason.text for reason in view.reasons]
        key, step = view.candidate.key, view.candidate.step
        state = Cell("free", "good") if view.is_free else Cell(spell_until(view.until, now), "warn")
        load = f"{view.load:.0%}"
        rows.append((str(step + 1), Cell(key, "strong"), state, load, "; ".join(reasons)))
        data.append(
            {
                "step": step,
                "target": key,
                "free": view.is_free,
                "until_s": None if view.until is None else round(max(0.0, view.until - now), 1),
                "load": round(view.load, 4),
                "reasons": reasons,
            }
        )
    return Table(("step", "target", "free in", "load", "why not now"), tuple(rows)), data
