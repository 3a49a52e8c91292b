"""The switches one by one, and what holds for every host."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.errors import BadField, ConfigError, RequestRefused
from freellm_cli.core.messages import normalise_body
from freellm_cli.providers.openai_compat import dropped_fields
from freellm_cli.providers.quirks import KNOWN
from freellm_cli.providers.think_styles import STYLES
from tests.support.openai_talk import (
    ask,
    assistant,
    call,
    dialect,
    result,
    sent,
    system,
    target,
    tool,
    user,
)

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
TEXT = {"type": "text", "text": "look"}


def field(name: str, value: Any, **quirks: Any) -> Any:
    """What becomes of one parameter."""
    return sent(ask(**{name: value}), target(quirks=quirks)).get(name, "gone")


def messages(*given: dict[str, Any], **quirks: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = sent(ask(*given), target(quirks=quirks))["messages"]
    return made


# What holds everywhere.


def test_a_plain_request_is_sent_as_it_is() -> None:
    request = ask(system("s"), user("u"), temperature=0.5, top_p=1, seed=3)

    assert sent(request) == {
        "model": "some-model",
        "messages": [system("s"), user("u")],
        "temperature": 0.5,
        "top_p": 1,
        "seed": 3,
        "stream": False,
    }
    assert dropped_fields(request, target()) == ()


def test_a_request_is_never_changed_in_place() -> None:
    request = ask(
        system("s"),
        user([dict(TEXT)]),
        assistant(None, reasoning_content="hm", tool_calls=[call("call_1")]),
        result("call_1"),
        tools=[tool("f", {"type": "object", "const": 1}, strict=True)],
        think="high",
        reasoning={"effort": "low"},
        stop=["a", "b"],
        chat_template_kwargs={"a": 1},
    )
    before = copy.deepcopy(request)
    quirks = {
        "think": "chat_template_glm",
        "drop": ["tools.0.function.strict", "messages.0.name"],
        "schema_strip": ["const"],
        "message_order": "mistral",
        "tool_call_ids": "mistral9",
        "fold_system": True,
        "merge_same_role": True,
        "flatten_text_parts": True,
        "stop_max": 1,
    }

    sent(request, target(quirks=quirks))

    assert request == before


@pytest.mark.parametrize(
    ("name", "value", "arrives"),
    [
        ("temperature", None, "gone"),
        ("temperature", 3, 2),
        ("temperature", -1, 0),
        ("temperature", 0, 0),
        ("temperature", "hot", "hot"),
        ("max_tokens", 0, "gone"),
        ("max_tokens", -1, "gone"),
        ("max_tokens", 65536, 8192),
        ("max_tokens", 30, 30),
        ("max_tokens", 100.0, 100),
        ("max_tokens", True, True),
        ("max_tokens", float("inf"), "gone"),
        ("max_tokens", float("nan"), "gone"),
        ("max_completion_tokens", 65536, 8192),
        ("top_k", 0, "gone"),
        ("top_k", -1, "gone"),
        ("top_k", 40, 40),
        ("unknown_key", {"a": 1}, {"a": 1}),
        ("tools", [], "gone"),
        ("tool_choice", "auto", "gone"),
        ("parallel_tool_calls", True, "gone"),
        ("stream", False, False),
        ("model", "other", "some-model"),
        ("google", {"x": 1}, "gone"),
    ],
)
def test_the_policy_for_every_host(name: str, value: Any, arrives: Any) -> None:
    body = sent(ask(**{name: value}), target(max_output=8192))

    assert body.get(name, "gone") == arrives


def test_tools_without_entries_take_their_companions_along() -> None:
    body = sent(ask(tools=[], tool_choice="required", parallel_tool_calls=False))

    assert set(body) == {"model", "messages", "stream"}


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(RequestRefused, match="JSON"):
        sent(ask(temperature=1, odd=float("nan")))


def test_half_an_emoji_is_no_crash() -> None:
    request = dialect().chat(ask(user("a\ud83d")), target(), None, stream=True)

    assert b'"a?"' in (request.body or b"")


@pytest.mark.parametrize(
    "base",
    [
        "https://host.example/v1",
        "https://host.example/v1/",
        "https://host.example/v1/chat/completions",
    ],
)
def test_a_base_url_may_have_a_tail(base: str) -> None:
    request = dialect().chat(ask(), target(base_url=base), None, stream=True)

    assert request.url == "https://host.example/v1/chat/completions"


def test_an_address_without_its_account_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match="account_id"):
        sent(ask(), target(base_url="https://x.example/{ACCOUNT_ID}/v1"))


def test_a_key_is_optional() -> None:
    assert dialect().chat(ask(), target(), None, stream=True).auth == ()


# Media.


@pytest.mark.parametrize(
    ("part", "needed"),
    [
        (PICTURE, "vision"),
        ({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, "audio"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}, "pdf"),
        ({"type": "file", "file": {"file_data": "data:image/png;base64,AA"}}, "vision"),
        ({"type": "file", "file": {"file_data": "data:audio/ogg;base64,AA"}}, "audio"),
    ],
)
def test_media_go_only_to_models_that_take_them(part: dict[str, Any], needed: str) -> None:
    request = ask(user([TEXT, part]))

    with pytest.raises(RequestRefused, match="takes no"):
        sent(request, target(capabilities=frozenset({"chat", "tools"})))
    assert sent(request, target(capabilities=frozenset({"chat", needed})))["messages"]
    # Of a model that a bare list names, nothing is known.
    assert sent(request, target(capabilities=frozenset({"chat"})))["messages"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("data:image/png;base64,AA", PICTURE),
        (
            "data:audio/mpeg;base64,AA",
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        ),
        (
            "data:audio/x-wav;base64,AA",
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        ),
        ("data:text/plain;base64,0LY=", {"type": "text", "text": "ж"}),
        ("data:text/markdown,a%20b", {"type": "text", "text": "a b"}),
        ("data:text/plain;base64,!", {"type": "text", "text": ""}),
        ("data:text/plain;base64,abc", {"type": "text", "text": "abc"}),
        (
            "data:application/pdf;base64,AA",
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}},
        ),
        ("not a uri", {"type": "file", "file": {"file_data": "not a uri"}}),
    ],
)
def test_files_become_the_parts_that_hosts_know(data: str, part: dict[str, Any]) -> None:
    (message,) = messages(user([{"type": "file", "file": {"file_data": data}}]))

    assert message["content"] == [part]


def test_cache_marks_go_only_where_they_are_known() -> None:
    marked = {**TEXT, "cache_control": {"type": "ephemeral"}}

    assert messages(user([marked]))[0]["content"] == [TEXT]
    assert messages(user([marked]), cache_control=True)[0]["content"] == [marked]


# Fields.


def test_rename_keeps_what_the_caller_gave_under_the_new_name() -> None:
    quirks = {"rename": {"seed": "random_seed"}}

    assert sent(ask(seed=1), target(quirks=quirks))["random_seed"] == 1
    body = sent(ask(seed=1, random_seed=2), target(quirks=quirks))
    assert (body["random_seed"], "seed" in body) == (2, False)


def test_keep_only_names_wire_fields_and_does_not_hold_back_thinking() -> None:
    quirks = {
        "keep_only": ["max_tokens", "temperature"],
        "rename": {"max_completion_tokens": "max_tokens"},
        "think": "zai",
    }
    request = ask(max_completion_tokens=5, temperature=1, top_p=0.5, think="low")

    assert sent(request, target(quirks=quirks)) == {
        "model": "some-model",
        "messages": [user("hi")],
        "max_tokens": 5,
        "temperature": 1,
        "thinking": {"type": "enabled"},
        "stream": False,
    }


def test_drop_reaches_what_freellm_adds() -> None:
    quirks = {"think": "effort", "drop": ["reasoning_effort", "stream_options", "stream"]}

    assert set(sent(ask(think="low"), target(quirks=quirks))) == {"model", "messages"}
    body = sent(ask(), target(quirks=quirks), stream=True)
    assert body["stream"] is True
    assert "stream_options" not in body


@pytest.mark.parametrize(
    "path", ["tools.0.function.strict", "tools[3].function.strict", "tools.*.function.strict"]
)
def test_drop_reaches_into_every_element(path: str) -> None:
    request = ask(tools=[tool("f", strict=True), tool("g", strict=True)])

    made = sent(request, target(quirks={"drop": [path, "not.there"]}))["tools"]

    assert [sorted(t["function"]) for t in made] == [["name", "parameters"]] * 2


def test_drop_reaches_into_messages_but_leaves_role_and_content() -> None:
    given = [{**user("u"), "name": "ann"}, assistant("a", weight=1)]

    made = messages(
        *given, drop=["messages.0.name", "messages.1.weight", "messages.0.role", "messages"]
    )

    assert made == [user("u"), assistant("a")]


def test_values_replace_words() -> None:
    quirks = {"values": {"tool_choice": {"required": "any"}}}
    tools = [tool()]

    made = sent(ask(tools=tools, tool_choice="required"), target(quirks=quirks))
    assert made["tool_choice"] == "any"
    named = {"type": "function", "function": {"name": "look"}}
    made = sent(ask(tools=tools, tool_choice=named), target(quirks=quirks))
    assert made["tool_choice"] == named


def test_numbers_are_moved_into_their_range() -> None:
    quirks = {"clamp": {"temperature": [0.01, 1], "top_p": [0, 0.99]}}

    assert field("temperature", 0, **quirks) == 0.01
    assert field("temperature", 1.5, **quirks) == 1
    assert field("top_p", 1, **quirks) == 0.99
    assert field("temperature", 0.4, **quirks) == 0.4


def test_limits_of_tokens() -> None:
    assert field("max_tokens", 5, max_tokens_min=16) == 16
    assert field("max_tokens", 50, max_tokens_min=16) == 50
    assert sent(ask(), target(quirks={"max_tokens_default": 256}))["max_tokens"] == 256
    assert sent(ask(max_tokens=0), target(quirks={"max_tokens_default": 256}))["max_tokens"] == 256
    renamed = {"max_tokens_default": 256, "rename": {"max_tokens": "max_completion_tokens"}}
    assert sent(ask(), target(quirks=renamed))["max_completion_tokens"] == 256


def test_answers_at_once() -> None:
    assert field("n", 3, n_max=1) == "gone"
    assert field("n", 1, n_max=1) == "gone"
    assert field("n", 5, n_max=2) == 2
    assert field("n", 3) == 3


def test_stop_texts_are_cut_to_what_is_taken() -> None:
    assert field("stop", ["a", "b", "c"], stop_max=2) == ["a", "b"]


def test_formats_beside_tools() -> None:
    request = ask(tools=[tool()], response_format={"type": "json_object"})
    alone = ask(response_format={"type": "json_object"})
    where = target(quirks={"response_format_with_tools": False})

    assert "response_format" not in sent(request, where)
    assert "tools" in sent(request, where)
    assert "response_format" in sent(alone, where)


def test_one_call_at_a_time() -> None:
    where = target(quirks={"parallel_tool_calls": False})

    assert (
        sent(ask(tools=[tool()], parallel_tool_calls=True), where)["parallel_tool_calls"] is False
    )
    assert "parallel_tool_calls" not in sent(ask(), where)


def test_headers_are_added_and_the_agent_is_our_own() -> None:
    where = target(quirks={"headers": {"X-Thing": 5}})
    request = dialect().chat(ask(), where, None, stream=False)

    assert request.headers["X-Thing"] == "5"
    assert request.headers["User-Agent"].startswith("freellm/")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept"] == "application/json"


# Messages.


def test_system_messages_are_joined_at_the_beginning() -> None:
    made = messages(user("u"), system("a"), assistant("x"), system("b"), system_first=True)

    assert made == [system("a\n\nb"), user("u"), assistant("x")]


def test_system_is_folded_into_the_first_user_message() -> None:
    parts = [TEXT, PICTURE]

    assert messages(system("s"), user("u"), fold_system=True) == [user("s\n\nu")]
    assert messages(system("s"), user(parts), fold_system=True) == [
        user([{"type": "text", "text": "s"}, *parts])
    ]
    assert messages(system("s"), assistant("x"), fold_system=True) == [user("s"), assistant("x")]


def test_neighbours_of_one_role_are_joined_but_results_are_not() -> None:
    made = messages(
        user("a"),
        user([TEXT]),
        assistant("x"),
        assistant(None, tool_calls=[call("1"), call("2")]),
        result("1"),
        result("2"),
        merge_same_role=True,
    )

    assert made == [
        user([{"type": "text", "text": "a"}, TEXT]),
        assistant("x", tool_calls=[call("1"), call("2")]),
        result("1"),
        result("2"),
    ]


def test_text_parts_are_flattened_unless_there_is_a_picture() -> None:
    assert messages(user([TEXT, TEXT]), flatten_text_parts=True)[0]["content"] == "look\nlook"
    assert messages(user([TEXT, PICTURE]), flatten_text_parts=True)[0]["content"] == [TEXT, PICTURE]


def test_members_are_dropped_from_messages() -> None:
    made = messages(
        {**user("u"), "name": "ann"}, assistant("x", refusal="r"), message_drop=["name"]
    )

    assert made == [user("u"), assistant("x", refusal="r")]


@pytest.mark.parametrize(
    ("history", "thoughts"),
    [
        ("drop", {}),
        ("reasoning", {"reasoning": "hm", "reasoning_details": [1]}),
        ("reasoning_content", {"reasoning_content": "hm"}),
        ("keep", {"reasoning_content": "hm", "reasoning_details": [1]}),
    ],
)
def test_earlier_thinking_is_sent_back_under_the_name_that_is_wanted(
    history: str, thoughts: dict[str, Any]
) -> None:
    turn = assistant("x", reasoning_content="hm", reasoning_details=[1])

    assert messages(turn, reasoning_in_history=history) == [{**assistant("x"), **thoughts}]


# Thinking.


def test_a_thinking_model_without_a_style_is_asked_in_the_common_way() -> None:
    thinks = target(capabilities=frozenset({"chat", "thinking"}))

    assert sent(ask(think="high"), thinks)["reasoning_effort"] == "high"
    assert "reasoning_effort" not in sent(ask(think="off"), thinks)
    assert "reasoning_effort" not in sent(ask(think="high"))


def test_levels_may_be_said_among_the_parameters() -> None:
    where = target(quirks={"think": "effort_or_none"})

    assert sent(ask(reasoning_effort="disable"), where)["reasoning_effort"] == "none"
    assert sent(ask(thinking={"type": "enabled", "budget_tokens": 500}), where) == {
        "model": "some-model",
        "messages": [user("hi")],
        "reasoning_effort": "low",
        "stream": False,
    }


def test_think_levels_come_before_the_style() -> None:
    quirks = {
        "think": "effort",
        "think_levels": {"off": "none", "low": "", "high": {"a": {"b": 1}}},
    }

    def added(level: str) -> dict[str, Any]:
        body = sent(ask(think=level), target(quirks=quirks))
        return {k: v for k, v in body.items() if k not in ("model", "messages", "stream")}

    assert added("off") == {"reasoning_effort": "none"}
    assert added("low") == {}
    assert added("medium") == {"reasoning_effort": "medium"}
    assert added("high") == {"a": {"b": 1}}


def test_the_caller_s_own_template_words_stay() -> None:
    request = ask(think="off", chat_template_kwargs={"enable_thinking": True, "x": 1})
    where = target(quirks={"think": "chat_template_enable_thinking"})

    assert sent(request, where)["chat_template_kwargs"] == {"enable_thinking": True, "x": 1}


def test_an_unknown_style_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="telepathy"):
        sent(ask(think="low"), target(quirks={"think": "telepathy"}))


def test_a_level_that_goes_nowhere_is_told() -> None:
    def told(level: str, *abilities: str) -> list[str]:
        where = target(quirks={"think": "none"}, capabilities=frozenset({"chat", *abilities}))
        return [change.field for change in dropped_fields(ask(think=level), where)]

    assert told("high") == ["think"]
    assert told("off", "thinking") == ["think"]
    assert told("off") == []
    assert told("auto") == []


# Documents.

DOCS = Path(__file__).parents[2] / "docs" / "quirks.md"


def test_every_switch_and_every_style_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")

    assert [name for name in sorted(KNOWN | STYLES) if f"`{name}`" not in text] == []


# Anything a client sends.

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 99_999)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=6,
)
params = st.dictionaries(
    st.sampled_from(
        "temperature top_p top_k n stop max_tokens max_completion_tokens seed response_format "
        "reasoning reasoning_effort thinking think chat_template_kwargs google user".split()
    ),
    values,
    max_size=6,
)


@given(given=params, stream=st.booleans())
def test_any_parameters_make_a_request_or_are_refused_by_name(
    given: dict[str, Any], stream: bool
) -> None:
    quirks = {
        "rename": {"seed": "random_seed", "max_completion_tokens": "max_tokens"},
        "clamp": {"top_p": [0, 1]},
        "n_max": 1,
        "stop_max": 1,
        "think": "openrouter_reasoning",
        "drop": ["stop.a", "user"],
        "values": {"response_format": {"a": "b"}},
    }
    try:
        request = normalise_body({**given, "messages": "hi"})._replace(stream=stream)
        refused = ""
    except BadField as refusal:
        refused = refusal.path.partition(".")[0].partition("[")[0]
    if refused:
        assert refused in given
        return

    made = dialect().chat(request, target(quirks=quirks), None, stream=stream)

    body = json.loads(made.body or b"")
    assert body["stream"] is stream
    assert None not in body.values()
