"""What is written behind the answers: late for the caller, never late for who asks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from freellm_cli.core.rotation import Candidate
from freellm_cli.storage import ledger_behind
from freellm_cli.storage.ledger import Lease, Ledger, Refused, Wait
from freellm_cli.storage.ledger_endings import Ending
from tests.support.ledgers import CLOCKS, House, ask, house, take
from tests.support.targets import at_once, per_minute, target

NEVER_BY_ITSELF = 1_000.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def end(ledger: Ledger, lease: Lease, lesson: Callable[[], None] | None = None) -> None:
    now = CLOCKS[ledger].now()
    trace = {"id": lease.request_id, "at": now}
    ledger.after_answer(Ending(lease, 30, now, "ok", trace=trace, lesson=lesson))


def spent(
    ledger: Ledger, candidate: Candidate, lesson: Callable[[], None] | None = None, **more: str
) -> Lease:
    lease = take(ledger, candidate, **more)
    ledger.mark_sent(lease)
    end(ledger, lease, lesson)
    return lease


def test_without_it_all_is_written_at_once(home: House) -> None:
    ledger = home.ledger()
    spent(ledger, target("a", per_minute(5)))
    assert home.ledger().open_leases() == []


def test_others_learn_of_it_a_moment_later(home: House) -> None:
    ledger, other = home.ledger(), home.ledger()
    ledger.write_behind()
    one = target("a", per_minute(5))
    spent(ledger, one, request_id="req_1")
    until = monotonic() + 5
    while other.open_leases():
        assert monotonic() < until
    assert other.usage(one.limits)[0].used == 1
    assert other.request("req_1") is not None


def test_nobody_is_promised_more_meanwhile(home: House) -> None:
    ledger, other = home.ledger(), home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    one = target("a", per_minute(1))
    spent(ledger, one)
    assert len(other.open_leases()) == 1
    assert other.usage(one.limits)[0].used == 1


def test_a_clock_that_is_set_before_it_is_written_moves_nothing(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    one = target("a", per_minute(1))
    lease = take(ledger, one)
    ledger.mark_sent(lease)
    home.clock.advance(10.0)
    end(ledger, lease)
    home.clock.leap(3600.0)
    ledger.write_now()
    home.clock.advance(55.0)
    assert isinstance(ask(ledger, one), Wait)


def test_who_reads_here_sees_it_at_once(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    spent(ledger, target("a", per_minute(5)), request_id="req_1")
    assert ledger.open_leases() == []
    assert ledger.request("req_1") is not None


def test_a_place_that_is_free_but_not_written_yet_is_taken_without_waiting(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    one = target("a", at_once(1))
    spent(ledger, one)
    take(ledger, one)


def test_the_end_of_the_process_writes_what_is_left(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    spent(ledger, target("a", per_minute(5)), request_id="req_1")
    ledger.close()
    other = home.ledger()
    assert other.open_leases() == []
    assert other.request("req_1") is not None


def test_one_that_cannot_be_written_does_not_take_others_with_it(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    one = target("a", per_minute(5))

    def fail() -> None:
        raise ValueError("no such thing")

    leases = [take(ledger, one, request_id=f"req_{number}") for number in (1, 2, 3)]
    for lease in leases:
        ledger.mark_sent(lease)
        end(ledger, lease, fail if lease is leases[1] else None)
    assert [trace["id"] for trace in ledger.requests()] == ["req_3", "req_1"]
    assert [lease.request_id for lease in ledger.open_leases()] == ["req_2"]
    assert ledger.usage(one.limits)[0].used == 3
    assert [notice for notice in home.notices if "no such thing" in notice]


def test_too_many_are_not_put_off(home: House) -> None:
    ledger, other = home.ledger(), home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    one = target("a", at_once(ledger_behind.MOST // 20))
    leases = [take(ledger, one) for _ in range(ledger_behind.MOST // 20)]
    for lease in leases:
        ledger.mark_sent(lease)
    for _ in range(20):
        for lease in leases:
            end(ledger, lease)
    assert len(other.open_leases()) == len(leases)
    end(ledger, leases[0])
    assert len(other.open_leases()) == len(leases) - 1


def test_many_threads_share_what_there_is(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind()
    keys = [target("a", per_minute(40)), target("b", per_minute(40))]
    found: list[Lease | Wait | Refused] = []

    def work() -> None:
        for _ in range(10):
            lease = ask(ledger, keys)
            found.append(lease)
            if isinstance(lease, Lease):
                ledger.mark_sent(lease)
                end(ledger, lease)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = Counter(each.candidate.credential for each in found if isinstance(each, Lease))
    assert given == {"a": 40, "b": 40}
    assert len(found) == 160
    assert [usage.used for key in keys for usage in ledger.usage(key.limits)] == [40, 40]
    assert ledger.open_leases() == []


KILLED = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from tests.storage.test_ledger_behind import spent
    from tests.support.ledgers import House
    from tests.support.targets import per_minute, target
    ledger = House(Path(sys.argv[1])).ledger()
    ledger.write_behind(1000.0)
    spent(ledger, target("a", per_minute(5)))
    os._exit(9)
    """
)


def test_what_a_killed_process_had_not_written_is_counted_from_its_leases(home: House) -> None:
    folder = str(home.path.parent.parent)
    code = subprocess.run(
        [sys.executable, "-c", KILLED, folder], env={**os.environ, "PYTHONPATH": os.getcwd()}
    ).returncode
    assert code == 9
    ledger = home.ledger()
    one = target("a", per_minute(5))
    assert len(ledger.open_leases()) == 1
    home.clock.advance(2.0)
    take(ledger, one)  # looks for dead owners on its way
    assert ledger.usage(one.limits)[0].used == 2
    assert len(ledger.open_leases()) == 1
