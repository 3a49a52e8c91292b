"""The Gemini dialect as its clients speak it, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.assembly import Assembler
from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.chat import Completion, Delta, ToolCall, ToolCallDelta, Usage
from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.gemini_face import (
    GeminiWriter,
    gemini_error,
    gemini_model,
    json_schema_from_openapi,
    request_from_gemini,
    wants_thoughts,
)


def request(*contents: Any, **more: Any) -> Any:
    given = list(contents) or [{"role": "user", "parts": [{"text": "hi"}]}]
    return request_from_gemini("gemini-2.5-flash", {"contents": given, **more}, True)


def messages(*contents: Any, **more: Any) -> Any:
    return request(*contents, **more).messages


def turn(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


# The conversation.


def test_model_and_stream_are_as_the_path_says() -> None:
    asked = request_from_gemini("models/kimi-k2", {"contents": "hi"}, False)
    assert (asked.model, asked.stream) == ("kimi-k2", False)
    assert asked.messages == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "system",
    [
        {"parts": [{"text": "be"}, {"text": "brief"}]},
        {"role": "user", "parts": [{"text": "be\n\nbrief"}]},
        {"parts": {"text": "be\n\nbrief"}},
        "be\n\nbrief",
    ],
)
@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_the_instruction_is_the_first_message(name: str, system: Any) -> None:
    assert messages(**{name: system})[0] == {"role": "system", "content": "be\n\nbrief"}


@pytest.mark.parametrize(
    ("part", "made"),
    [
        (
            {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        ),
        (
            {"inline_data": {"mime_type": "audio/mpeg", "data": "QUJD"}},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        ),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
        ),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "https://x/y"}},
            {"type": "image_url", "image_url": {"url": "https://x/y"}},
        ),
        (
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x/y"}},
            {"type": "file", "file": {"file_data": "https://x/y", "mime_type": "video/mp4"}},
        ),
    ],
)
def test_parts_of_the_users_turn(part: dict[str, Any], made: dict[str, Any]) -> None:
    assert messages(turn("user", {"text": "see"}, part)) == [
        {"role": "user", "content": [{"type": "text", "text": "see"}, made]}
    ]


def test_calls_results_thoughts_and_signatures() -> None:
    found = messages(
        turn("user", {"text": "weather?"}),
        turn(
            "model",
            {"text": "hm", "thought": True},
            {"text": "Let me see."},
            {"functionCall": {"name": "w", "args": {"town": "Köln"}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "w", "args": {}}},
            {"function_call": {"id": "own", "name": "clock"}, "thought_signature": "eA=="},
        ),
        turn(
            "user",
            {"functionResponse": {"name": "w", "response": {"result": "sunny"}}},
            {"functionResponse": {"name": "w", "response": {"sky": "grey"}}},
            {"functionResponse": {"id": "own", "name": "clock", "response": {"output": [1]}}},
            {"text": "thanks"},
        ),
    )
    assistant = found[1]
    assert assistant["content"] == "Let me see."
    assert assistant["reasoning_content"] == "hm"
    assert [call["id"] for call in assistant["tool_calls"]] == ["call_1_0", "call_1_1", "own"]
    assert assistant["tool_calls"][0] == {
        "id": "call_1_0",
        "type": "function",
        "function": {"name": "w", "arguments": '{"town": "Köln"}'},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }
    assert assistant["tool_calls"][2]["extra_content"]["google"]["thought_signature"] == "eA=="
    assert [(m["tool_call_id"], m["content"]) for m in found[2:5]] == [
        ("call_1_0", "sunny"),
        ("call_1_1", '{"sky": "grey"}'),
        ("own", "[1]"),
    ]
    assert found[5] == {"role": "user", "content": "thanks"}


def test_a_result_may_hold_pictures() -> None:
    inline = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    response = {"name": "map", "response": {"result": "here"}, "parts": [inline]}
    (message,) = messages(turn("function", {"functionResponse": response}))
    assert message["role"] == "tool"
    assert [part["type"] for part in message["content"]] == ["text", "image_url"]


def test_a_turn_of_thoughts_alone_is_no_message() -> None:
    assert messages({"parts": [{"text": "a"}]}, turn("model", {"text": "hm", "thought": True})) == [
        {"role": "user", "content": "a"}
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [3]}, r"contents\[0\]"),
        ({"contents": [{"role": "system", "parts": []}]}, "valid role"),
        ({"contents": [{"parts": "x"}]}, r"contents\[0\].parts"),
        ({"contents": [{"parts": [3]}]}, r"contents\[0\].parts"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "a/b"}}]}]}, "base64"),
        ({"contents": "hi", "generationConfig": 3}, "generationConfig"),
        ({"contents": "hi", "tools": ["x"]}, "tools"),
    ],
)
def test_a_body_that_is_no_request_is_refused_by_name(body: Any, words: str) -> None:
    with pytest.raises(RequestRefused, match=words):
        request_from_gemini("m", body, False)


# Settings and tools.


def config(**generation: Any) -> Any:
    return request(generationConfig=generation)


@pytest.mark.parametrize(
    ("generation", "params"),
    [
        (
            {"temperature": 0.5, "topP": 0.9, "topK": 4},
            {"temperature": 0.5, "top_p": 0.9, "top_k": 4},
        ),
        ({"max_output_tokens": 9, "stop_sequences": ["x"]}, {"max_tokens": 9, "stop": ["x"]}),
        ({"candidateCount": 1, "seed": 3}, {"seed": 3}),
        (
            {"presencePenalty": 1, "frequencyPenalty": 2},
            {"presence_penalty": 1, "frequency_penalty": 2},
        ),
        ({"temperature": None}, {}),
        ({"responseMimeType": "text/plain"}, {}),
        (
            {"responseMimeType": "application/json"},
            {"response_format": {"type": "json_object"}},
        ),
        (
            {
                "responseMimeType": "application/json",
                "responseSchema": {"type": "STRING", "nullable": True},
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": ["string", "null"]}},
                }
            },
        ),
        (
            {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}},
            {
                "google": {
                    "generationConfig": {
                        "responseMimeType": "text/x.enum",
                        "responseSchema": {"enum": ["a"]},
                    }
                }
            },
        ),
        (
            {"responseModalities": ["IMAGE"]},
            {"google": {"generationConfig": {"responseModalities": ["IMAGE"]}}},
        ),
    ],
)
def test_generation_config(generation: dict[str, Any], params: dict[str, Any]) -> None:
    assert config(**generation).params == params


@pytest.mark.parametrize(
    ("thinking", "level", "shown"),
    [
        ({}, None, False),
        ({"thinkingBudget": 0}, "off", False),
        ({"thinkingBudget": -1, "includeThoughts": True}, "auto", True),
        ({"thinking_budget": 8192}, "medium", False),
        ({"thinkingLevel": "HIGH"}, "high", False),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None, False),
        ({"include_thoughts": True}, "auto", True),
    ],
)
def test_thinking(thinking: dict[str, Any], level: str | None, shown: bool) -> None:
    body = {"contents": "hi", "generation_config": {"thinkingConfig": thinking}}
    assert request_from_gemini("m", body, True).think == level
    assert wants_thoughts(body) is shown


DECLARED = {
    "name": "weather",
    "description": "d",
    "parameters": {"type": "OBJECT", "properties": {"town": {"type": "STRING"}}},
}


@pytest.mark.parametrize(
    ("calling", "choice", "offered"),
    [
        (None, None, 2),
        ({"mode": "AUTO"}, "auto", 2),
        ({"mode": "NONE"}, "none", 2),
        ({"mode": "ANY"}, "required", 2),
        (
            {"mode": "any", "allowedFunctionNames": ["now"]},
            {"type": "function", "function": {"name": "now"}},
            2,
        ),
        ({"mode": "ANY", "allowed_function_names": ["now", "weather"]}, "required", 2),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["now"]}, "auto", 1),
    ],
)
def test_tools(calling: Any, choice: Any, offered: int) -> None:
    tools = [{"functionDeclarations": [DECLARED]}, {"function_declarations": [{"name": "now"}]}]
    asked = request(tools=tools, toolConfig={"functionCallingConfig": calling} if calling else None)
    assert asked.params.get("tool_choice") == choice
    assert len(asked.params["tools"]) == offered
    if offered == 2:
        assert asked.params["tools"][0]["function"] == {
            "name": "weather",
            "description": "d",
            "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
        }
        assert asked.params["tools"][1]["function"]["parameters"] == {
            "type": "object",
            "properties": {},
        }


def test_what_only_google_understands_is_kept_for_google() -> None:
    asked = request(
        tools=[{"googleSearch": {}}],
        safetySettings=[{"category": "c"}],
        cachedContent="cachedContents/1",
    )
    assert asked.params == {
        "google": {
            "tools": [{"googleSearch": {}}],
            "safetySettings": [{"category": "c"}],
            "cachedContent": "cachedContents/1",
        }
    }


def test_googles_schemas_become_json_schema() -> None:
    assert json_schema_from_openapi(
        {
            "type": "OBJECT",
            "properties": {
                "type": {"type": "STRING", "enum": ["a"], "nullable": True},
                "list": {
                    "type": "ARRAY",
                    "items": {"any_of": [{"type": "INTEGER"}]},
                    "min_items": 2,
                },
            },
            "propertyOrdering": ["type"],
            "required": ["type"],
        }
    ) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", None]},
            "list": {"type": "array", "items": {"anyOf": [{"type": "integer"}]}, "minItems": 2},
        },
        "required": ["type"],
    }


# Answers.


def parts_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response["candidates"][0]["content"]["parts"]
    return found


def test_a_stream_of_deltas_is_a_stream_of_responses() -> None:
    writer = GeminiWriter("gemini/m", "r0")
    sent = writer.feed(Delta(reasoning="hm", model="m-001", response_id="r1"))
    sent += writer.feed(Delta(text="Hello"))
    sent += writer.feed(Delta(finish="length"))
    sent += writer.feed(Delta(usage=Usage(10, 8, 3, 4)))
    sent += writer.end()
    assert [parts_of(response) for response in sent] == [
        [{"text": "hm", "thought": True}],
        [{"text": "Hello"}],
        [{"text": ""}],
    ]
    assert "finishReason" not in sent[0]["candidates"][0]
    assert sent[-1] == {
        "candidates": [
            {
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 5,
            "totalTokenCount": 18,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 4,
        },
        "modelVersion": "m-001",
        "responseId": "r1",
    }


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        (None, "STOP"),
    ],
)
def test_finish_reasons(finish: str | None, reason: str) -> None:
    writer = GeminiWriter("m", "r")
    writer.feed(Delta(text="a", finish=finish))
    assert writer.end()[0]["candidates"][0]["finishReason"] == reason


def test_calls_go_out_whole_with_their_signatures() -> None:
    writer = GeminiWriter("m", "r")
    fragments = [
        ToolCallDelta(0, "c0", "f", '{"a"', "c2ln"),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, "c1", "g", ""),
        ToolCallDelta(2, "", "h", "not json"),
    ]
    sent = [parts_of(r) for f in fragments for r in writer.feed(Delta(tool_calls=(f,)))]
    sent += [parts_of(r) for r in writer.end()]
    assert sent == [
        [
            {
                "functionCall": {"name": "f", "args": {"a": 1}, "id": "c0"},
                "thoughtSignature": "c2ln",
            }
        ],
        [
            {"functionCall": {"name": "g", "args": {}, "id": "c1"}},
            {"functionCall": {"name": "h", "args": {"arguments": "not json"}}},
        ],
    ]


def test_fragments_of_parallel_calls_find_their_own_call() -> None:
    writer = GeminiWriter("m", "r")
    fragments = [
        ToolCallDelta(0, "c0", "f", ""),
        ToolCallDelta(1, "c1", "g", '{"b"'),
        ToolCallDelta(0, arguments='{"a": 1}'),
        ToolCallDelta(1, arguments=": 2}"),
    ]
    sent = [parts_of(r) for f in fragments for r in writer.feed(Delta(tool_calls=(f,)))]
    assert sent == []
    assert parts_of(writer.end()[0]) == [
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c0"}},
        {"functionCall": {"name": "g", "args": {"b": 2}, "id": "c1"}},
    ]


def test_a_whole_answer_is_one_response() -> None:
    whole = GeminiWriter("m", "r").whole(
        Completion(
            text="See: ",
            reasoning="hm",
            tool_calls=(ToolCall("c", "f", "{}", "c2ln"),),
            finish="tool_calls",
            usage=Usage(1, 2),
            images=("data:image/png;base64,QUJD",),
        )
    )
    assert parts_of(whole) == [
        {"text": "hm", "thought": True},
        {"text": "See: "},
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"functionCall": {"name": "f", "args": {}, "id": "c"}, "thoughtSignature": "c2ln"},
    ]
    assert (whole["modelVersion"], whole["responseId"]) == ("m", "r")
    assert whole["usageMetadata"]["totalTokenCount"] == 3


def test_an_empty_answer_is_still_a_response() -> None:
    assert parts_of(GeminiWriter("m", "r").whole(Completion(""))) == [{"text": ""}]


def test_thoughts_are_kept_back_from_who_did_not_ask_for_them() -> None:
    writer = GeminiWriter("m", "r", thoughts=False)
    assert writer.feed(Delta(reasoning="hm")) == []
    assert parts_of(writer.whole(Completion("a", reasoning="hm"))) == [{"text": "a"}]


def test_the_signature_of_a_text_goes_on_an_empty_part() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    whole = GeminiWriter("m", "r").whole(Completion("a", extra=extra))
    assert parts_of(whole) == [{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}]


_fragments = st.builds(
    lambda index, arguments: ToolCallDelta(index, "", "f", arguments),
    st.integers(0, 2),
    st.sampled_from(["", "{}"]),
)
_deltas = st.lists(
    st.builds(
        lambda text, calls: Delta(text=text, tool_calls=tuple(calls)),
        st.text(max_size=5),
        st.lists(_fragments, max_size=2),
    ),
    max_size=8,
)


@given(_deltas)
def test_streaming_loses_no_text(deltas: list[Delta]) -> None:
    writer, gathered = GeminiWriter("m", "r"), Assembler()
    sent = []
    for delta in deltas:
        gathered.add(delta)
        sent += writer.feed(delta)
    sent += writer.end()
    said = "".join(part.get("text", "") for response in sent for part in parts_of(response))
    assert said == gathered.completion().text
    assert all(parts_of(response) for response in sent)


# Errors and models.


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (404, "NOT_FOUND"),
        (422, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_errors_have_googles_shape(status: int, name: str) -> None:
    assert gemini_error(status, "why") == {
        "error": {"code": status, "message": "why", "status": name}
    }


@pytest.mark.parametrize(
    ("seconds", "delay"), [(30, "30s"), (0.5, "0.5s"), (-1, "0s"), (100, "100s")]
)
def test_an_error_says_when_to_come_back(seconds: float, delay: str) -> None:
    (detail,) = gemini_error(429, "why", retry_after_s=seconds)["error"]["details"]
    assert detail["@type"].endswith("RetryInfo")
    assert detail["retryDelay"] == delay


def test_models_are_listed_with_what_they_can_do() -> None:
    spec = ModelSpec(
        "mistral/x", "mistral", "x", context=1000, capabilities=frozenset({"chat", "thinking"})
    )
    entry = gemini_model("mistral/x", spec)
    assert entry["name"] == "models/mistral/x"
    assert entry["inputTokenLimit"] == 1000
    assert entry["thinking"] is True
    assert "generateContent" in entry["supportedGenerationMethods"]
    embedder = ModelSpec("a/b", "a", "b", capabilities=frozenset({"embeddings"}))
    assert gemini_model("a/b", embedder)["supportedGenerationMethods"][0] == "embedContent"
    assert gemini_model("smart")["displayName"] == "smart"
