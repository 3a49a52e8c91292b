"""Leases taken ahead of requests: nobody notices, but for the time it takes."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freellm_cli.core.limits import COUNT_ONLY, REQUESTS, TOKENS, Limit, Window
from freellm_cli.core.rotation import Candidate
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Lease, Ledger, Wait
from freellm_cli.storage.ledger_endings import Ending
from freellm_cli.storage.ledger_spares import AMPLE, FRESH_S
from tests.support.ledgers import CLOCKS, House, ask, house, take, wait
from tests.support.strict_world import Upstream, Worker, World
from tests.support.targets import at_once, first_use, per_day, per_minute, pool, target

NEVER_BY_ITSELF = 1_000.0
BUSY = 8
WIDE = per_minute(1000)
UNLIMITED = Limit("", REQUESTS, Window("sliding", 60.0), COUNT_ONLY)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def server(home: House) -> Ledger:
    ledger = home.ledger()
    ledger.write_behind(NEVER_BY_ITSELF)
    return ledger


def end(ledger: Ledger, lease: Lease) -> None:
    ledger.mark_sent(lease)
    ledger.after_answer(Ending(lease, lease.tokens, CLOCKS[ledger].now(), "ok"))


def be_busy(ledger: Ledger, candidates: Candidate | tuple[Candidate, ...], **more: object) -> None:
    """So that the ledger has spares for these candidates."""
    for lease in [take(ledger, candidates, **more) for _ in range(BUSY)]:
        end(ledger, lease)
    ledger.write_now()


def rows(home: House, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home.path)) as file:
        return file.execute(statement).fetchall()


def spares(home: House) -> int:
    return len(rows(home, "SELECT id FROM lease WHERE request = ''"))


def check_written(home: House, leases: list[Lease]) -> None:
    assert {lease.id for lease in leases} <= {row[0] for row in rows(home, "SELECT id FROM lease")}


@contextmanager
def locked_out(home: House) -> Iterator[None]:
    """Who needs the file fails here: the world's clock does not sleep."""
    with closing(sqlite3.connect(home.path, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        yield
        file.execute("ROLLBACK")


def test_who_comes_next_needs_no_look_at_the_file(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    with locked_out(home):
        leases = [take(server, one, request_id=f"req_{number}") for number in range(4)]
        for lease in leases:
            assert server.mark_sent(lease)
    assert len({lease.id for lease in leases}) == len({lease.place for lease in leases}) == 4
    assert [lease.request_id for lease in leases] == ["req_0", "req_1", "req_2", "req_3"]


def test_one_after_another_is_not_worth_it(home: House, server: Ledger) -> None:
    one = target("a", WIDE)
    for _ in range(5):
        end(server, take(server, one))
        server.write_now()
        assert spares(home) == 0


def test_what_is_taken_ahead_is_nobody_elses(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    ahead = spares(home)
    assert ahead >= BUSY // 2
    other = home.ledger()
    assert other.usage(one.limits)[0].used == BUSY + ahead
    assert other.open_leases() == [], "but nobody's request"


def test_who_reads_here_sees_no_more_than_was_asked_for(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    taken = take(server, one, request_id="req_9")
    assert server.usage(one.limits)[0].used == BUSY + 1
    assert [lease.request_id for lease in server.open_leases()] == ["req_9"]
    assert rows(home, "SELECT id FROM lease") == [(taken.id,)]


def test_a_request_that_lasts_gets_its_name(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    take(server, one, request_id="req_9")
    home.clock.advance(0.1)
    server.write_now()
    assert [lease.request_id for lease in home.ledger().open_leases()] == ["req_9"]


def test_they_go_back_when_nobody_comes(home: House) -> None:
    ledger = home.ledger()
    ledger.write_behind()
    one = target("a", WIDE)
    for lease in [take(ledger, one) for _ in range(8)]:
        end(ledger, lease)
    until = time.monotonic() + 5
    while rows(home, "SELECT id FROM lease"):
        assert time.monotonic() < until
    assert home.ledger().usage(one.limits)[0].used == 8


def test_they_do_not_grow_old(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    old = set(rows(home, "SELECT id FROM lease"))
    home.clock.advance(0.6)
    server.write_now()
    assert old.isdisjoint(rows(home, "SELECT id FROM lease"))
    assert spares(home) > 0
    check_written(home, [take(server, one)])


def test_they_go_back_at_the_end(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    server.close()
    assert rows(home, "SELECT id FROM lease") == []
    assert os.listdir(f"{home.path}.owners") == []
    assert home.ledger().usage(one.limits)[0].used == BUSY


def test_nothing_scarce_is_taken_ahead(home: House, server: Ledger) -> None:
    be_busy(server, target("a", per_minute(AMPLE)))
    be_busy(server, target("b", at_once(AMPLE)))
    be_busy(server, target("c", Limit("", TOKENS, Window("sliding", 60.0), 100 * AMPLE)))
    assert spares(home) == 0


def test_what_becomes_scarce_goes_back(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", per_minute(AMPLE + 20)))
    assert spares(home) > 0
    other = home.ledger()
    for _ in range(20):
        take(other, one)
    be_busy(server, one)
    assert spares(home) == 0


def test_who_needs_their_room_gets_it(home: House, server: Ledger) -> None:
    shared = at_once(AMPLE + 20, "account:gemini/shared|*")
    few, many = target("a", shared), target("b", at_once(3), shared)
    be_busy(server, few)
    ahead = spares(home)
    assert ahead > 0
    other = home.ledger()
    for _ in range(AMPLE + 20 - ahead):
        take(other, few)
    take(server, many)


def test_a_window_that_begins_with_its_first_use_is_left_alone(home: House, server: Ledger) -> None:
    be_busy(server, target("a", first_use(1000, 60.0)))
    assert spares(home) == 0


def test_a_rest_of_this_process_counts_at_once(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    server.rest("credential:a", until=home.clock.now() + 60, reason="503", kind="overloaded")
    assert isinstance(ask(server, one), Wait)


def test_a_rest_of_another_process_counts_a_moment_later(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    home.ledger().rest("credential:a", until=home.clock.now() + 60, reason="503", kind="overloaded")
    home.clock.advance(FRESH_S)
    assert isinstance(ask(server, one), Wait)


def test_what_rests_is_not_taken_ahead_but_the_others_are(home: House, server: Ledger) -> None:
    both = pool(2, WIDE)
    server.rest("credential:gemini-1", until=home.clock.now() + 60, reason="503", kind="overloaded")
    be_busy(server, both)
    assert {row[0] for row in rows(home, "SELECT target FROM lease")} == {both[1].key}


def test_one_that_is_due_to_be_tried_is_tried(home: House, server: Ledger) -> None:
    both = pool(2, WIDE)
    be_busy(server, both)
    server.rest("credential:gemini-1", until=home.clock.now() + 60, reason="503", kind="overloaded")
    be_busy(server, both)
    home.clock.advance(60.0)
    server.write_now()
    found = [take(server, both) for _ in range(3)]
    assert [(lease.candidate.credential, lease.is_trial) for lease in found] == [
        ("gemini-1", True),
        ("gemini-2", False),
        ("gemini-2", False),
    ]


def test_nobody_overtakes_who_waits(home: House, server: Ledger) -> None:
    one = target("a", WIDE, Limit("", TOKENS, Window("sliding", 60.0), 100 * AMPLE * 3))
    be_busy(server, one)
    assert spares(home) > 0
    wait(home.ledger(), one, tokens=100 * AMPLE * 3 - 100)
    be_busy(server, target("b", WIDE))
    server.write_now()
    assert rows(home, "SELECT count(*) FROM lease WHERE request = '' AND target LIKE 'a/%'") == [
        (0,)
    ]


def test_a_conversation_stays_with_its_credential(home: House, server: Ledger) -> None:
    keys = pool(3, UNLIMITED)
    first = {}
    for name in ("x", "y", "z"):
        lease = take(server, keys, sticky=name)
        first[name] = lease.candidate.credential
        end(server, lease)
    server.write_now()
    assert len(set(first.values())) == 3
    with locked_out(home):
        for name in ("z", "x", "y"):
            assert take(server, keys, sticky=name).candidate.credential == first[name]


def test_a_target_that_was_never_asked_is_asked_after_a_look(home: House, server: Ledger) -> None:
    be_busy(server, pool(20, WIDE))
    check_books(home)


def test_who_has_waited_gives_up_its_place_in_the_line(home: House, server: Ledger) -> None:
    tokens = Limit("", TOKENS, Window("sliding", 60.0), 100 * AMPLE * 3)
    be_busy(server, one := target("a", tokens))
    ticket = wait(server, one, tokens=100 * AMPLE * 3 - 100).ticket
    home.clock.advance(30.0)  # it is late, and passed over
    for _ in range(2):
        be_busy(server, one)
    assert spares(home) > 0
    take(server, one, ticket=ticket)
    assert rows(home, "SELECT id FROM ticket") == []


def test_equal_keys_are_used_equally(home: House, server: Ledger) -> None:
    keys = pool(8, UNLIMITED)
    for key in keys:
        end(server, take(server, key))
    for _ in range(40):
        for lease in [take(server, keys) for _ in range(5)]:
            end(server, lease)
        home.clock.advance(0.004)
        server.write_now()
    server.close()
    used = [each.used for each in home.ledger().usage(key.limits[0] for key in keys)]
    assert sum(used) == 208
    assert max(used) - min(used) <= 4


def test_one_that_asks_for_more_gets_its_own(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE), tokens=100)
    lease = take(server, one, tokens=5000)
    assert rows(home, f"SELECT tokens FROM lease WHERE id = {lease.id}") == [(5000,)]
    longer = take(server, one, patience_s=200_000.0)
    assert longer.expires >= lease.expires + 100_000.0


def test_a_share_that_is_left_for_others_is_looked_at(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    assert isinstance(ask(server, one, reserve=0.99), Lease)
    for _ in range(10):
        ask(server, one)
    assert not isinstance(ask(server, one, reserve=0.99), Lease)


def test_what_was_not_written_after_all_is_not_taken(home: House, server: Ledger) -> None:
    one = target("a", WIDE)
    leases = [take(server, one) for _ in range(6)]

    def fail() -> None:
        raise ValueError("no such thing")

    def write_then_fail() -> None:
        with server.together():
            for lease in leases:
                end(server, lease)
            server.write_now()
            fail()

    with pytest.raises(ValueError, match="no such thing"):
        write_then_fail()
    with locked_out(home), pytest.raises(AssertionError, match="may sleep"):
        take(server, one)
    check_written(home, [take(server, one) for _ in range(6)])


def test_those_of_another_file_are_forgotten(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    home.clock.advance(0.9)
    be_busy(server, one)
    for tail in ("", "-wal", "-shm"):
        os.unlink(f"{home.path}{tail}")
    home.clock.advance(0.2)
    for _ in range(2):
        take(server, target("b", WIDE))
    server.write_now()
    check_written(home, [take(server, one) for _ in range(4)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_takes_none_of_its_parent(home: House, server: Ledger) -> None:
    be_busy(server, one := target("a", WIDE))
    ahead = {row[0] for row in rows(home, "SELECT id FROM lease")}
    child = os.fork()
    if child == 0:
        code = 1
        try:
            found = take(server, one)
            code = 0 if found.id not in ahead and server.usage(one.limits)[0].used else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {row[0] for row in rows(home, "SELECT id FROM lease")} >= ahead


SERVER = textwrap.dedent(
    """
    import os, random, sys, threading, time
    from freellm_cli.services.system_clock import SystemClock
    from freellm_cli.storage.ledger import Ledger
    from freellm_cli.storage.ledger_endings import Ending
    from tests.support.targets import per_minute, pool
    ledger = Ledger(sys.argv[1], clock=SystemClock(), rng=random.Random(), notice=print)
    ledger.write_behind()
    keys = pool(2, per_minute(100_000))
    def work():
        while True:
            lease = ledger.acquire_or_wait(keys, tokens=9, request_id="r", deadline=time.time() + 60)
            ledger.mark_sent(lease)
            os.write(1, b".")
            time.sleep(0.001)
            ledger.after_answer(Ending(lease, 9, time.time(), "ok"))
    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(60)
    """
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_server_leaves_no_debt(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    rng = random.Random(7)
    sent = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, str(path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        ) as process:
            assert process.stdout is not None
            sent += len(process.stdout.read(50))
            time.sleep(0.1 + 0.1 * rng.random())
            process.kill()
            sent += len(process.stdout.read())
    keys = pool(2, per_minute(100_000))
    ledger = Ledger(str(path), clock=SystemClock(), rng=rng)
    probe = ledger.acquire(keys, tokens=1, request_id="probe", deadline=time.time() + 60)
    assert isinstance(probe, Lease)
    used = sum(each.used for key in keys for each in ledger.usage(key.limits)) - 1
    assert sent <= used <= sent + 3 * 4, "four threads, each between sending and telling us"
    assert [each.request_id for each in ledger.open_leases()] == ["probe"]
    ledger.close()


def test_many_threads_are_given_what_there_is_and_no_more(home: House) -> None:
    clock = SystemClock()
    ledger, other = (
        Ledger(str(home.path), clock=clock, rng=random.Random(number)) for number in range(2)
    )
    ledger.write_behind(0.001)
    keys = pool(2, per_minute(200))
    given: list[Lease] = []

    def work(here: Ledger) -> None:
        for _ in range(60):
            lease = here.acquire(
                keys,
                tokens=9,
                request_id="r",
                deadline=clock.now() + 9,
                wait_policy="never",
            )
            if isinstance(lease, Lease):
                given.append(lease)
                here.mark_sent(lease)
                here.after_answer(Ending(lease, 9, clock.now(), "ok"))

    threads = [threading.Thread(target=work, args=(each,)) for each in [ledger] * 7 + [other]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    other.close()
    assert len(given) == len({lease.id for lease in given}) == 400
    assert rows(home, "SELECT count(*) FROM lease") == [(0,)]
    assert rows(home, "SELECT requests, open_requests, open_tokens FROM counter") == [
        (200, 0, 0),
        (200, 0, 0),
    ]


LIMITS = st.one_of(
    st.builds(
        lambda amount, seconds: Limit("", REQUESTS, Window("sliding", seconds), amount),
        st.integers(AMPLE + 2, 3 * AMPLE),
        st.sampled_from([0.3, 1.0]),
    ),
    st.integers(AMPLE, 4 * AMPLE).map(lambda amount: per_day(amount, "UTC")),
    st.integers(2, AMPLE + 20).map(at_once),
    st.builds(
        lambda amount: Limit("account:gemini/shared|*", TOKENS, Window("sliding", 0.5), amount),
        st.integers(2000, 9000),
    ),
    st.just(per_minute(100_000)),
)


def serve(
    world: World,
    ledger: Ledger,
    upstream: Upstream,
    candidates: tuple[Candidate, ...],
    rng: random.Random,
) -> Worker:
    while True:
        lease = ask(
            ledger,
            candidates,
            tokens=rng.randint(1, 30),
            sticky=rng.choice((None, "x", "y")),
            wait_policy="never",
        )
        if not isinstance(lease, Lease):
            yield 0.02
            continue
        ledger.mark_sent(lease)
        yield rng.random() * 0.003
        admitted = upstream.arrive(lease.candidate, lease.tokens)
        yield rng.random() * 0.003
        answered_at = world.clock.now()
        ledger.answered(lease, answered_at)
        if admitted:
            upstream.leave(lease.candidate)
        yield rng.choice((0.0, 0.001, 0.1))
        ledger.after_answer(Ending(lease, lease.tokens, answered_at, "ok"))


def check_books(home: House) -> None:
    """Every counter holds open what the leases in the file say, no more and no less."""
    requests: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    windows = {
        str(identity): window for identity, window in rows(home, "SELECT id, window FROM counter")
    }
    for counters, reserved, answered in rows(home, "SELECT counters, tokens, answered FROM lease"):
        for name in str(counters).split(","):
            if answered is None or windows[name] == "open":
                requests[name] += 1
                tokens[name] += int(str(reserved))
    assert requests.keys() <= windows.keys()
    for identity, *held in rows(home, "SELECT id, open_requests, open_tokens FROM counter"):
        assert held == [requests[str(identity)], tokens[str(identity)]]


def write(home: House, ledger: Ledger, rng: random.Random) -> Worker:
    while True:
        yield rng.choice((0.001, 0.004, 0.004, 0.03))
        check_books(home)
        if rng.random() < 0.9:
            ledger.write_now()
        else:
            ledger.waiting()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    keys=st.lists(st.lists(LIMITS, min_size=1, max_size=3), min_size=1, max_size=3),
    processes=st.integers(1, 3),
    seed=st.integers(0, 1000),
    leaps=st.lists(st.sampled_from([-3700.0, -0.01, 0.5, 3700.0]), max_size=2),
)
def test_whatever_is_taken_ahead_no_request_is_refused_and_nothing_is_left(
    keys: list[list[Limit]], processes: int, seed: int, leaps: list[float]
) -> None:
    said: dict[str, Limit] = {}
    candidates = tuple(
        target(
            f"k{number}",
            *(said.setdefault(each.meter, each) if each.meter else each for each in limits),
        )
        for number, limits in enumerate(keys)
    )
    by_day = any(limit.window.kind == "day" for limits in keys for limit in limits)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        world = World(1_800_020_000.0)
        home = House(Path(folder), world.clock)
        upstream = Upstream(world)
        ledgers = [home.ledger() for _ in range(processes)]
        for ledger in ledgers:
            ledger.write_behind(NEVER_BY_ITSELF)
            for _ in range(4):
                world.start(serve(world, ledger, upstream, candidates, rng))
            world.start(write(home, ledger, rng))
        for number, leap in enumerate(() if by_day else leaps):
            world.at(world.true_time + 0.3 * (number + 1), partial(world.clock.leap, leap))
        world.run(world.true_time + 1.2)
        assert upstream.refused == 0
        assert upstream.answered > 0
        home.close()
        assert spares(home) == 0
        check_books(home)
