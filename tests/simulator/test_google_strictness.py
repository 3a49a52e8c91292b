"""What the native Gemini dialect refuses, in the words that people have reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.simulator.google_checks import BYPASS, signature_for
from freellm_cli.simulator.server import Simulator
from tests.support.raw_client import Raw, RawClient
from tests.support.upstream import upstream

__all__ = ["upstream"]

HELLO = {"role": "user", "parts": [{"text": "hi"}]}


def generate(
    sim: Simulator, body: Any, *, model: str = "gemini-2.5-flash", method: str = "generateContent"
) -> Raw:
    data = json.dumps(body).encode()
    head = f"POST /gemini/v1beta/models/{model}:{method} HTTP/1.1\r\nx-goog-api-key: k1\r\n"
    with RawClient(sim.port) as client:
        client.send(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        return client.read_answer()


def message(answer: Raw) -> str:
    error = json.loads(answer.body)["error"]
    assert error["code"] == answer.status
    text: str = error["message"]
    return text


def config(**values: Any) -> dict[str, Any]:
    return {"contents": [HELLO], "generationConfig": values}


def declare(**function: Any) -> dict[str, Any]:
    return {"contents": [HELLO], "tools": [{"functionDeclarations": [function]}]}


CALL = {"functionCall": {"name": "f", "args": {}}}
RESULT = {"functionResponse": {"name": "f", "response": {}}}

REFUSED = [
    ({}, "contents is not specified"),
    ({"contents": []}, "contents is not specified"),
    ({"contents": [{"role": "user", "parts": []}]}, "parts must not be empty"),
    ({"contents": [{"role": "user", "parts": [{}]}]}, "required oneof field 'data'"),
    ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
    ({"contents": [HELLO], "temperature": 1}, 'Unknown name "temperature": Cannot find field'),
    (config(frequency_penalties=1), "at 'generation_config'"),
    (config(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "low"}), "only set only one"),
    (config(thinkingConfig={"thinkingLevel": "low"}), "not supported for this model"),
    (config(thinkingConfig={"thinkingBudget": 30_000}), "budget 30000 is invalid"),
    (config(stopSequences=list("abcdef")), "at most 5"),
    (config(candidateCount=2), "Multiple candidates"),
    (config(maxOutputTokens=0), "must be positive"),
    (declare(name="1st"), "Invalid function name"),
    (declare(name="f", parameters={"type": "OBJECT", "$schema": "x"}), 'Unknown name "$schema"'),
    (
        declare(name="f", parameters={"properties": {"a": {"items": {"const": 1}}}}),
        "parameters.properties[a].items",
    ),
    (
        {**config(responseMimeType="application/json"), **declare(name="f")}
        | {"generationConfig": {"responseMimeType": "application/json"}},
        "Function calling with a response mime type: 'application/json' is unsupported",
    ),
    (
        {"contents": [HELLO, {"role": "model", "parts": [CALL, CALL]}, {"parts": [RESULT]}]},
        "number of function response parts is equal",
    ),
    ({"contents": [HELLO, {"role": "user", "parts": [RESULT]}]}, "immediately after"),
]


@pytest.mark.parametrize(("body", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_google_refuses(upstream: Simulator, body: Any, text: str) -> None:
    answer = generate(upstream, body)
    assert answer.status == 400
    assert text in message(answer)


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": [{"text": "no role"}]}]},
        {"contents": [HELLO], "system_instruction": {"parts": [{"text": "snake"}]}},
        {"contents": [HELLO], "generation_config": {"max_output_tokens": 5, "topK": 1}},
        config(thinkingConfig={"thinkingBudget": 0}),
        config(thinkingConfig={"thinkingBudget": -1, "includeThoughts": True}),
        declare(name="f", parametersJsonSchema={"$schema": "x", "additionalProperties": False}),
        {"contents": [HELLO, {"role": "model", "parts": [CALL]}, {"parts": [RESULT]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}]},
    ],
)
def test_google_takes(upstream: Simulator, body: Any) -> None:
    assert generate(upstream, body).status == 200


def test_the_level_belongs_to_gemini_3_and_the_budget_of_pro_cannot_be_zero(
    upstream: Simulator,
) -> None:
    level = config(thinkingConfig={"thinkingLevel": "low"})
    assert generate(upstream, level, model="gemini-3-flash-preview").status == 200
    zero = config(thinkingConfig={"thinkingBudget": 0})
    assert generate(upstream, zero, model="gemini-2.5-pro").status == 400


@pytest.mark.parametrize(
    ("signature", "code"),
    [(None, 400), ("made up", 400), (BYPASS, 200), (signature_for("gemini-3.5-flash"), 200)],
)
def test_gemini_3_checks_the_signature_of_the_current_turn(
    upstream: Simulator, signature: str | None, code: int
) -> None:
    call = CALL if signature is None else {**CALL, "thoughtSignature": signature}
    turn = [HELLO, {"role": "model", "parts": [call]}, {"role": "user", "parts": [RESULT]}]
    assert generate(upstream, {"contents": turn}, model="gemini-3.5-flash").status == code
    later = [*turn, {"role": "model", "parts": [{"text": "ok"}]}, HELLO]
    assert generate(upstream, {"contents": later}, model="gemini-3.5-flash").status == 200


def test_exactly_one_credential_is_taken(upstream: Simulator) -> None:
    def ask(path: str, *headers: str) -> Raw:
        with RawClient(upstream.port) as client:
            lines = [f"GET /gemini/v1beta/models{path} HTTP/1.1", *headers, "", ""]
            client.send("\r\n".join(lines).encode())
            return client.read_answer()

    assert ask("?key=k1").status == 200
    assert ask("", "x-goog-api-key: k1").status == 200
    assert "Multiple authentication" in message(ask("?key=k1", "x-goog-api-key: k1"))
    bearer = ask("", "authorization: Bearer k1")
    assert bearer.status == 401
    assert b"ACCESS_TOKEN_TYPE_UNSUPPORTED" in bearer.body
    assert ask("").status == 403


def test_without_alt_sse_a_stream_is_one_json_array(upstream: Simulator) -> None:
    answer = generate(upstream, {"contents": [HELLO]}, method="streamGenerateContent")
    assert (answer.header("content-type") or "").startswith("application/json")
    chunks = json.loads(answer.unchunked())
    assert len(chunks) > 3
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_bad_key_is_found_before_a_bad_body(upstream: Simulator) -> None:
    upstream.key("k1").bad()
    assert b"API_KEY_INVALID" in generate(upstream, {"contents": []}).body


def test_a_hundred_embeddings_a_call_and_no_more(upstream: Simulator) -> None:
    one = {"model": "models/gemini-embedding-2", "content": {"parts": [{"text": "a"}]}}
    for count, code in ((100, 200), (101, 400)):
        answer = generate(
            upstream,
            {"requests": [one] * count},
            model="gemini-embedding-2",
            method="batchEmbedContents",
        )
        assert answer.status == code
