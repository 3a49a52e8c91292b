"""Messages that nobody has to change go to a host as the client wrote them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.chat import Target
from freellm_cli.core.json_reading import LONG, read_body, read_json
from freellm_cli.core.messages import normalise_body
from freellm_cli.providers.openai_compat import OpenAICompat

LONG_TEXT = "Some words. " * (LONG // 10)
TEXTS = st.text(max_size=8) | st.just(LONG_TEXT)
BARE = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXTS}
    ),
    min_size=1,
    max_size=4,
)
ODD = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "developer", "tool"]),
            "content": TEXTS | st.none() | st.just([{"type": "text", "text": "part"}]),
        },
        optional={
            "name": TEXTS | st.none(),
            "reasoning_content": TEXTS,
            "tool_call_id": st.just("call_1"),
            "tool_calls": st.just([{"id": "call_1", "function": {"name": "f", "arguments": "{}"}}]),
        },
    ),
    min_size=1,
    max_size=4,
)
QUIRKS = st.sampled_from(
    [
        {},
        {"merge_same_role": True},
        {"fold_system": True},
        {"message_drop": ["name"]},
        {"drop": ["messages.0.name", "user"]},
        {"think": "no_think_system"},
        {"reasoning_in_history": "keep"},
    ]
)


def target(quirks: dict[str, Any]) -> Target:
    return Target("host", "host/m", "m", "https://host.example/v1", quirks, frozenset({"chat"}))


def sent(body: Any, quirks: dict[str, Any]) -> bytes:
    asked = normalise_body(body)._replace(think="off")
    return OpenAICompat().chat(asked, target(quirks), None, stream=True).body or b""


@given(BARE | ODD, QUIRKS, st.booleans())
def test_a_host_is_sent_the_same_whether_it_is_written_anew_or_not(
    messages: list[dict[str, Any]], quirks: dict[str, Any], in_ascii: bool
) -> None:
    body = {"model": "m", "seed": 7, "messages": messages, "padding": "x" * LONG}
    text = json.dumps(body, ensure_ascii=in_ascii)
    assert json.loads(sent(read_body(text), quirks)) == json.loads(sent(read_json(text), quirks))


def written(*contents: str, **more: str) -> str:
    turns = [
        {"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(contents)
    ]
    turns[-1].update(more)
    return json.dumps(turns, indent=1)


def body_of(messages: str) -> Any:
    return read_body(f'{{"model":"m","padding":"{"x" * LONG}","messages":{messages}}}')


def test_plain_turns_are_not_written_anew() -> None:
    messages = written("Hello, \u00fcberall", "Hi.", LONG_TEXT)
    assert messages.encode() in sent(body_of(messages), {})


@pytest.mark.parametrize(
    "messages",
    [written("half a pair \ud83d"), written("hello", name="Ann"), written("a", "b", "\udc00")],
)
def test_what_must_be_looked_at_is_written_anew(messages: str) -> None:
    raw = sent(body_of(messages), {})
    assert messages.encode() not in raw
    assert json.loads(raw)["messages"]
