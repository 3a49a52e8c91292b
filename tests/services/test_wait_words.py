"""What a person is told of a wait: once, early, and only when it is worth a word."""

from __future__ import annotations

from freellm_cli.services.wait_words import WaitTeller
from freellm_cli.storage.ledger import Reason, Wait
from tests.support.stepping_clock import SteppingClock

MINUTE = "2 requests per minute (2 used)"


class Told:
    def __init__(self, *, counts_down: bool = False) -> None:
        self.clock = SteppingClock()
        self.words: list[str] = []
        self.begun: float | None = None
        self.teller = WaitTeller(self.clock, self.words.append, counts_down=counts_down)

    def wait(self, seconds: float, *reasons: Reason, sure: bool = True) -> None:
        """The request goes to sleep, its turn expected so many seconds from now."""
        now = self.clock.now()
        self.begun = now if self.begun is None else self.begun
        self.teller(Wait(now + seconds, sure, 1.0, 1, 3, reasons), now - self.begun)

    def is_over(self) -> None:
        assert self.begun is not None
        self.teller(None, self.clock.now() - self.begun)
        self.begun = None

    def reason(self, target: str, seconds: float, text: str = MINUTE) -> Reason:
        return Reason(target, "limit", text, self.clock.now() + seconds)


def test_a_long_wait_is_told_once_when_it_begins() -> None:
    told = Told()
    told.wait(58, told.reason("home/fast", 58))
    told.clock.advance(30)
    told.wait(28)
    assert told.words == [f"waiting 58 s for home/fast: {MINUTE}"]


def test_a_short_wait_is_not_worth_a_word() -> None:
    told = Told()
    told.wait(1.5, told.reason("home/fast", 1.5))
    told.clock.advance(1.4)
    told.wait(0.1)
    assert told.words == []


def test_a_wait_that_turns_out_to_be_longer_is_told_anew() -> None:
    told = Told()
    told.wait(10, told.reason("home/fast", 10))
    told.wait(14)
    told.wait(60)
    assert [words.split(" for ")[0] for words in told.words] == ["waiting 10 s", "waiting 60 s"]


def test_where_nobody_knows_the_end_no_seconds_are_told_and_only_after_two() -> None:
    told = Told()
    told.wait(2, told.reason("home/fast", 2, "1 at once (1 used)"), sure=False)
    assert told.words == []
    told.clock.advance(2.5)
    told.wait(2, sure=False)
    told.clock.advance(60)
    told.wait(2, sure=False)
    assert told.words == ["waiting for home/fast: 1 at once (1 used)"]


def test_of_many_targets_the_first_to_be_free_is_named_with_what_holds_it_longest() -> None:
    told = Told()
    reasons = (
        told.reason("late", 50),
        told.reason("soon", 3, "the provider rests: server error: it broke."),
        told.reason("soon", 20),
        Reason("never", "rest", "the credential rests: refused", None),
    )
    told.wait(20, *reasons)
    assert told.words == [f"waiting 20 s for soon, the first of 3 targets: {MINUTE}"]


def test_who_only_stands_in_line_is_told_so() -> None:
    told = Told()
    told.wait(9)
    assert told.words == ["waiting 9 s for a turn: 3 before this one"]


def test_each_wait_of_a_request_is_told() -> None:
    told = Told()
    told.wait(9, told.reason("a", 9))
    told.clock.advance(9)
    told.is_over()
    told.wait(9, told.reason("a", 9, "the provider rests: no address."))
    assert told.words[1] == "waiting 9 s for a: the provider rests: no address"


def test_a_count_down_is_told_at_each_look() -> None:
    told = Told(counts_down=True)
    told.wait(3, told.reason("a", 3))
    told.clock.advance(1)
    told.wait(2)
    assert [words.split(" for ")[0] for words in told.words] == ["waiting 3 s", "waiting 2 s"]
