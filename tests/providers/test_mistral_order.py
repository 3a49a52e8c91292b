"""Mistral's rules for messages and ids, checked by the rules themselves."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.chat import Message
from freellm_cli.providers.mistral_order import in_mistral_order, short_id, with_short_ids
from tests.support.openai_talk import assistant, call, result, system, user


def ordered(*messages: Message) -> list[Message]:
    return in_mistral_order(list(messages), "OK.", lambda field, what: None)


def notes(*messages: Message) -> list[str]:
    said: list[str] = []
    in_mistral_order(list(messages), "OK.", lambda field, what: said.append(what))
    return said


def check(messages: list[Message]) -> None:
    """What Mistral's validator refuses with code 3230."""
    began = False
    for before, message in zip([None, *messages], messages, strict=False):
        role = message["role"]
        last = before["role"] if before else None
        if role != "system":
            began = True
        assert role != "system" or not began
        assert not (role == "user" and last == "tool")
        assert not (
            role == "assistant" and not (message.get("content") or message.get("tool_calls"))
        )
        if role == "tool":
            assert last in ("assistant", "tool")
        if last == "assistant" and before and before.get("tool_calls"):
            assert role == "tool"
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == open_calls.pop(0)
        else:
            assert not open_calls
        open_calls += [c["id"] for c in message.get("tool_calls") or ()]
    assert not open_calls
    if messages and messages[-1]["role"] == "assistant":
        assert messages[-1].get("prefix") is True


def test_a_good_conversation_is_left_as_it_is() -> None:
    talk = [
        system("s"),
        user("u"),
        assistant(None, tool_calls=[call("a")]),
        result("a"),
        assistant("x"),
        user("v"),
    ]

    assert ordered(*talk) == talk
    assert notes(*talk) == []


def test_a_user_behind_a_tool_waits_for_the_assistant() -> None:
    talk = ordered(user("u"), assistant(None, tool_calls=[call("a")]), result("a"), user("v"))

    assert [m["role"] for m in talk] == ["user", "assistant", "tool", "assistant", "user"]


def test_a_late_system_message_keeps_its_place_as_the_user_s() -> None:
    talk = ordered(system("s"), user("u"), assistant("x"), system("note"), user("v"))

    assert talk == [system("s"), user("u"), assistant("x"), user("note\n\nv")]
    assert len(notes(user("u"), system("note"))) == 1


def test_an_assistant_at_the_end_is_the_beginning_of_the_answer() -> None:
    assert ordered(user("u"), assistant("Once")) == [user("u"), assistant("Once", prefix=True)]


def test_empty_assistants_go() -> None:
    assert ordered(user("u"), assistant(""), user("v")) == [user("u\n\nv")]


def test_a_call_without_a_result_gets_an_empty_one() -> None:
    talk = ordered(user("u"), assistant(None, tool_calls=[call("a"), call("b")]), result("b"))

    assert [m.get("tool_call_id") for m in talk[2:]] == ["a", "b"]
    assert notes(user("u"), assistant(None, tool_calls=[call("a")])) != []


def test_a_result_without_its_call_becomes_text() -> None:
    (only,) = ordered(result("gone", "42"))

    assert only["role"] == "user"
    assert "42" in only["content"]


def test_ids_that_a_client_uses_again_keep_their_own_results() -> None:
    turn = assistant(None, tool_calls=[call("call_0")])
    talk = ordered(
        user("u"), turn, result("call_0", "one"), assistant("x"), user("v"), turn, result("call_0", "two")
    )  # fmt: skip

    assert [m["content"] for m in talk if m["role"] == "tool"] == ["one", "two"]


steps = st.one_of(
    st.sampled_from([system("s"), user("u"), assistant("x"), assistant(""), assistant(None)]),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True).map(
        lambda ids: assistant(None, tool_calls=[call(i) for i in ids])
    ),
    st.sampled_from("abcd").map(result),
)


@given(st.lists(steps, max_size=10))
def test_any_conversation_comes_out_in_order(talk: list[Any]) -> None:
    check(ordered(*talk))


def test_ids_become_nine_letters_and_digits_for_call_and_result() -> None:
    turn = assistant(None, tool_calls=[call("call_abc"), call("toolu_01")])
    talk = with_short_ids([turn, result("toolu_01"), result("call_abc")])
    first, second = (c["id"] for c in talk[0]["tool_calls"])

    assert all(re.fullmatch(r"[A-Za-z0-9]{9}", made) for made in (first, second))
    assert first != second
    assert [m["tool_call_id"] for m in talk[1:]] == [second, first]


def test_ids_stay_the_same_from_turn_to_turn() -> None:
    assert short_id("call_abc") == short_id("call_abc")
    assert with_short_ids([result("call_abc")]) == with_short_ids([result("call_abc")])


def test_ids_that_fit_stay() -> None:
    assert with_short_ids([result("aB3dE6gH9")]) == [result("aB3dE6gH9")]
    assert with_short_ids([result("жжжжжжжжж")]) != [result("жжжжжжжжж")]


def test_two_ids_never_become_one() -> None:
    derived = short_id("call_abc")
    talk = with_short_ids([result("call_abc"), result(derived)])

    assert talk[0]["tool_call_id"] != talk[1]["tool_call_id"]
