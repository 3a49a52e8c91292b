"""Who holds leases, and what is left when they are gone."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Lease, Ledger
from freellm_cli.storage.owners import Owner, examine, names

ROOT = Path(__file__).parents[2]

HOLDS = """
import sys, time
from freellm_cli.storage.owners import Owner
owner = Owner(sys.argv[1], sys.argv[2])
places = [owner.place() for _ in range(3)]
owner.sent(places[0], 111)
owner.sent(places[2], 333)
owner.answered(places[2], 1234.5)
print("ready", flush=True)
time.sleep(60)
"""


def holder(folder: Path, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder), name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_an_owner_is_alive_until_its_process_is_killed_and_its_board_outlives_it(
    tmp_path: Path,
) -> None:
    with holder(tmp_path, "one") as process:
        alive = examine(str(tmp_path), "one")
        process.kill()
        process.wait()
    dead = examine(str(tmp_path), "one")
    assert alive is not None
    assert dead is not None
    assert (alive.alive, dead.alive) == (True, False)
    assert alive.sent == dead.sent == {111: 0.0, 333: 1234.5}


def test_an_owner_of_the_same_process_is_alive(tmp_path: Path) -> None:
    owner = Owner(str(tmp_path), "one")
    board = examine(str(tmp_path), "one")
    assert board is not None
    assert board.alive
    board = examine(str(tmp_path), "one")  # looking twice does not set it free
    assert board is not None
    assert board.alive
    owner.retire()


def test_an_owner_that_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    owner = Owner(str(tmp_path), "one")
    owner.give_back(owner.place())
    owner.retire()
    owner.retire()
    assert examine(str(tmp_path), "one") is None
    assert names(str(tmp_path)) == []


def test_an_owner_that_ends_with_leases_out_leaves_its_board(tmp_path: Path) -> None:
    owner = Owner(str(tmp_path), "one")
    owner.sent(owner.place(), 77)
    owner.retire()
    board = examine(str(tmp_path), "one")
    assert board is not None
    assert (board.alive, board.sent) == (False, {77: 0.0})


def test_a_place_is_used_again_and_tells_of_its_latest_lease_only(tmp_path: Path) -> None:
    owner = Owner(str(tmp_path), "one")
    place = owner.place()
    owner.sent(place, 1)
    owner.answered(place, 5.0)
    owner.give_back(place)
    assert owner.place() == place
    owner.sent(place, 2)
    board = examine(str(tmp_path), "one")
    assert board is not None
    assert board.sent == {2: 0.0}
    owner.give_back(place)
    owner.retire()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_neither_keeps_its_parent_alive_nor_speaks_for_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        owner = Owner(str(tmp_path), "one")
        if os.fork() == 0:
            owner.sent(0, 99)
            os.write(writing, b"x")
            time.sleep(60)
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 1) == b"x"
    board = examine(str(tmp_path), "one")
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    after = examine(str(tmp_path), "one")
    assert board is not None
    assert after is not None
    assert (board.alive, after.alive) == (True, False)
    assert after.sent == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_takes_leases_of_its_own(tmp_path: Path) -> None:
    from tests.support.targets import at_once, target

    path = str(tmp_path / "ledger.db")
    ledger = Ledger(path, clock=SystemClock(), rng=random.Random(1))
    one = target("a", at_once(2))

    def take() -> Lease | object:
        return ledger.acquire(
            (one,), tokens=1, request_id="r", deadline=time.time() + 60, wait_policy="never"
        )

    mine = take()
    assert isinstance(mine, Lease)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            theirs = take()
            third = take()
            code = 0 if isinstance(theirs, Lease) and not isinstance(third, Lease) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ledger.settle(mine, tokens=1, answered_at=None, outcome="ok")
    time.sleep(1.1)  # the next look searches for the dead
    assert isinstance(take(), Lease)
    assert isinstance(take(), Lease)
    ledger.close()


def test_files_of_the_dead_are_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "ledger.db.owners"
    with holder(folder, "00000000.1.dead") as process:
        process.kill()
        process.wait()
    ledger = Ledger(str(tmp_path / "ledger.db"), clock=SystemClock(), rng=random.Random(1))
    from tests.support.targets import target

    lease = ledger.acquire((target("a"),), tokens=1, request_id="r", deadline=time.time() + 60)
    assert isinstance(lease, Lease)
    ledger.settle(lease, tokens=1, answered_at=None, outcome="ok")
    assert len(names(str(folder))) == 1
    ledger.close()
    assert names(str(folder)) == []
