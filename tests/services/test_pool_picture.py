"""The pool at a glance: how each key and model stands, read as seldom as it may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.services.key_offers import key_offers
from freellm_cli.services.pool_picture import PoolPicture
from tests.support.household import FLASH, Household
from tests.support.stepping_clock import SteppingClock
from tests.support.upstream import simulator

START = 1_795_000_000.0


class Processor:
    """Says that each look at the limits took `cost` seconds of it."""

    def __init__(self, cost: float) -> None:
        self.cost = cost
        self.calls = 0

    def __call__(self) -> float:
        self.calls += 1
        return (self.calls // 2) * self.cost

    @property
    def looks(self) -> int:
        return self.calls // 2


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock(START)


@pytest.fixture
def home(tmp_path: Path, clock: SteppingClock) -> Iterator[Household]:
    with simulator(clock=clock) as sim:
        household = Household(tmp_path, sim, clock=clock)
        household.keys("gemini", "k1", "k2").keys("groq", "gk1")
        yield household
        household.forget()


def rows(home: Household, picture: PoolPicture | None = None) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in (picture or PoolPicture()).rows(home.runtime)}


def rest(home: Household, key: str, *, until: float | None, kind: str = "overloaded") -> None:
    home.runtime.ledger.rest(key, until=until, kind=kind, reason="because")


def test_a_key_that_was_used_shows_its_limits_and_when_they_turn(home: Household) -> None:
    home.ask().completion()
    row = rows(home)["gemini-1"]
    (model,) = row["models"]
    assert (row["state"], model["model"], model["state"]) == ("good", FLASH, "good")
    a_minute = next(
        limit
        for limit in model["limits"]
        if (limit["unit"], limit["window"]) == ("requests", "minute")
    )
    assert a_minute["used"] == 1
    assert START < a_minute["resets_at"] <= START + 61
    assert rows(home)["gemini-2"]["models"] == []


@pytest.mark.parametrize(
    ("key", "resting"),
    [
        ("credential:gemini-1", {"gemini-1"}),
        ("account:gemini/gemini-2", {"gemini-2"}),
        ("provider:gemini", {"gemini-1", "gemini-2"}),
        ("address:groq", {"groq-1"}),
        (f"target:gemini-1/{FLASH}", {"gemini-1"}),
        (f"model:{FLASH}", {"gemini-1", "gemini-2"}),
        ("account:gemini/gemini-1|gemini-2.5-flash", {"gemini-1"}),
    ],
)
def test_a_rest_shows_at_every_key_that_it_keeps_from_being_asked(
    home: Household, key: str, resting: set[str]
) -> None:
    rest(home, key, until=START + 90)
    found = rows(home)
    assert {name for name, row in found.items() if row["state"] == "resting"} == resting
    told = [
        row["rest"] or row["models"][0]["rest"] for row in found.values() if row["id"] in resting
    ]
    assert {each["until"] for each in told} == {int(START) + 90}
    assert {each["reason"] for each in told} == {"because"}


def test_a_rest_of_one_model_leaves_the_key_at_work(home: Household) -> None:
    home.ask().completion()
    rest(home, "target:gemini-1/gemini/gemini-2.5-pro", until=START + 90)
    row = rows(home)["gemini-1"]
    assert row["state"] == "good"
    assert [(model["model"], model["state"]) for model in row["models"]] == [
        (FLASH, "good"),
        ("gemini/gemini-2.5-pro", "resting"),
    ]


@pytest.mark.parametrize(
    ("until", "kind", "state"),
    [
        (START + 60, "overloaded", "resting"),
        (START + 60, "auth_invalid", "refused"),
        (None, "payment_required", "refused"),
    ],
)
def test_what_only_its_owner_can_mend_is_refused_and_not_resting(
    home: Household, until: float | None, kind: str, state: str
) -> None:
    rest(home, "credential:groq-1", until=until, kind=kind)
    assert rows(home)["groq-1"]["state"] == state


def test_a_key_with_nothing_left_is_limited_until_its_window_turns(
    home: Household, clock: SteppingClock
) -> None:
    home.limits("gemini", requests_per_minute=1)
    for _ in range(2):
        home.ask().completion()
    picture = PoolPicture()
    assert rows(home, picture)["gemini-1"]["state"] == "limited"
    clock.advance(62)
    assert rows(home, picture)["gemini-1"]["state"] == "good"


def test_a_key_that_was_switched_off_says_so(home: Household) -> None:
    home.run("keys", "disable", "gemini-2")
    home.forget()
    assert rows(home)["gemini-2"]["state"] == "off"


def test_keys_of_one_account_name_each_other(home: Household) -> None:
    for name in ("gemini-1", "gemini-2"):
        home.run("keys", "label", name, "--account", "mine")
    home.forget()
    assert rows(home)["gemini-1"]["shares"] == ["gemini-2"]


def test_no_part_of_a_key_is_in_the_picture(home: Household) -> None:
    home.keys("mistral", "c4n4ry-of-a-mistral-key-0123456789")
    assert "c4n4" not in str(rows(home))
    assert "6789" not in str(rows(home))


def test_the_limits_are_looked_at_only_when_the_ledger_has_changed(
    home: Household, clock: SteppingClock
) -> None:
    processor = Processor(0.001)
    picture = PoolPicture(processor)
    for _ in range(2):  # the first look opens the ledger, which is a change
        rows(home, picture)
        clock.advance(1)
    before = processor.looks
    for _ in range(20):
        rows(home, picture)
        clock.advance(1)
    assert processor.looks == before
    home.ask().completion()
    assert rows(home, picture)["gemini-1"]["models"]
    assert processor.looks == before + 1


def test_a_dear_look_is_taken_seldom(home: Household, clock: SteppingClock) -> None:
    processor = Processor(0.05)  # a twentieth of a second: every five seconds, for a hundredth
    picture = PoolPicture(processor)
    for second in range(20):
        home.runtime.ledger.rest("provider:x", until=START + 99, kind="timeout", reason=str(second))
        rows(home, picture)
        clock.advance(1)
    assert processor.looks == 4


def test_a_clock_that_was_set_back_does_not_stop_the_looks(
    home: Household, clock: SteppingClock
) -> None:
    picture = PoolPicture()
    rows(home, picture)
    clock.advance(-86_400)
    home.ask().completion()
    assert rows(home, picture)["gemini-1"]["models"]


def test_keys_are_offered_for_the_best_providers_first_and_for_none_that_has_closed(
    home: Household,
) -> None:
    home.provider("mine")
    offers = key_offers(home.runtime)
    names = [offer["id"] for offer in offers]
    praised = [bool(offer["why"]) for offer in offers]
    assert praised == sorted(praised, reverse=True)
    assert sum(praised) >= 3
    assert {"gemini", "groq", "mine"} <= set(names)
    assert not {"iflow", "gemini_cli"} & set(names)
    assert len(names) == len(set(names))
    assert next(offer for offer in offers if offer["id"] == "cloudflare")["needs"] == ["account_id"]
