"""What has been used of one meter in one window, and how that changes. Pure arithmetic.

A lease counts in every window from the moment it is written, for nobody knows when the provider will
count it. Once its answer's headers have come, it was counted at that moment at the latest: a sliding
window holds it until its length has passed since then. Near a calendar window's edge, and near the end
of a window that began with a first use, a request may fall on either side; it counts on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, NamedTuple

from freellm_cli.core.day_windows import DAY_GUARD_S, period_at
from freellm_cli.core.limits import Window, guard_s

_SLICES = 1000
"""Uses that lie closer together than this fraction of a sliding window leave it together."""

_FINEST_S = 0.001

SAVED_FIELDS = (
    "requests",
    "tokens",
    "open_requests",
    "open_tokens",
    "starts",
    "ends",
    "carried_requests",
    "carried_tokens",
    "carried_ends",
    "past_starts",
    "past_requests",
    "past_tokens",
)
"""What a store keeps of a counter, in the order of `Counter.saved`."""

_NEW = (0, 0, 0, 0, 0, None, None, 0, 0, None, None, 0, 0)


class Moment(NamedTuple):
    """One moment on both time scales.

    `steady`: seconds that pass evenly and never jump, the scale of everything relative. `wall`: seconds
    since the epoch as the machine's clock tells them, the scale of calendars.
    """

    steady: float
    wall: float

    def wall_at(self, steady: float) -> float:
        return steady + (self.wall - self.steady)

    def steady_at(self, wall: float) -> float:
        return wall - (self.wall - self.steady)


class Slice(NamedTuple):
    """Uses of a sliding window that leave it together. `at`: when the last of them was answered."""

    number: int
    at: float
    requests: int
    tokens: int


class Use(NamedTuple):
    """What one lease used. Times are steady; `answered` is the latest moment at which the provider can
    have counted it."""

    opened: float
    answered: float
    requests: int
    tokens: int


class Counter:
    """One meter in one window.

    `requests`, `tokens`: what counts now; `open_requests`, `open_tokens`: what unsettled leases hold.
    `starts`, `ends`: sliding: the oldest use, unused; calendar: the period, wall time; first use: the
    earliest moment the window can have begun, the latest it can end, steady time. `carried_*`: counts in
    the next period too. `past_*`: calendar: the period before, should the clock be set back; first use:
    when the last window was taken to be over, and 1 once the end of this one is certain.

    After `refresh`: `resets_at` is when the period ends (steady; None if it has no end yet), `shut_until`
    is when the next request may go at the earliest, whatever the amounts.
    """

    __slots__ = (
        "changed",
        "id",
        "meter",
        "resets_at",
        "shut_until",
        "span",
        "window",
        *SAVED_FIELDS,
    )

    id: int
    requests: int
    tokens: int
    open_requests: int
    open_tokens: int
    starts: float | None
    ends: float | None
    carried_requests: int
    carried_tokens: int
    carried_ends: float | None
    past_starts: float | None
    past_requests: int
    past_tokens: int

    def __init__(self, meter: str, window: Window, row: Sequence[Any] | None = None) -> None:
        """`row`: the stored id, then the SAVED_FIELDS."""
        self.meter = meter
        self.window = window
        self.span = window.seconds + guard_s(window.seconds)
        self.changed = False
        self.resets_at: float | None = None
        self.shut_until = 0.0
        (
            self.id,
            self.requests,
            self.tokens,
            self.open_requests,
            self.open_tokens,
            self.starts,
            self.ends,
            self.carried_requests,
            self.carried_tokens,
            self.carried_ends,
            self.past_starts,
            self.past_requests,
            self.past_tokens,
        ) = row or _NEW

    def saved(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in SAVED_FIELDS)

    def copy(self) -> Counter:
        twin = Counter(self.meter, self.window, (self.id, *self.saved()))
        twin.resets_at, twin.shut_until = self.resets_at, self.shut_until
        return twin

    @property
    def early_end(self) -> float:
        """The earliest moment at which a window that began with a first use can be over."""
        starts = inf if self.starts is None else self.starts
        return starts + self.window.seconds - guard_s(self.window.seconds)

    # Time passes

    def refresh(self, moment: Moment) -> None:
        """Starts a new period when the old one is over."""
        kind = self.window.kind
        if kind == "first_use":
            self._refresh_first_use(moment.steady)
        elif kind in ("day", "month"):
            self._refresh_calendar(moment)

    def _refresh_calendar(self, moment: Moment) -> None:
        trusted = moment.wall - DAY_GUARD_S
        if self.ends is None or self.starts is None or not self.starts <= trusted < self.ends:
            self._turn_page(*period_at(self.window.kind, self.window.zone, trusted))
        self.resets_at = moment.steady_at((self.ends or 0.0) + DAY_GUARD_S)

    def _turn_page(self, starts: float, ends: float) -> None:
        if self.starts is not None and starts < self.starts:
            # The clock was set back: what counted in a day that has not come yet belongs to this one.
            if self.past_starts == starts:
                self.requests += self.past_requests
                self.tokens += self.past_tokens
            self.past_starts, self.past_requests, self.past_tokens = None, 0, 0
        elif self.starts is not None:
            follows = self.ends == starts
            self.past_starts = self.starts
            self.past_requests, self.past_tokens = self.requests, self.tokens
            self.requests = self.carried_requests if follows else 0
            self.tokens = self.carried_tokens if follows else 0
        self.carried_requests = self.carried_tokens = 0
        self.starts, self.ends = starts, ends
        self.changed = True

    def _refresh_first_use(self, now: float) -> None:
        """A window is over when it is over in every case. Leases that were open then may have begun the
        next one at any moment since it could have been over (`early_end`)."""
        if self.ends is not None and now >= self.ends:
            spanned = self.carried_requests or self.open_requests
            self.starts = self.early_end if spanned else None
            self.ends = self.carried_ends if self.carried_requests else None
            self.requests, self.tokens = self.carried_requests, self.carried_tokens
            self.carried_requests = self.carried_tokens = 0
            self.carried_ends = None
            self.past_starts, self.past_requests = now, 0
            self.changed = True
        if self.starts is not None and self.ends is None and not self.open_requests:
            self.ends = now + self.span
            self.changed = True
        self.resets_at = self.ends
        self.shut_until = 0.0
        if now >= self.early_end:
            # The provider may or may not have begun a new window; nobody could count what goes now.
            self.shut_until = inf if self.ends is None else self.ends

    def is_stale(self, now: float) -> bool:
        """Whether the oldest use of a sliding window has left it: `expire` has something to do."""
        return (
            self.starts is not None
            and self.starts + self.span <= now
            and self.window.kind == "sliding"
        )

    def expire(self, gone: Iterable[Slice], oldest: float | None) -> None:
        """Takes out slices that have left a sliding window; `oldest` is the `at` of the next one."""
        for piece in gone:
            self.requests -= piece.requests
            self.tokens -= piece.tokens
        if oldest is None:  # nothing is left, so any drift ends here
            self.requests = self.tokens = 0
        self.starts = oldest
        self.changed = True

    # Leases come and go

    def open(self, tokens: int, now: float) -> None:
        """A lease has been written."""
        self.open_requests += 1
        self.open_tokens += tokens
        if self.window.kind == "first_use":
            self.starts = now if self.starts is None else self.starts
            self.ends = self.ends if self.past_requests else None
            self.changed = True

    def close(self, tokens: int) -> None:
        """A lease is open no more; `count` what it used, if anything."""
        self.open_requests = max(0, self.open_requests - 1)
        self.open_tokens = max(0, self.open_tokens - tokens)
        untouched = not (self.open_requests or self.requests or self.carried_requests)
        if self.window.kind == "first_use" and untouched and self.ends is None:
            self.starts = None
        self.changed = True

    def count(self, use: Use, moment: Moment) -> Slice | None:
        """Adds a use to the windows it may fall in; refresh first. Returns the slice to store when the
        window slides."""
        kind = self.window.kind
        self.changed = True
        if kind == "sliding":
            return self._count_sliding(use, moment.steady)
        if kind == "first_use":
            self._count_first_use(use)
        elif kind != "open":
            self._count_calendar(use, moment)
        return None

    def amend(self, answered: float, tokens: int, moment: Moment) -> int | None:
        """Adds `tokens` (perhaps negative) to a use that was counted before. Returns the number of the
        slice to amend when the window slides; the sum is amended here."""
        kind = self.window.kind
        self.changed = True
        if kind == "sliding":
            if answered + self.span <= moment.steady:
                return None
            self.tokens += tokens
            return self.slice_number(answered)
        if kind == "first_use" and self.starts is not None and answered >= self.starts:
            self.tokens += tokens
        elif kind in ("day", "month"):
            self._count_calendar(Use(answered, answered, 0, tokens), moment)
        return None

    def slice_number(self, at: float) -> int:
        return int(at / max(_FINEST_S, self.window.seconds / _SLICES))

    def _count_sliding(self, use: Use, now: float) -> Slice | None:
        if use.answered + self.span <= now:
            return None
        self.requests += use.requests
        self.tokens += use.tokens
        if self.starts is None or use.answered < self.starts:
            self.starts = use.answered
        number = self.slice_number(use.answered)
        return Slice(number, use.answered, use.requests, use.tokens)

    def _count_first_use(self, use: Use) -> None:
        """Which window the provider counted a request in is certain only for one that was opened and
        answered inside it; others count wherever they may have fallen. The end is certain once a request
        that was opened in the window is answered: it was open by then."""
        if self.starts is not None and use.answered < self.starts:
            return  # its window is over
        ends = use.answered + self.span
        self.starts = use.opened if self.starts is None else self.starts
        if self.past_starts is None or use.opened >= self.past_starts:
            self.ends = min(ends, self.ends or ends) if self.past_requests else ends
            self.past_requests = 1
        elif not self.past_requests and not self.open_requests:
            self.ends = max(ends, self.ends or ends)
        if use.answered >= self.early_end:
            self.carried_requests += use.requests
            self.carried_tokens += use.tokens
            self.carried_ends = max(ends, self.carried_ends or ends)
        self.requests += use.requests
        self.tokens += use.tokens

    def _count_calendar(self, use: Use, moment: Moment) -> None:
        answered = moment.wall_at(use.answered)
        if self.starts is None or self.ends is None:
            return
        if answered + DAY_GUARD_S >= self.starts:
            self.requests += use.requests
            self.tokens += use.tokens
        elif self.past_starts is not None:
            self.past_requests += use.requests
            self.past_tokens += use.tokens
        if answered + DAY_GUARD_S >= self.ends:
            self.carried_requests += use.requests
            self.carried_tokens += use.tokens
