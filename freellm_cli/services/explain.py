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


_A_WAIT_S = 0.05
"""Looking at every limit takes less."""


_SHOWN_MESSAGE = 240


def why(runtime: Runtime, request_id: str = "") -> Result:
    """The story of a past request (the last one when none is named). Raises UnknownName."""
    ledger = runtime.ledger
    if request_id:
        trace = ledger.request(request_id)
        if trace is None:
            raise UnknownName(
                f"no request is remembered as {request_id!r}",
                hint="`freellm why` alone shows the last one; ids are in --json and x-request-id; what a "
                "`serve --simulate` answered is forgotten with it",
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
    spent = spent_on(trace)
    if len(spent) > 1:
        facts.insert(4, ("of that", ", ".join(spent)))
    return [Facts(tuple(facts)), *_tables(trace, now)]


def spent_on(trace: dict[str, Any]) -> list[str]:
    """What the time of a request went into, in order; the parts add up to the whole as it is shown."""
    answerer = trace.get("answerer") or {}
    tried = [float(item["seconds"]) for item in trace.get("attempts") or []]
    whole = float(trace.get("seconds", 0))
    begun = float(answerer["waited_s"]) if answerer else whole
    # Hedged tries run side by side: together they may last longer than the wait for the last one.
    in_vain = min(begun, sum(tried[:-1] if answerer else tried))
    gap = "waiting for room" if begun - in_vain >= _A_WAIT_S else "choosing"
    marks = [(in_vain, "tried in vain"), (begun, gap)]
    if answerer:
        marks += [
            (float(answerer["first_token_s"]), "until the answer began"),
            (whole, "reading it"),
        ]
    found, before = [], 0
    for mark, what in marks:
        cents = round(round(mark, 2) * 100)  # rounded as the whole is shown: 0.005 s is 0.01
        if cents > before:
            found.append(f"{(cents - before) / 100:.2f} s {what}")
            before = cents
    return found


def _tables(trace: dict[str, Any], now: float) -> list[Block]:
    """Who was tried, who was not free, who could not be asked."""
    blocks: list[Block] = []
    rows = tuple(
        (
            Cell(item["target"], "strong"),
            Cell(item["outcome"], "good" if item["outcome"] == "ok" else "bad"),
            f"{item['seconds']:.2f} s",
            _first_line(str(item["message"])),
        )
        for item in trace.get("attempts") or []
    )
    if rows:
        blocks.append(Table(("tried", "outcome", "took", "message"), rows))
    begun = float(trace.get("at", now))
    busy = tuple(
        (
            Cell(item["target"], "strong"),
            Cell(_first_line(item["text"]), "warn"),
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


def _first_line(text: str) -> str:
    """Whole words of it: providers write essays."""
    line = text.split("\n")[0]
    if len(line) <= _SHOWN_MESSAGE:
        return line
    beginning = line[:_SHOWN_MESSAGE]
    return f"{beginning.rpartition(' ')[0] or beginning} …"


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
