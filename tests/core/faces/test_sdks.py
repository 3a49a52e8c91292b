"""The official SDKs read what we write, and their types take every object of ours. No socket is opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from freellm_cli.core.chat import Completion, Delta, ToolCall
from freellm_cli.core.errors import AllLimited, ContextTooLong, FreellmError, UpstreamError
from freellm_cli.core.faces.errors import error_reply
from freellm_cli.core.faces.models_list import anthropic_list, openai_list
from freellm_cli.core.faces.openai_embeddings import embeddings_reply, parse_embeddings
from freellm_cli.core.faces.registry import face
from tests.core.faces.test_block_orders import ANSWERS, told
from tests.support.faces import ASKED, STORY, TOLD, USAGE, asked, pieces, stream, writer

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
httpx2 = pytest.importorskip("httpx2")

pytestmark = pytest.mark.sdk

TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": None}]


class Answering:
    """A server in a function: answers every request with `body`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.reply: Callable[[Any], Any] = lambda request: httpx2.Response(500)
        self.seen: list[Any] = []

    def streams(self, body: bytes) -> None:
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        self.reply = lambda _: httpx2.Response(200, headers=headers, content=pieces(body))

    def says(self, body: bytes, status: int = 200, **headers: str) -> None:
        typed = {"content-type": "application/json", **headers}
        self.reply = lambda _: httpx2.Response(status, headers=typed, content=body)

    def refuses(self, error: FreellmError, name: str) -> None:
        made = error_reply(error, "req_1", face(name))
        self.says(made.body, made.status, **made.headers)

    def __call__(self, request: Any) -> Any:
        self.seen.append(request)
        return self.reply(request)


@pytest.fixture
def server() -> Answering:
    return Answering()


@pytest.fixture
def client(server: Answering) -> Iterator[Any]:
    transport = httpx2.Client(transport=httpx2.MockTransport(server))
    with openai.OpenAI(
        base_url="http://127.0.0.1/v1", api_key="k", http_client=transport, max_retries=1
    ) as made:
        yield made


@pytest.fixture
def claude(server: Answering) -> Iterator[Any]:
    transport = httpx2.Client(transport=httpx2.MockTransport(server))
    with anthropic.Anthropic(
        base_url="http://127.0.0.1", api_key="k", http_client=transport, max_retries=1
    ) as made:
        yield made


# OpenAI.


def test_openai_reads_a_stream(server: Answering, client: Any) -> None:
    server.streams(b": keep-alive\n\n" + stream("openai", STORY))
    with client.chat.completions.stream(model="m", messages=ASKED) as answer:
        final = answer.get_final_completion()
    message = final.choices[0].message
    assert message.content == "Hello you"
    assert [call.function.arguments for call in message.tool_calls] == [
        '{"town":"Bern"}',
        '{"zone":"UTC"}',
    ]
    assert final.choices[0].finish_reason == "tool_calls"


def test_openai_reads_usage_at_the_end(server: Answering, client: Any) -> None:
    more = {"stream_options": {"include_usage": True}}
    server.streams(stream("openai", STORY, **more))
    *_, last = client.chat.completions.create(model="m", messages=ASKED, stream=True, **more)
    assert last.usage.total_tokens == 15


def test_openai_raises_what_a_stream_says(server: Answering, client: Any) -> None:
    server.streams(stream("openai", [Delta(text="a")], error=UpstreamError("groq broke off")))
    with pytest.raises(openai.APIError, match="groq broke off"):
        list(client.chat.completions.create(model="m", messages=ASKED, stream=True))


def test_openai_reads_responses(server: Answering, client: Any) -> None:
    server.streams(stream("responses", STORY, tools=TOOLS))
    with client.responses.stream(model="m", input="hi", tools=TOOLS) as answer:
        seen = [event.type for event in answer]
        final = answer.get_final_response()
    assert seen[0] == "response.created"
    assert final.output_text == "Hello you"
    assert [item.type for item in final.output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert final.usage.output_tokens_details.reasoning_tokens == 2


def test_openai_reads_old_completions(server: Answering, client: Any) -> None:
    server.streams(stream("completions", [Delta(text="upon "), Delta(text="a time")], echo=True))
    said = client.completions.create(model="m", prompt="Once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in said) == "Onceupon a time"


def test_openai_reads_embeddings_in_its_own_default_form(server: Answering, client: Any) -> None:
    def reply(request: Any) -> Any:
        ask = parse_embeddings(json.loads(request.content))
        assert ask.base64
        body = embeddings_reply(ask, [[0.5, -1.0], [2.0, 0.25]], model="g/e", prompt_tokens=4)
        return httpx2.Response(200, json=json.loads(body))

    server.reply = reply
    answer = client.embeddings.create(model="e", input=["a", "b"])
    assert [row.embedding for row in answer.data] == [[0.5, -1.0], [2.0, 0.25]]
    assert answer.usage.total_tokens == 4


@pytest.mark.parametrize(
    ("error", "kind", "asked_times"),
    [
        (AllLimited("limited", retry_after_s=3600), "RateLimitError", 1),
        (AllLimited("limited", retry_after_s=20, daily=True), "RateLimitError", 1),
        (AllLimited("limited", retry_after_s=0.01), "RateLimitError", 2),
        (AllLimited("limited"), "RateLimitError", 1),
        (UpstreamError("failed"), "InternalServerError", 1),
        (ContextTooLong("too long"), "BadRequestError", 1),
    ],
)
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_sdks_ask_again_only_where_waiting_helps(
    server: Answering,
    request: pytest.FixtureRequest,
    sdk: str,
    error: FreellmError,
    kind: str,
    asked_times: int,
) -> None:
    server.refuses(error, sdk)
    answer = server.reply

    def without_waiting(seen: Any) -> Any:
        reply = answer(seen)
        if asked_times > 1:
            reply.headers["retry-after-ms"] = "1"
        return reply

    server.reply = without_waiting
    if sdk == "openai":
        ask = request.getfixturevalue("client").chat.completions.create
        expected = getattr(openai, kind)
    else:
        ask = request.getfixturevalue("claude").messages.create
        expected = getattr(anthropic, kind)
    more = {"max_tokens": 10} if sdk == "anthropic" else {}
    with pytest.raises(expected, match=error.message):
        ask(model="m", messages=ASKED, **more)
    assert len(server.seen) == asked_times


# Anthropic.


def test_anthropic_reads_a_stream(server: Answering, claude: Any) -> None:
    ping = writer("anthropic").keep_alive()
    server.streams(ping + stream("anthropic", STORY) + ping)
    with claude.messages.stream(model="m", messages=ASKED, max_tokens=500) as answer:
        final = answer.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert final.content[1].text == "Hello you"
    assert [block.input for block in final.content[2:]] == [{"town": "Bern"}, {"zone": "UTC"}]
    assert final.stop_reason == "tool_use"
    assert final.usage.output_tokens == 5


def test_anthropic_raises_what_a_stream_says(server: Answering, claude: Any) -> None:
    server.streams(stream("anthropic", [Delta(text="a")], error=UpstreamError("groq broke off")))
    with (
        pytest.raises(anthropic.APIStatusError, match="groq broke off"),
        claude.messages.stream(model="m", messages=ASKED, max_tokens=500) as answer,
    ):
        answer.get_final_message()


# Types.


def whole_answers() -> list[Completion]:
    return [
        TOLD,
        Completion(""),
        Completion("a", finish="length", usage=USAGE),
        Completion("", tool_calls=(ToolCall("", "f", "not json"),)),
        Completion("", reasoning="only thoughts"),
        Completion("Here", images=("data:image/png;base64,QUJD",)),
    ]


@pytest.mark.parametrize("answer", whole_answers())
def test_whole_answers_are_what_the_sdks_types_say(answer: Completion) -> None:
    from anthropic.types import Message
    from openai.types import Completion as OldCompletion
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    for name, model in (
        ("openai", ChatCompletion),
        ("completions", OldCompletion),
        ("responses", Response),
        ("anthropic", Message),
    ):
        model.model_validate_json(writer(name).whole(answer), strict=True)


@given(ANSWERS)
@settings(max_examples=60, deadline=None)
def test_frames_are_what_the_sdks_types_say(deltas: list[Delta]) -> None:
    from anthropic.types import RawMessageStreamEvent
    from openai.types.chat import ChatCompletionChunk
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    for name, adapter in (
        ("openai", TypeAdapter(ChatCompletionChunk)),
        ("responses", TypeAdapter(ResponseStreamEvent)),
        ("anthropic", TypeAdapter(RawMessageStreamEvent)),
    ):
        for line in stream(name, deltas).split(b"\n"):
            data = line.removeprefix(b"data: ")
            if data != line and data != b"[DONE]":
                adapter.validate_json(data)


@given(ANSWERS)
@settings(max_examples=60, deadline=None)
def test_google_reads_every_response(deltas: list[Delta]) -> None:
    types = pytest.importorskip("google.genai.types")
    for line in stream("gemini", deltas).split(b"\r\n\r\n"):
        if line:
            types.GenerateContentResponse.model_validate_json(line.removeprefix(b"data: "))
    made = writer("gemini").whole(told(deltas))
    types.GenerateContentResponse.model_validate_json(made)


def test_lists_of_models_are_what_the_sdks_types_say(
    server: Answering, client: Any, claude: Any
) -> None:
    from freellm_cli.core.catalog import ModelSpec

    rows = [
        (f"groq/org/m{at}:free", ModelSpec(f"groq/org/m{at}:free", "groq", f"m{at}", context=8192))
        for at in range(5)
    ]
    server.says(json.dumps(openai_list(rows)).encode())
    assert [model.id for model in client.models.list()] == [name for name, _ in rows]

    def paged(request: Any) -> Any:
        after = request.url.params.get("after_id") or ""
        return httpx2.Response(200, json=anthropic_list(rows, limit=2, after_id=after))

    server.reply = paged
    assert [model.id for model in claude.models.list(limit=2)] == [name for name, _ in rows]


def test_what_the_sdks_send_is_understood(server: Answering, client: Any, claude: Any) -> None:
    server.says(writer("openai").whole(TOLD))
    client.chat.completions.create(
        model="m",
        messages=[{"role": "developer", "content": "rules"}, *ASKED],
        max_completion_tokens=200,
        stop="END",
        response_format={"type": "json_object"},
        extra_body={"top_k": 5},
    )
    request = face("openai").parse(json.loads(server.seen[-1].content), "", None).request
    assert request.messages[0] == {"role": "system", "content": "rules"}
    assert request.params == {
        "max_tokens": 200,
        "stop": ["END"],
        "response_format": {"type": "json_object"},
        "top_k": 5,
    }
    server.says(writer("anthropic").whole(TOLD))
    answer = claude.messages.create(model="m", messages=ASKED, max_tokens=500)
    claude.messages.create(
        model="m",
        max_tokens=500,
        messages=[
            *ASKED,
            {"role": "assistant", "content": answer.content},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "sunny"},
                    {"type": "tool_result", "tool_use_id": "call_b", "content": "noon"},
                ],
            },
        ],
    )
    request = face("anthropic").parse(json.loads(server.seen[-1].content), "", None).request
    assert [message["role"] for message in request.messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
    ]
    assert request.messages[1]["reasoning_content"] == "Let me think."
    assert asked("anthropic").request.model == "m"
