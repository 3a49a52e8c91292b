"""Clients that we did not write, over real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import MODEL, Served, served
from tests.support.upstream import simulator

pytestmark = pytest.mark.sdk
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


@pytest.fixture
def openai_client(house: Served) -> Any:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(house: Served) -> Any:
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(base_url=house.url, api_key="any", max_retries=0) as client:
        yield client


def test_openai_asks_whole_and_streamed(openai_client: Any) -> None:
    whole = openai_client.chat.completions.create(model=MODEL, messages=HELLO)
    text = whole.choices[0].message.content
    assert text.startswith("This is model-one")
    stream = openai_client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
    assert chunks[-1].usage.total_tokens > 0


def test_openai_lists_and_retrieves_models(openai_client: Any) -> None:
    ids = [model.id for model in openai_client.models.list()]
    assert "both" in ids
    assert openai_client.models.retrieve("acme/model-one").id == "acme/model-one"


def test_openai_calls_a_tool(openai_client: Any, house: Served) -> None:
    house.sim.reply(calls=[("get_weather", {"city": "Oslo"})])
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    answer = openai_client.chat.completions.create(model=MODEL, messages=HELLO, tools=[tool])
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    follow = openai_client.chat.completions.create(
        model=MODEL,
        messages=[
            *HELLO,
            answer.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        ],
        tools=[tool],
    )
    assert follow.choices[0].message.content


def test_openai_embeds_in_base64_as_it_likes(openai_client: Any, house: Served) -> None:
    found = openai_client.embeddings.create(model="acme/embed-one", input=["one", "two"])
    assert [item.index for item in found.data] == [0, 1]
    assert isinstance(found.data[0].embedding[0], float)


def test_openai_asks_for_a_response(openai_client: Any) -> None:
    assert openai_client.responses.create(model=MODEL, input="Hello").output_text
    with openai_client.responses.stream(model=MODEL, input="Hello") as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_openai_understands_our_errors(openai_client: Any, house: Served) -> None:
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.NotFoundError) as caught:
        openai_client.chat.completions.create(model="nonsense-9", messages=HELLO)
    assert caught.value.code == "model_not_found"
    house.sim.fail("cut_midstream", times=None)
    with pytest.raises(openai.APIError):
        list(openai_client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))


@pytest.mark.parametrize(("wait_s", "asked"), [(2, 2), (3600, 1)])
def test_openai_waits_for_a_short_limit_and_not_for_a_long_one(
    tmp_path: Path, wait_s: int, asked: int
) -> None:
    openai = pytest.importorskip("openai")
    settings = {"timeouts.total": 1.0}
    with simulator() as sim, served(sim, tmp_path, settings=settings) as house:
        assert house.ask(body={"model": MODEL, "messages": HELLO}).status == 200
        sim.fail("rate_minute" if wait_s < 60 else "rate_day", wait_s=wait_s, times=None)
        with openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=1) as client:
            with pytest.raises(openai.APIStatusError) as caught:
                client.chat.completions.create(model=MODEL, messages=HELLO)
            assert caught.value.status_code == 429
        assert house.wait_for(lambda: len("".join(house.log).splitlines()) == asked + 1)


def test_anthropic_asks_whole_and_streamed(anthropic_client: Any) -> None:
    whole = anthropic_client.messages.create(model=MODEL, max_tokens=500, messages=HELLO)
    assert whole.stop_reason == "end_turn"
    with anthropic_client.messages.stream(model=MODEL, max_tokens=500, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text


def test_anthropic_counts_lists_and_calls(anthropic_client: Any, house: Served) -> None:
    counted = anthropic_client.messages.count_tokens(model=MODEL, messages=HELLO)
    assert counted.input_tokens > 0
    assert "both" in [model.id for model in anthropic_client.models.list()]
    house.sim.reply(calls=[("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})])
    tool = {"name": "get_weather", "description": "", "input_schema": WEATHER}
    with anthropic_client.messages.stream(
        model=MODEL, max_tokens=500, messages=HELLO, tools=[tool]
    ) as stream:
        message = stream.get_final_message()
    assert [block.input for block in message.content if block.type == "tool_use"] == [
        {"city": "Oslo"},
        {"city": "Rome"},
    ]


def test_anthropic_understands_our_errors(anthropic_client: Any) -> None:
    anthropic = pytest.importorskip("anthropic")
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.messages.create(model="nonsense-9", max_tokens=5, messages=HELLO)


def test_googles_sdk_asks_streams_counts_and_lists(house: Served) -> None:
    genai = pytest.importorskip("google.genai")
    options = {"base_url": house.url, "api_version": "v1beta"}
    client = genai.Client(api_key="any", http_options=options)
    whole = client.models.generate_content(model="both", contents="Hello")
    assert whole.text.startswith("This is model-one")
    pieces = client.models.generate_content_stream(model="both", contents="Hello")
    assert "".join(piece.text or "" for piece in pieces) == whole.text
    assert client.models.count_tokens(model="both", contents="Hello").total_tokens > 0
    assert any(model.name == "models/both" for model in client.models.list())
    paged = client.models.list(config={"page_size": 2})
    assert [model.name for model in paged] == [model.name for model in client.models.list()]
    made = client.models.embed_content(model="acme/embed-one", contents=["one", "two"])
    assert len(made.embeddings) == 2
    assert made.embeddings[0].values
    client.close()
