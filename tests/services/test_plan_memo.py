from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from freellm_cli.services.plan_memo import LIFETIME_S, Memo
from tests.support.stepping_clock import SteppingClock


def test_the_same_question_on_the_same_grounds_is_worked_out_once() -> None:
    memo: Memo[str] = Memo(SteppingClock().monotonic)
    made: list[str] = []

    def make() -> str:
        made.append("x")
        return f"answer {len(made)}"

    assert {memo.get("k", ("ground",), make) for _ in range(3)} == {"answer 1"}
    assert memo.get("other", ("ground",), make) == "answer 2"
    assert memo.get("k", ("another",), make) == "answer 3"
    assert memo.get("k", ("ground",), make) == "answer 4"


def test_nothing_is_remembered_for_long() -> None:
    clock = SteppingClock()
    memo: Memo[int] = Memo(clock.monotonic)
    assert memo.get("k", (), lambda: 1) == 1
    clock.advance(LIFETIME_S + 1)
    assert memo.get("k", (), lambda: 2) == 2


def test_a_failure_is_not_remembered() -> None:
    memo: Memo[int] = Memo(SteppingClock().monotonic)
    with pytest.raises(ZeroDivisionError):
        memo.get("k", (), lambda: 1 // 0)
    assert memo.get("k", (), lambda: 7) == 7


def test_of_many_threads_one_works_it_out() -> None:
    memo: Memo[int] = Memo(SteppingClock().monotonic)
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 1

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda _: memo.get("k", (), make), range(200)))
    assert len(made) == 1
