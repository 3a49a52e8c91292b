"""When a target will be free, for one who waits in a line. Pure.

A line is played through: each waiter takes the candidate that is free for it first, at that moment,
and the next finds what that leaves. What open leases hold is taken to be answered now, and a
place among concurrent requests to come free every few seconds: such a forecast says so (`sure`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from freellm_cli.core.counters import Counter, Moment
from freellm_cli.core.day_windows import DAY_GUARD_S, period_at
from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, is_long, less_reserve
from freellm_cli.core.rotation import (
    Check,
    Lineup,
    RestState,
    Snapshot,
    Wish,
    has_room,
    used_of,
)

HELD_S = 2.0
"""How long a request is taken to last where nobody can know."""

_LONG_REST_S = 86_400.0
_MOST_PAGES = 400
"""A calendar is followed this many periods into the future."""


class Obstacle(NamedTuple):
    """Why a candidate is not free.

    `why`: "limit", "too_large" (the whole limit would not hold it), "rest", "trial" (another request tries
    it now), "pace" (spread after a reset), "window" (when its window ends is not certain yet). `until`:
    steady time, inf for never. `sure`: False where `until` is a guess. `used`: of the limit, open leases
    included.
    """

    why: str
    until: float
    sure: bool = True
    limit: Limit | None = None
    rest: RestState | None = None
    used: int = 0

    @property
    def is_daily(self) -> bool:
        """Whether waiting for it means a window of a day or longer."""
        if self.limit is not None:
            return is_long(self.limit.window)
        return self.rest is not None and self.rest.kind == "quota_exhausted_day"


class Forecast(NamedTuple):
    """When `candidate` (an index) is free: `until` is steady time, inf for never."""

    until: float
    sure: bool
    candidate: int
    cause: Obstacle | None


class Outlook:
    """The future of a lineup, as far as leases taken in it make it."""

    def __init__(self, lineup: Lineup, snapshot: Snapshot, *, seconds_each: float = 0.0) -> None:
        """`seconds_each`: from a lease until the headers of its answer."""
        self._lineup = lineup
        self._snapshot = snapshot
        self._seconds_each = seconds_each
        self._tracks: dict[int, Track] = {}
        self._last = dict(snapshot.used_at)

    def obstacles(self, at: int, wish: Wish) -> tuple[Obstacle, ...]:
        """Everything that keeps a candidate from being asked now; () when it is free."""
        now = self._snapshot.now
        found = list(self._rests(at))
        for check in self._lineup.checks[at]:
            counter = self._snapshot.counters[check.counter]
            used = used_of(counter, check.unit)
            if not has_room(counter, check, wish):
                until, sure = self._room(check, now, wish)
                never_fits = check.unit == TOKENS and wish.tokens > check.amount > 0
                why = "too_large" if never_fits else "limit"
                found.append(Obstacle(why, until, sure, check.limit, None, used))
            elif counter.shut_until > now:
                until, sure = self._room(check, now, wish)
                found.append(Obstacle("window", until, sure, check.limit, None, used))
        paced = self._paced(at, wish)
        if paced > now:
            found.append(Obstacle("pace", paced))
        return tuple(found)

    def free_at(self, at: int, wish: Wish) -> tuple[float, bool, Obstacle | None]:
        """When a candidate is free next, whether that is sure, and what it waits for last."""
        time, sure, cause = self._snapshot.now, True, None
        for rest in self._rests(at):
            if rest.until > time:
                time, sure, cause = rest.until, rest.sure, rest
        time = max(time, self._paced(at, wish))
        moved = True
        while moved and time < inf:
            moved = False
            for check in self._lineup.checks[at]:
                until, certain = self._room(check, time, wish)
                if until > time:
                    used = used_of(self._snapshot.counters[check.counter], check.unit)
                    cause = Obstacle("limit", until, certain, check.limit, None, used)
                    time, sure, moved = until, sure and certain, True
        return time, sure, cause

    def first(self, wish: Wish) -> Forecast:
        """The candidate that is free first, of those the wish allows."""
        best = Forecast(inf, True, -1, None)
        for at in range(len(self._lineup.candidates)):
            if wish.allowed is not None and at not in wish.allowed:
                continue
            until, sure, cause = self.free_at(at, wish)
            if best.candidate < 0 or until < best.until:
                best = Forecast(until, sure, at, cause)
        return best

    def take(self, at: int, time: float, tokens: int) -> None:
        """A lease is written for the candidate at `time`."""
        for place in self._lineup.touches[at]:
            self._track(place).take(time, tokens)
        self._last[self._lineup.candidates[at].key] = time

    def schedule(self, wish: Wish, requests: int) -> Iterator[Forecast]:
        """When each of `requests` equal requests would be leased, one after the other, until one never
        can be."""
        for _ in range(requests):
            forecast = self.first(wish)
            if forecast.until == inf:
                return
            self.take(forecast.candidate, forecast.until, wish.tokens)
            yield forecast

    def _rests(self, at: int) -> Iterator[Obstacle]:
        now = self._snapshot.now
        for key in self._lineup.candidates[at].rest_keys:
            rest = self._snapshot.rests.get(key)
            if rest is None:
                continue
            if rest.until > now:
                yield Obstacle("rest", rest.until, True, None, rest)
            elif rest.trial and rest.tried_by:
                yield Obstacle("trial", now + HELD_S, False, None, rest)

    def _paced(self, at: int, wish: Wish) -> float:
        spacing = self._lineup.spacing[at] if wish.spaced else 0.0
        if not spacing:
            return -inf
        return self._last.get(self._lineup.candidates[at].key, -inf) + spacing

    def _room(self, check: Check, time: float, wish: Wish) -> tuple[float, bool]:
        need = wish.tokens if check.unit == TOKENS else 1
        amount = less_reserve(check.amount, wish.reserve)
        if need > amount:
            return inf, True
        if check.counter not in self._tracks:
            counter = self._snapshot.counters[check.counter]
            if counter.shut_until <= time and used_of(counter, check.unit) + need <= amount:
                return (
                    time,
                    True,
                )  # nothing was taken yet and nothing comes back: no need to look ahead
        return self._track(check.counter).room_at(time, check.unit, need, amount)

    def _track(self, place: int) -> Track:
        track = self._tracks.get(place)
        if track is None:
            counter = self._snapshot.counters[place]
            track = _new_track(counter, self._snapshot, self._seconds_each)
            self._tracks[place] = track
        return track


def forecast(
    lineup: Lineup, snapshot: Snapshot, ahead: Sequence[tuple[tuple[int, ...], int]], wish: Wish
) -> Forecast:
    """When `wish` comes true for one who stands behind `ahead`: for each earlier waiter the indices of
    the candidates it would take, and its tokens."""
    outlook = Outlook(lineup, snapshot)
    for allowed, tokens in ahead:
        first = outlook.first(Wish(tokens, spaced=True, allowed=allowed))
        if first.until < inf:
            outlook.take(first.candidate, first.until, tokens)
    return outlook.first(wish)


class Track:
    """The future of one counter. Takes come in order: once something was taken at a moment, nothing is
    free before it, which keeps a long line cheap to play through."""

    def room_at(self, time: float, unit: str, need: int, amount: int) -> tuple[float, bool]:
        """The first moment from `time` on with room for `need` within `amount`, and whether it is sure."""
        raise NotImplementedError

    def take(self, time: float, tokens: int) -> None:
        raise NotImplementedError


class _Leaving(NamedTuple):
    at: float
    requests: int
    tokens: int


class _Sliding(Track):
    """Each use leaves by itself; the same holds for places among concurrent requests."""

    def __init__(self, snapshot: Snapshot, counter: Counter, span: float, *, sure: bool) -> None:
        self._span = span
        self._sure = sure
        slices = snapshot.leaving(counter) if sure else ()
        self._events = [_Leaving(each.at + span, each.requests, each.tokens) for each in slices]
        if counter.open_requests or counter.open_tokens:
            insort(
                self._events,
                _Leaving(snapshot.now + span, counter.open_requests, counter.open_tokens),
            )
        self._requests = sum(each.requests for each in self._events)
        self._tokens = sum(each.tokens for each in self._events)
        self._gone = 0
        self._floor = snapshot.now

    def room_at(self, time: float, unit: str, need: int, amount: int) -> tuple[float, bool]:
        used = self._tokens if unit == TOKENS else self._requests
        found = max(time, self._floor)
        sure = True
        for place in range(self._gone, len(self._events)):
            if used + need <= amount:
                break
            event = self._events[place]
            used -= event.tokens if unit == TOKENS else event.requests
            if event.at > found:
                found, sure = event.at, self._sure
        return found, sure

    def take(self, time: float, tokens: int) -> None:
        self._floor = max(self._floor, time)
        while self._gone < len(self._events) and self._events[self._gone].at <= self._floor:
            self._requests -= self._events[self._gone].requests
            self._tokens -= self._events[self._gone].tokens
            self._gone += 1
        insort(self._events, _Leaving(time + self._span, 1, tokens), lo=self._gone)
        self._requests += 1
        self._tokens += tokens


class _Page:
    __slots__ = ("end", "requests", "tokens")

    def __init__(self, end: float, requests: int = 0, tokens: int = 0) -> None:
        self.end = end
        self.requests = requests
        self.tokens = tokens


class _Paged(Track):
    """A window that starts anew as a whole."""

    def __init__(self, counter: Counter, moment: Moment) -> None:
        self._counter = counter
        self._moment = moment
        end = inf if counter.resets_at is None else counter.resets_at
        if end == inf and counter.starts is not None:  # begun, but its first answer is not here yet
            end = moment.steady + counter.span
        used = _Page(end, used_of(counter, REQUESTS), used_of(counter, TOKENS))
        self._pages = [used]
        self._first = 0

    def room_at(self, time: float, unit: str, need: int, amount: int) -> tuple[float, bool]:
        sure = True
        if self._first:
            time = max(time, self._pages[self._first - 1].end)
        if self._counter.shut_until > time:
            sure = self._counter.shut_until < inf
            time = self._counter.shut_until if sure else self._moment.steady + HELD_S
        for page in self._following():
            used = page.tokens if unit == TOKENS else page.requests
            if page.end > time:
                if used + need <= amount:
                    return time, sure
                time = page.end
        return inf, True

    def take(self, time: float, tokens: int) -> None:
        for place, page in enumerate(self._following(), self._first):
            if page.end > time:
                page.requests += 1
                page.tokens += tokens
                self._first = place
                if page.end == inf and self._counter.window.kind == "first_use":
                    page.end = time + self._counter.span
                return

    def _following(self) -> Iterator[_Page]:
        for place in range(self._first, self._first + _MOST_PAGES):
            if place == len(self._pages):
                self._pages.append(_Page(self._next_end(self._pages[-1].end)))
            yield self._pages[place]

    def _next_end(self, end: float) -> float:
        window = self._counter.window
        if window.kind == "first_use":
            return inf  # it begins when somebody uses it
        wall = self._moment.wall_at(end)
        period = period_at(window.kind, window.zone, wall)
        return self._moment.steady_at(period.end + DAY_GUARD_S)


def _new_track(counter: Counter, snapshot: Snapshot, seconds_each: float) -> Track:
    if counter.window.kind == "sliding":
        return _Sliding(snapshot, counter, counter.span + seconds_each, sure=True)
    if counter.window.kind == "open":
        return _Sliding(snapshot, counter, seconds_each or HELD_S, sure=False)
    return _Paged(counter, Moment(snapshot.now, snapshot.wall))
