"""What clients send, made regular."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.errors import BadField, RequestRefused
from freellm_cli.core.messages import flat_text, normalise_body, normalise_messages


def one(message: dict[str, Any]) -> dict[str, Any]:
    return normalise_messages([message])[0]


def test_a_regular_message_is_handed_on_as_it_is() -> None:
    message = {"role": "user", "content": "hi", "name": "ann"}

    assert one(message) is message


@pytest.mark.parametrize(
    ("given", "text"), [({"n": 1}, '{"n": 1}'), ([1, 2], "[1, 2]"), (7, "7"), (None, "")]
)
def test_results_of_tools_become_text(given: Any, text: str) -> None:
    assert one({"role": "tool", "tool_call_id": "a", "content": given})["content"] == text


def test_given_messages_are_never_changed() -> None:
    raw = [
        {"role": "developer", "content": None, "name": None},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": {}}},
        {"role": "function", "name": "f", "content": {"a": 1}},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": "data:image/png;base64,x"}],
        },
    ]
    before = copy.deepcopy(raw)

    normalise_messages(raw)

    assert raw == before


@pytest.mark.parametrize(
    ("message", "regular"),
    [
        ({"role": "developer", "content": "x"}, {"role": "system", "content": "x"}),
        ({"role": "model", "content": "x"}, {"role": "assistant", "content": "x"}),
        ({"role": "user", "content": None}, {"role": "user", "content": ""}),
        ({"role": "user"}, {"role": "user", "content": ""}),
        ({"role": "user", "content": "x", "name": None}, {"role": "user", "content": "x"}),
        (
            {"role": "user", "content": ["a", {"type": "text", "text": "b"}]},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ),
        (
            {"role": "user", "content": {"type": "text", "text": "b"}},
            {"role": "user", "content": [{"type": "text", "text": "b"}]},
        ),
        ({"role": "user", "content": []}, {"role": "user", "content": ""}),
        (
            {"role": "assistant", "content": "x", "reasoning": "hm", "refusal": None},
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        ),
        (
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "x"},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "x"}],
                "reasoning_content": "hm",
            },
        ),
    ],
)  # fmt: skip
def test_odd_messages_become_regular(message: dict[str, Any], regular: dict[str, Any]) -> None:
    assert one(message) == regular


@pytest.mark.parametrize(
    ("part", "regular"),
    [
        ({"type": "input_text", "text": "x"}, {"type": "text", "text": "x"}),
        ({"type": "refusal", "refusal": "no"}, {"type": "text", "text": "no"}),
        ({"text": "x"}, {"type": "text", "text": "x"}),
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
        ),
        (
            {"type": "image_url", "image_url": "https://a.example/b.png"},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,x", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,x", "detail": "low"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:x", "detail": None}},
            {"type": "image_url", "image_url": {"url": "data:x"}},
        ),
        (
            {"type": "input_image", "image_url": "data:x", "detail": "high"},
            {"type": "image_url", "image_url": {"url": "data:x", "detail": "high"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "data:audio/ogg;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "ogg"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:audio/ogg;base64,AAAA", "filename": None}},
            {"type": "file", "file": {"file_data": "data:audio/ogg;base64,AAAA"}},
        ),
        (
            {"type": "input_file", "file_data": "data:x", "filename": "a.pdf"},
            {"type": "file", "file": {"file_data": "data:x", "filename": "a.pdf"}},
        ),
        ({"type": "video_url", "video_url": {"url": "x"}}, {"type": "video_url", "video_url": {"url": "x"}}),
    ],
)  # fmt: skip
def test_odd_parts_become_regular(part: dict[str, Any], regular: dict[str, Any]) -> None:
    assert one({"role": "user", "content": [part]})["content"] == [regular]


@pytest.mark.parametrize(
    ("call", "regular"),
    [
        (
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ),
        (
            {"id": "a", "function": {"name": "f", "arguments": {"x": "ж"}}},
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": "ж"}'}},
        ),
        (
            {"function": {"name": "f", "arguments": ""}},
            {"id": "call_0_0", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ),
        (
            {"id": "a", "name": "f", "arguments": None},
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ),
        (
            {"id": "a", "function": {"name": "f"}, "extra_content": {"google": {"x": 1}}},
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"x": 1}},
            },
        ),
        (
            {"id": "a", "function": {"name": "f"}, "thought_signature": "s"},
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "s"}},
            },
        ),
    ],
)
def test_odd_tool_calls_become_regular(call: dict[str, Any], regular: dict[str, Any]) -> None:
    message = one({"role": "assistant", "content": "", "tool_calls": [call]})

    assert message["tool_calls"] == [regular]
    assert message["content"] is None


def test_old_functions_become_tool_calls_with_matching_ids() -> None:
    messages = normalise_messages(
        [
            {"role": "user", "content": "?"},
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "42"},
        ]
    )

    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"]
    assert messages[2]["role"] == "tool"
    assert "function_call" not in messages[1]


def test_results_without_ids_answer_the_calls_in_their_order() -> None:
    messages = normalise_messages(
        [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "a", "function": {"name": "f"}},
                    {"id": "b", "function": {"name": "g"}},
                    {"id": "c", "function": {"name": "h"}},
                ],
            },
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "tool", "content": "1"},
            {"role": "tool", "content": "3"},
        ]
    )

    assert [m["tool_call_id"] for m in messages[1:]] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "body"),
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "wizard"}]}, "messages[1].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"a": 1}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        *(
            (
                {"messages": [{"role": "user", "content": [{"type": kind, "image_url": given}]}]},
                "messages[0].content[0].image_url.url",
            )
            for kind in ("image_url", "input_image")
            for address in ("file:///home/me/cat.png", "FILE://c/cat.png", "ftp://host/cat.png", "")
            for given in (address, {"url": address}, {"url": address, "detail": "low"})
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages[0].content[0].input_audio.data",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages[0].content[0].file.file_data",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": {}}]},
            "messages[0].tool_calls",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            "messages[0].tool_calls[0].function.name",
        ),
        ({"messages": "x", "model": 5}, "model"),
        ({"messages": "x", "tools": {"a": 1}}, "tools"),
        ({"messages": "x", "tools": ["f"]}, "tools[0]"),
    ],
)
def test_a_refusal_names_the_field(body: Any, path: str) -> None:
    with pytest.raises(BadField) as refused:
        normalise_body(body)

    assert refused.value.path == path
    assert path in refused.value.message
    assert isinstance(refused.value, RequestRefused)


def test_a_body_becomes_a_request() -> None:
    request = normalise_body(
        {
            "model": " gemini/gemini-2.5-flash ",
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 0.9,
            "top_p": None,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": 30,
            "stop": "\n",
            "reasoning_effort": "disable",
            "extra_body": {"top_k": 5, "seed": None},
            "unknown": {"kept": True},
        }
    )

    assert request.model == "gemini/gemini-2.5-flash"
    assert request.stream
    assert request.think == "off"
    assert request.params == {
        "temperature": 0.9,
        "stream_options": {"include_usage": True},
        "max_tokens": 30,
        "stop": ["\n"],
        "top_k": 5,
        "unknown": {"kept": True},
    }


def test_a_body_needs_no_model_and_may_have_a_prompt() -> None:
    request = normalise_body({"prompt": "hi"})

    assert request.model == ""
    assert request.messages == [{"role": "user", "content": "hi"}]
    assert not request.stream


@pytest.mark.parametrize(
    ("stop", "kept"),
    [("x", ["x"]), (["x", "", None, "y"], ["x", "y"]), ([], None), ("", None), ({}, None)],
)
def test_stop_is_a_list_of_texts_or_absent(stop: Any, kept: Any) -> None:
    assert normalise_body({"prompt": "x", "stop": stop}).params.get("stop") == kept


def test_old_functions_become_tools() -> None:
    request = normalise_body(
        {
            "prompt": "x",
            "functions": [{"name": "f", "parameters": {"type": "object"}}],
            "function_call": {"name": "f"},
        }
    )

    assert request.params == {
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }


def test_flat_tools_become_nested_ones() -> None:
    tool: dict[str, Any] = {"type": "function", "name": "f", "parameters": {}, "strict": None}

    assert normalise_body({"prompt": "x", "tools": [tool]}).params["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {}}}
    ]


def test_empty_tools_go_and_take_the_choice_with_them() -> None:
    body = {"prompt": "x", "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}

    assert normalise_body(body).params == {}


def test_the_reference_game_s_bodies_are_understood() -> None:
    """danclave/TALKER sends these."""
    body = {
        "model": "gemini/gemini-2.5-flash",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "temperature": 0.9,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0,
    }

    assert normalise_body(body).think is None
    assert normalise_body({**body, "reasoning_effort": "disable"}).think == "off"
    thinking = {"type": "enabled", "budget_tokens": -1}
    assert normalise_body({**body, "thinking": thinking}).think == "auto"


def test_a_named_tool_of_the_flat_kind_may_be_chosen() -> None:
    body = {
        "prompt": "x",
        "tools": [{"name": "f"}],
        "tool_choice": {"type": "function", "name": "f"},
    }

    assert normalise_body(body).params["tool_choice"] == {
        "type": "function",
        "function": {"name": "f"},
    }


def test_text_is_found_in_any_shape() -> None:
    assert flat_text([{"text": "a"}, "b", {"text": [{"text": "c"}]}, 5, None]) == "abc"
    assert flat_text(None) == ""


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
names = st.sampled_from(
    "role content type text image_url url tool_calls function name arguments id file".split()
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "developer", "function"])},
    optional={"content": anything, "tool_calls": anything, "function_call": anything},
)


@given(raw=st.lists(messages | anything, max_size=4), more=st.dictionaries(names, anything))
def test_any_body_is_understood_or_refused_by_name(raw: list[Any], more: dict[str, Any]) -> None:
    try:
        request = normalise_body({**more, "messages": raw})
    except BadField:
        return
    assert len(request.messages) == len(raw)
    for message in request.messages:
        assert message["role"] in ("system", "user", "assistant", "tool")
        assert isinstance(message["content"], str | list) or message["tool_calls"]
