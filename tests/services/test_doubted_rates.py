"""What silent refusals tell when our count saw room: keys share a pot, or what was published is too high."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from freellm_cli.core.http import Headers
from freellm_cli.core.needs import Needs
from freellm_cli.core.verdicts import classify
from freellm_cli.services.outcome import consequences
from freellm_cli.services.pool import Pool, PoolTarget
from freellm_cli.simulator.server import Simulator
from freellm_cli.storage.ledger import Lease
from tests.support.household import Household
from tests.support.stepping_clock import SteppingClock

MODEL = "nvidia_nim/moonshotai/kimi-k2-instruct"
SILENT = classify(
    provider="nvidia_nim", status=429, body=b'{"status":429,"title":"Too Many Requests"}'
)


class Host:
    """Gives so many a minute."""

    def __init__(self, clock: SteppingClock, amount: int) -> None:
        self._clock, self._amount = clock, amount
        self._uses: deque[float] = deque()

    def admits(self) -> bool:
        now = self._clock.now()
        while self._uses and self._uses[0] + 60 <= now:
            self._uses.popleft()
        if len(self._uses) >= self._amount:
            return False
        self._uses.append(now)
        return True


def minute(
    home: Household, targets: Sequence[PoolTarget], clock: SteppingClock, hosts: Sequence[Host]
) -> tuple[int, int]:
    """Asks every second, if the ledger lets it; how many were answered, how many refused."""
    told: list[bool] = []
    for _ in range(60):
        left = list(zip(targets, hosts, strict=True))
        while left:
            found = ask(home, left, clock)
            if found is None:
                break
            place, answered = found
            told.append(answered)
            if answered:
                break
            del left[place]  # the other one may help
        clock.advance(1.0)
    return told.count(True), told.count(False)


def ask(
    home: Household, pairs: list[tuple[PoolTarget, Host]], clock: SteppingClock
) -> tuple[int, bool] | None:
    """Which one was asked and whether it answered."""
    ledger = home.runtime.ledger
    lease = ledger.acquire(
        [target.candidate for target, _ in pairs],
        tokens=1,
        request_id="r",
        deadline=clock.now() + 5,
        wait_policy="never",
    )
    if not isinstance(lease, Lease):
        return None
    place = [target.candidate.key for target, _ in pairs].index(lease.candidate.key)
    target, host = pairs[place]
    ledger.mark_sent(lease)
    verdict = None if host.admits() else SILENT
    clock.advance(0.05)
    outcome = "ok" if verdict is None else verdict.kind
    ledger.settle(lease, tokens=1, answered_at=clock.now(), outcome=outcome)
    consequences(home.runtime, target, verdict, Headers([]), request_id="r", opened=lease.opened)
    if verdict is None:
        ledger.note_answer(target.candidate, first_token_s=0.05)
    return place, verdict is None


def targets_of(home: Household) -> list[PoolTarget]:
    """As they are now: accounts may have been learned."""
    needs = Needs(10, 10, frozenset({"chat"}))
    found = Pool(home.runtime).plan(MODEL, needs).targets
    return [target for target in found if target.model.id == MODEL]


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def home(tmp_path: Path, clock: SteppingClock) -> Iterator[Household]:
    """10 a minute are published."""
    with Simulator("generous") as sim:
        household = Household(tmp_path, sim, clock=clock).config("")
        household.provider("nvidia_nim").limits("nvidia_nim", requests_per_minute=10)
        yield household
        household.forget()


@pytest.mark.parametrize("given", [6, 10])
def test_a_published_rate_is_kept_only_if_it_holds(
    home: Household, clock: SteppingClock, given: int
) -> None:
    home.keys("nvidia_nim", "k1")
    hosts = [Host(clock, given)]
    told = [minute(home, targets_of(home), clock, hosts) for _ in range(30)]
    late = told[12:]
    assert sum(refused for _, refused in late) <= 1
    assert sum(answered for answered, _ in late) >= 0.9 * given * len(late)


def test_two_keys_behind_one_limit_are_found_to_share_it(
    home: Household, clock: SteppingClock
) -> None:
    home.keys("nvidia_nim", "k1", "k2")
    hosts = [Host(clock, 10)] * 2
    told = [minute(home, targets_of(home), clock, hosts) for _ in range(12)]
    accounts = {target.candidate.account for target in targets_of(home)}
    assert len(accounts) == 1
    assert told[-4:] == [(10, 0)] * 4


def test_two_keys_that_each_have_less_than_published_share_nothing(
    home: Household, clock: SteppingClock
) -> None:
    home.keys("nvidia_nim", "k1", "k2")
    hosts = [Host(clock, 6), Host(clock, 6)]
    told = [minute(home, targets_of(home), clock, hosts) for _ in range(30)]
    accounts = {target.candidate.account for target in targets_of(home)}
    assert len(accounts) == 2
    assert sum(refused for _, refused in told[-15:]) <= 3
    assert sum(answered for answered, _ in told[-15:]) >= 0.9 * 12 * 15
