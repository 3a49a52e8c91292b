"""The pool as lines for a terminal that stays open: every key with its models, how much of each limit is
used, when it resets, what rests and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.cli.terminal_table import width_of
from freellm_cli.services.results import Cell
from freellm_cli.services.spell import short_count, short_limit, spell_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from freellm_cli.services.pool_picture import Row

Line = tuple[Cell, ...]

WIDE = 72
"""A narrower terminal gets a model's name on a line of its own."""
ROOMY = 110
_GAP = 2
_SHORT = {"requests": "req", "tokens": "tok", "minute": "min", "second": "s", "hour": "h"}


class Glyphs(NamedTuple):
    """`used` and `left`: the two halves of a bar."""

    used: str = "█"
    left: str = "░"
    dot: str = "·"
    cut: str = "…"


ASCII = Glyphs("#", "-", "-", "~")


def board(rows: Sequence[Row], now: float, width: int, glyphs: Glyphs = Glyphs()) -> list[Line]:  # noqa: B008
    """Lines of at most `width` columns. `rows`: from `services.pool_picture`; `now`: wall time."""
    return _Board(rows, now, width, glyphs).lines()


def tally(rows: Sequence[Row]) -> str:
    """Such as "4 keys, 1 used up, 1 resting"."""
    parts = [f"{len(rows)} {'key' if len(rows) == 1 else 'keys'}"]
    words = {"limited": "used up", "resting": "resting", "refused": "refused", "off": "off"}
    for state, word in words.items():
        count = sum(row["state"] == state for row in rows)
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def cut_to(line: Line, width: int, mark: str = "…") -> Line:
    """`line`, cut where the terminal ends. What would drive the terminal is taken out: providers and people
    write what they like."""
    kept: list[Cell] = []
    left = width
    for cell in line:
        whole = "".join(char if char.isprintable() else " " for char in cell.text)
        text = fitted(whole, left, mark)
        kept.append(cell._replace(text=text))
        left -= width_of(text)
        if text != whole:
            break
    return tuple(kept)


def fitted(text: str, width: int, mark: str = "…") -> str:
    """The beginning of `text` in so many columns."""
    if width_of(text) <= width:
        return text
    while text and width_of(text) + 1 > width:
        text = text[:-1]
    return text + mark if width > 0 else ""


def shortened(name: str, width: int, mark: str = "…") -> str:
    """A name without its middle: models differ at both ends."""
    if width_of(name) <= width:
        return name
    head = max(1, (width - 1) // 2)
    tail = max(0, width - 1 - head)
    return name[:head] + mark + (name[-tail:] if tail else "")


class _Board:
    def __init__(self, rows: Sequence[Row], now: float, width: int, glyphs: Glyphs) -> None:
        self._rows = rows
        self._now = now
        self._width = width
        self._glyphs = glyphs
        self._is_wide = width >= WIDE
        self._bar = 20 if width >= ROOMY else 10 if width >= 50 else 6
        limits = [limit for row in rows for model in row["models"] for limit in model["limits"]]
        self._amounts = max((width_of(self._amount(limit)) for limit in limits), default=0)
        self._resets = max((width_of(self._reset(limit)) for limit in limits), default=0)
        fixed = _GAP + self._bar + 1 + self._amounts + _GAP + self._resets + _GAP
        names = [width_of(_name(row, model)) for row in rows for model in row["models"]]
        self._names = min(max(names, default=0), max(8, width - fixed))

    def lines(self) -> list[Line]:
        lines: list[Line] = []
        for row in self._rows:
            lines += [(), *self._key(row)]
        return [cut_to(line, self._width, self._glyphs.cut) for line in lines[1:]]

    def _key(self, row: Row) -> Iterator[Line]:
        dot = f" {self._glyphs.dot} "
        head = [Cell(row["id"], "strong")]
        if row["label"]:
            head.append(Cell(f"{dot}{row['label']}"))
        state, style = self._state(row["state"], row["rest"])
        shares = f"shares with {', '.join(row['shares'])}" if row["shares"] else ""
        if shares and self._is_wide:
            head.append(Cell(f"{dot}{shares}", "dim"))
        used = sum(width_of(cell.text) for cell in head)
        room = self._width - used - width_of(state)
        if room < _GAP:
            yield tuple(head)
            yield (Cell("  "), Cell(state, style))
        else:
            yield (*head, Cell(" " * room), Cell(state, style))
        if shares and not self._is_wide:
            yield (Cell(f"  {shares}", "dim"),)
        why = row["why"] or (row["rest"] or {}).get("reason", "")
        if why:
            yield (Cell("  "), Cell(why, "warn"))
        for model in row["models"]:
            yield from self._model(row, model)
        if not row["models"] and row["state"] == "good":
            yield (Cell("  nothing counts against a known limit", "dim"),)

    def _state(self, state: str, rest: Row | None) -> tuple[str, str]:
        if rest is not None and state == "resting":
            if rest["due"]:
                return "a trial is due", "warn"
            if rest["until"] is not None:
                return f"rests {self._until(rest['until'])}", "warn"
        words = {"good": ("ready", "good"), "limited": ("used up", "warn"), "off": ("off", "dim")}
        return words.get(state, (state, "bad"))

    def _model(self, row: Row, model: Row) -> Iterator[Line]:
        name = _name(row, model)
        rest = model["rest"]
        style = "" if rest is None else "warn"
        if not self._is_wide or not model["limits"]:
            yield (Cell("  "), Cell(shortened(name, self._width - 2, self._glyphs.cut), style))
            name = ""
        for limit in model["limits"]:
            yield self._limit(name, style, limit)
            name = ""
        if rest is not None:
            state, mark = self._state("resting", rest)
            yield (Cell("    "), Cell(f"{state}: {rest['reason']}", mark))

    def _limit(self, name: str, style: str, limit: Row) -> Line:
        share = limit["used"] / limit["amount"] if limit["amount"] else 1.0
        full = min(self._bar, round(share * self._bar))
        if limit["used"] and not full:
            full = 1
        colour = "bad" if share >= 1 else "warn" if share >= 0.8 else "good"
        amount, reset = self._amount(limit), self._reset(limit)
        cells = [Cell("    ")]
        if self._is_wide:
            name = shortened(name, self._names, self._glyphs.cut)
            cells = [Cell("  "), Cell(name + " " * (self._names - width_of(name) + _GAP), style)]
        return (
            *cells,
            Cell(self._glyphs.used * full, colour),
            Cell(self._glyphs.left * (self._bar - full), "dim"),
            Cell(" " + amount + " " * (self._amounts - width_of(amount) + _GAP)),
            Cell(" " * (self._resets - width_of(reset)) + reset, "dim"),
        )

    def _amount(self, limit: Row) -> str:
        unit, window = limit["unit"], limit["window"]
        counted = f"{short_count(limit['used'])}/{short_limit(limit['amount'])}"
        if window == "at once":
            return f"{counted} at once"
        if not self._is_wide:
            return f"{counted} {_SHORT.get(unit, unit)}/{_SHORT.get(window, window)}"
        return f"{counted} {unit} {'in' if window[0].isdigit() else 'a'} {window}"

    def _reset(self, limit: Row) -> str:
        return "" if limit["resets_at"] is None else self._until(limit["resets_at"])

    def _until(self, at: float) -> str:
        return spell_seconds(max(1.0, at - self._now))


def _name(row: Row, model: Row) -> str:
    """Without the provider, which the key names already; "all models" for a limit of all together."""
    name: str = model["model"].removeprefix(f"{row['provider']}/")
    return "all models" if name == "*" else name
