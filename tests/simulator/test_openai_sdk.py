"""The OpenAI dialect, judged by a client that we did not write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.upstream import simulator, upstream

openai = pytest.importorskip("openai")

pytestmark = pytest.mark.sdk

__all__ = ["upstream"]

Connect = Callable[..., Any]
HELLO = [{"role": "user", "content": "Hello there"}]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients that do not retry, and closes them."""
    clients = []

    def make(sim: Simulator, provider: str = "groq", key: str = "k1") -> Any:
        client = openai.OpenAI(
            base_url=sim.base_url(provider), api_key=key, max_retries=0, timeout=5
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


OPENAI_HOSTS = ["groq", "mistral", "openrouter", "nvidia_nim", "cerebras", "zai", "ollama", "acme"]


@pytest.mark.parametrize("provider", OPENAI_HOSTS)
def test_a_whole_answer(upstream: Simulator, connect: Connect, provider: str) -> None:
    answer = connect(upstream, provider).chat.completions.create(model="m", messages=HELLO)
    (choice,) = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content.startswith("This is m, simulated. You asked: “Hello there”")
    assert choice.finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id == "req_1"


@pytest.mark.parametrize("provider", OPENAI_HOSTS)
def test_a_stream_says_the_same_as_the_whole_answer(
    upstream: Simulator, connect: Connect, provider: str
) -> None:
    client = connect(upstream, provider)
    whole = client.chat.completions.create(model="m", messages=HELLO)
    chunks = list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices].count("stop") == 1
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_last_when_asked_for(upstream: Simulator, connect: Connect) -> None:
    chunks = list(
        connect(upstream).chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens == 3


def test_usage_comes_unasked_where_the_provider_does_so(
    upstream: Simulator, connect: Connect
) -> None:
    client = connect(upstream, "mistral")
    chunks = list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-1].choices[0].finish_reason == "stop"


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}


def test_a_tool_call_carried_through(upstream: Simulator, connect: Connect) -> None:
    client = connect(upstream)
    messages: list[Any] = [{"role": "user", "content": "Please get_weather for Oslo"}]
    asked = client.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
    assert asked.choices[0].finish_reason == "tool_calls"
    assert asked.choices[0].message.content is None
    (call,) = asked.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city", "days"}
    messages += [
        asked.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    answer = client.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "The tool answered: sunny"


def test_a_streamed_tool_call_is_put_together_by_the_sdk(
    upstream: Simulator, connect: Connect
) -> None:
    with connect(upstream).chat.completions.stream(
        model="m", messages=HELLO, tools=[WEATHER], tool_choice="required"
    ) as stream:
        answer = stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls
    assert json.loads(call.function.arguments)["city"] == "Hello there"


def test_a_named_tool_and_none_at_all(upstream: Simulator, connect: Connect) -> None:
    create = connect(upstream).chat.completions.create
    named = {"type": "function", "function": {"name": "get_weather"}}
    forced = create(model="m", messages=HELLO, tools=[WEATHER], tool_choice=named)
    assert forced.choices[0].message.tool_calls
    messages = [{"role": "user", "content": "get_weather"}]
    silent = create(model="m", messages=messages, tools=[WEATHER], tool_choice="none")
    assert silent.choices[0].message.tool_calls is None


def test_json_by_a_schema(upstream: Simulator, connect: Connect) -> None:
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["calm", "wild"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "count": {"type": "integer"},
        },
    }
    answer = connect(upstream).chat.completions.create(
        model="m",
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    said = json.loads(answer.choices[0].message.content)
    assert said == {"mood": "calm", "tags": ["Hello there"], "count": 1}


def test_max_tokens_and_stop_are_kept(upstream: Simulator, connect: Connect) -> None:
    create = connect(upstream).chat.completions.create
    short = create(model="m", messages=HELLO, max_tokens=3)
    assert short.choices[0].message.content == "This is m,"
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 3
    stopped = create(model="m", messages=HELLO, stop=["simulated", "never"])
    assert stopped.choices[0].message.content.strip() == "This is m,"


def test_thoughts_come_apart_from_the_answer(upstream: Simulator, connect: Connect) -> None:
    create = connect(upstream, "nvidia_nim").chat.completions.create
    extra = {"chat_template_kwargs": {"thinking": True}}
    answer = create(model="m", messages=HELLO, extra_body=extra)
    assert "Hello there" in answer.choices[0].message.reasoning_content
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    stream = create(model="m", messages=HELLO, extra_body=extra, stream=True)
    thoughts = [getattr(one.choices[0].delta, "reasoning_content", None) for one in stream]
    assert "".join(filter(None, thoughts)) == answer.choices[0].message.reasoning_content


def test_several_choices(upstream: Simulator, connect: Connect) -> None:
    answer = connect(upstream, "acme").chat.completions.create(model="m", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_legacy_completions(upstream: Simulator, connect: Connect) -> None:
    client = connect(upstream, "acme")
    answer = client.completions.create(model="m", prompt="Once upon a time", max_tokens=100)
    assert "Once upon a time" in answer.choices[0].text
    pieces = client.completions.create(model="m", prompt="Once", max_tokens=100, stream=True)
    assert "Once" in "".join(piece.choices[0].text for piece in pieces)


def test_embeddings_are_the_same_for_the_same_text(upstream: Simulator, connect: Connect) -> None:
    client = connect(upstream, "mistral")
    answer = client.embeddings.create(model="mistral-embed", input=["a", "b", "a"])
    first, second, third = (one.embedding for one in answer.data)
    assert len(first) == 1024
    assert first == third != second
    assert sum(value * value for value in first) == pytest.approx(1, abs=1e-3)
    floats = client.embeddings.create(
        model="mistral-embed", input="a", encoding_format="float", dimensions=8
    )
    assert len(floats.data[0].embedding) == 8


@pytest.mark.parametrize(
    "provider", [*OPENAI_HOSTS, "huggingface", "cohere", "sambanova", "localai"]
)
def test_models_are_listed(upstream: Simulator, connect: Connect, provider: str) -> None:
    client = connect(upstream, provider)
    names = [model.id for model in client.models.list()]
    assert len(names) >= 2
    assert client.models.retrieve(names[0]).id == names[0]


@pytest.mark.parametrize(
    ("fault", "provider", "error"),
    [
        ("bad_key", "groq", "AuthenticationError"),
        ("bad_key", "nvidia_nim", "PermissionDeniedError"),
        ("no_model", "groq", "NotFoundError"),
        ("bad_request", "groq", "BadRequestError"),
        ("bad_field", "mistral", "UnprocessableEntityError"),
        ("rate_minute", "groq", "RateLimitError"),
        ("overloaded", "groq", "InternalServerError"),
        ("retired", "nvidia_nim", "APIStatusError"),
        ("out_of_credit", "openrouter", "APIStatusError"),
        ("cut_before_headers", "groq", "APIConnectionError"),
        ("reset_before_headers", "groq", "APIConnectionError"),
        ("garbage", "groq", "APIConnectionError"),
        ("html_502", "groq", "InternalServerError"),
        ("truncated_json", "groq", "JSONDecodeError"),
    ],
)
def test_the_sdk_raises_what_it_raises_at_the_real_one(
    upstream: Simulator, connect: Connect, fault: str, provider: str, error: str
) -> None:
    upstream.fail(fault)
    with pytest.raises(Exception) as raised:
        connect(upstream, provider).chat.completions.create(model="m", messages=HELLO)
    assert error in [one.__name__ for one in type(raised.value).__mro__]


@pytest.mark.parametrize("fault", ["error_after", "first_event_error", "event_error"])
def test_the_sdk_sees_an_error_inside_a_stream(
    upstream: Simulator, connect: Connect, fault: str
) -> None:
    upstream.fail(fault)
    client = connect(upstream)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))


def test_the_sdk_waits_as_long_as_it_is_told(connect: Connect) -> None:
    with simulator() as sim:
        sim.fail("rate_minute", provider="groq", wait_s=0.05)
        client = connect(sim).with_options(max_retries=1)
        answer = client.chat.completions.create(model="m", messages=HELLO)
        assert answer.choices
        first, second = sim.seen
        assert first.status == 429
        assert second.headers["x-stainless-retry-count"] == "1"
        assert second.at - first.at >= 0.05


def test_leaving_a_stream_is_seen_at_once(connect: Connect) -> None:
    with simulator(tokens_per_s=20) as sim:
        client = connect(sim)
        with client.chat.completions.create(model="m", messages=HELLO, stream=True) as stream:
            next(iter(stream))
        assert sim.wait_for(lambda counts: counts.aborted == 1, timeout=1.0)


def test_the_compatible_path_of_google(upstream: Simulator, connect: Connect) -> None:
    client = openai.OpenAI(
        base_url=upstream.base_url("gemini") + "/openai", api_key="k1", max_retries=0
    )
    with client:
        answer = client.chat.completions.create(model="gemini-2.5-flash", messages=HELLO)
        assert answer.choices[0].message.content
        assert client.models.list().data[0].id == "models/gemini-2.5-flash"
        upstream.key("k1").bad()
        with pytest.raises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="gemini-2.5-flash", messages=HELLO)
    assert json.loads(raised.value.response.text)[0]["error"]["status"] == "INVALID_ARGUMENT"
