"""The native Gemini dialect, judged by Google's own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.upstream import simulator, upstream

genai = pytest.importorskip("google.genai")
types = genai.types

pytestmark = [
    pytest.mark.sdk,
    # The SDK's own: it leaves its asynchronous client to the collector.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

__all__ = ["upstream"]

FLASH = "gemini-2.5-flash"


def client_of(sim: Simulator, key: str = "k1") -> Any:
    options = types.HttpOptions(
        base_url=sim.base_url("gemini").removesuffix("/v1beta"),
        timeout=5000,
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
def client(upstream: Simulator) -> Iterator[Any]:
    made = client_of(upstream)
    yield made
    made.close()


def weather() -> Any:
    return types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="get_weather",
                description="Tells the weather",
                parameters=types.Schema(
                    type="OBJECT", properties={"city": types.Schema(type="STRING")}
                ),
            )
        ]
    )


def test_a_whole_answer(client: Any, upstream: Simulator) -> None:
    answer = client.models.generate_content(model=FLASH, contents="Hello there")
    assert answer.text.startswith(f"This is {FLASH}, simulated. You asked: “Hello there”")
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    used = answer.usage_metadata
    assert used.total_token_count == used.prompt_token_count + used.candidates_token_count
    (seen,) = upstream.seen
    assert (seen.provider, seen.model, seen.operation) == ("gemini", FLASH, "chat")
    assert "x-goog-api-key" not in seen.headers


def test_a_stream_says_the_same(client: Any) -> None:
    whole = client.models.generate_content(model=FLASH, contents="Hello there")
    chunks = list(client.models.generate_content_stream(model=FLASH, contents="Hello there"))
    assert len(chunks) > 5
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata == whole.usage_metadata


def test_a_tool_call_carried_through(client: Any) -> None:
    config = types.GenerateContentConfig(
        tools=[weather()],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    question = types.UserContent("Please get weather in Oslo")
    for model in (FLASH, "gemini-3-flash-preview"):
        asked = client.models.generate_content(model=model, contents=[question], config=config)
        (call,) = asked.function_calls
        assert call.name == "get_weather"
        assert call.args.keys() == {"city"}
        answered = types.Part.from_function_response(name=call.name, response={"sky": "blue"})
        answered.function_response.id = call.id
        turn = [question, asked.candidates[0].content, types.UserContent([answered])]
        answer = client.models.generate_content(model=model, contents=turn, config=config)
        assert answer.text == 'The tool answered: {"sky": "blue"}'


def test_the_sdk_can_call_a_python_function_by_itself(client: Any) -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Tells the weather."""
        asked.append(city)
        return "sunny"

    config = types.GenerateContentConfig(tools=[get_weather])
    answer = client.models.generate_content(
        model=FLASH, contents="get_weather, please", config=config
    )
    assert asked == ["get_weather, please"]
    assert "sunny" in answer.text


def test_gemini_3_wants_its_signature_back(client: Any) -> None:
    model = "gemini-3-flash-preview"
    config = types.GenerateContentConfig(tools=[weather()])
    call = types.Part.from_function_call(name="get_weather", args={"city": "Oslo"})
    result = types.Part.from_function_response(name="get_weather", response={"sky": "blue"})
    turn = [types.UserContent("weather?"), types.ModelContent([call]), types.UserContent([result])]
    with pytest.raises(genai.errors.ClientError, match="missing a thought_signature"):
        client.models.generate_content(model=model, contents=turn, config=config)
    call.thought_signature = b"made up"
    with pytest.raises(genai.errors.ClientError, match="not valid"):
        client.models.generate_content(model=model, contents=turn, config=config)


def test_thoughts_are_parts_of_their_own(client: Any) -> None:
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    )
    answer = client.models.generate_content(model=FLASH, contents="Hello there", config=config)
    thoughts = [part for part in answer.candidates[0].content.parts if part.thought]
    assert "Hello there" in thoughts[0].text
    assert answer.usage_metadata.thoughts_token_count > 0
    assert "The question is about" not in answer.text


def test_json_by_a_schema(client: Any) -> None:
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_schema={"type": "OBJECT", "properties": {"ok": {"type": "BOOLEAN"}}},
    )
    answer = client.models.generate_content(model=FLASH, contents="Hello", config=config)
    assert json.loads(answer.text) == {"ok": True}


def test_a_system_instruction_counts_and_max_tokens_cut(client: Any) -> None:
    config = types.GenerateContentConfig(system_instruction="x" * 400, max_output_tokens=2)
    answer = client.models.generate_content(model=FLASH, contents="Hello", config=config)
    assert answer.text == "This is"
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert answer.usage_metadata.prompt_token_count == 102


def test_tokens_are_counted_without_an_answer(client: Any) -> None:
    assert client.models.count_tokens(model=FLASH, contents="x" * 40).total_tokens == 10


def test_embeddings(client: Any) -> None:
    answer = client.models.embed_content(
        model="gemini-embedding-2",
        contents=["a", "b"],
        config=types.EmbedContentConfig(output_dimensionality=16),
    )
    assert [len(one.values) for one in answer.embeddings] in ([16, 16], [16])


def test_models_are_listed_page_by_page(client: Any, upstream: Simulator) -> None:
    names = [model.name for model in client.models.list(config={"page_size": 3})]
    assert f"models/{FLASH}" in names
    assert len(names) == len(set(names)) > 6
    assert len(upstream.seen) == -(-len(names) // 3)
    model = client.models.get(model=FLASH)
    assert model.input_token_limit == 1_048_576
    assert "generateContent" in model.supported_actions


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("bad_key", 400, "INVALID_ARGUMENT"),
        ("suspended", 403, "PERMISSION_DENIED"),
        ("no_model", 404, "NOT_FOUND"),
        ("rate_minute", 429, "RESOURCE_EXHAUSTED"),
        ("rate_day", 429, "RESOURCE_EXHAUSTED"),
        ("too_long", 400, "INVALID_ARGUMENT"),
        ("overloaded", 503, "UNAVAILABLE"),
        ("server_error", 500, "INTERNAL"),
        ("timeout", 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_the_sdk_reads_the_errors(
    client: Any, upstream: Simulator, fault: str, code: int, status: str
) -> None:
    upstream.fail(fault)
    with pytest.raises(genai.errors.APIError) as raised:
        client.models.generate_content(model=FLASH, contents="Hello")
    assert (raised.value.code, raised.value.status) == (code, status)
    upstream.fail(fault)
    with pytest.raises(genai.errors.APIError) as raised:
        list(client.models.generate_content_stream(model=FLASH, contents="Hello"))
    assert raised.value.code == code


def test_a_blocked_prompt_has_no_candidate(client: Any, upstream: Simulator) -> None:
    upstream.fail("blocked")
    answer = client.models.generate_content(model=FLASH, contents="Hello")
    assert answer.candidates is None
    assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


def test_the_free_tier_refuses_as_google_does() -> None:
    with simulator("gemini-free") as sim:
        client = client_of(sim)
        for _ in range(5):
            client.models.generate_content(model=FLASH, contents="Hello")
        with pytest.raises(genai.errors.ClientError) as raised:
            client.models.generate_content(model=FLASH, contents="Hello")
        violations = raised.value.details["error"]["details"][1]["violations"]
        assert violations[0]["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
        assert violations[0]["quotaDimensions"] == {"location": "global", "model": FLASH}
        client.models.generate_content(model="gemini-2.5-flash-lite", contents="Hello")
        with pytest.raises(genai.errors.ClientError, match="limit: 0"):
            client.models.generate_content(model="gemini-2.5-pro", contents="Hello")
        client.close()
