"""The rule book that the other tests rely on notices what Google refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.google_rules import problems

Body = dict[str, Any]


def good() -> Body:
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "weather?"}]},
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"name": "f", "args": {}, "id": "1"},
                        "thoughtSignature": "YQ==",
                    },
                    {"functionCall": {"name": "g", "args": {}, "id": "2"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "id": "1", "response": {}}},
                    {"functionResponse": {"name": "g", "id": "2", "response": {}}},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f"},
                    {"name": "g", "parametersJsonSchema": {"type": "object"}},
                ]
            }
        ],
        "generationConfig": {"temperature": 1, "thinkingConfig": {"thinkingLevel": "low"}},
    }


def part(body: Body, turn: int, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = body["contents"][turn]["parts"][number]
    return found


def config(body: Body) -> dict[str, Any]:
    found: dict[str, Any] = body["generationConfig"]
    return found


def parameters(**schema: Any) -> Callable[[Body], None]:
    def break_it(body: Body) -> None:
        body["tools"][0]["functionDeclarations"][0]["parameters"] = {
            "type": "object",
            "properties": {"a": {"type": "string", **schema}},
        }

    return break_it


WRONGS: list[tuple[str, Callable[[Body], Any]]] = [
    ("contents is not specified", lambda b: b.update(contents=[])),
    ("Unknown name", lambda b: b.update(top_k=3)),
    ("Unknown name", lambda b: config(b).update(logit_bias={})),
    ("valid role", lambda b: b["contents"][0].update(role="assistant")),
    ("not the user's", lambda b: b["contents"].pop(0)),
    (
        "ending with a model turn",
        lambda b: b["contents"].append({"role": "model", "parts": [{"text": "x"}]}),
    ),
    ("have one role", lambda b: b["contents"].append({"role": "user", "parts": [{"text": "x"}]})),
    ("must not be empty", lambda b: b["contents"][0].update(parts=[])),
    ("oneof field 'data'", lambda b: part(b, 0).update(text="")),
    (
        "oneof field 'data'",
        lambda b: part(b, 0).update(inlineData={"mimeType": "a/b", "data": "YQ"}),
    ),
    ("number of function response parts", lambda b: b["contents"][2]["parts"].pop()),
    ("in order", lambda b: b["contents"][2]["parts"].reverse()),
    (
        "comes immediately after",
        lambda b: b["contents"].insert(2, {"role": "user", "parts": [{"text": "x"}]}),
    ),
    ("missing a thought_signature", lambda b: part(b, 1).pop("thoughtSignature")),
    ("thought_signature' (TYPE_BYTES)", lambda b: part(b, 1).update(thoughtSignature="ä")),
    (
        "holds a reference",
        lambda b: part(b, 2)["functionResponse"].update(response={"a": [{"$ref": 1}]}),
    ),
    ("must be an object", lambda b: part(b, 2)["functionResponse"].update(response="x")),
    ("must be an object", lambda b: part(b, 1)["functionCall"].update(args="{}")),
    (
        "Invalid function name",
        lambda b: b["tools"][0]["functionDeclarations"][0].update(name="a b"),
    ),
    ("Duplicate function", lambda b: b["tools"][0]["functionDeclarations"].append({"name": "f"})),
    ("mime type", lambda b: config(b).update(responseMimeType="application/json")),
    ("only one of thinking", lambda b: config(b)["thinkingConfig"].update(thinkingBudget=1)),
    ("not supported", lambda b: config(b)["thinkingConfig"].update(thinkingLevel="off")),
    ("stop sequences", lambda b: config(b).update(stopSequences=list("abcdef"))),
    ("TYPE_INT32", lambda b: config(b).update(seed=2**31)),
    ("Only one candidate", lambda b: config(b).update(candidateCount=2)),
    ("max_output_tokens", lambda b: config(b).update(maxOutputTokens=0)),
    ("Invalid JSON", lambda b: config(b).update(temperature=float("nan"))),
    ('Unknown name "const"', parameters(const="x")),
    ('Unknown name "$ref"', parameters(**{"$ref": "#"})),
    ('Unknown name "additionalProperties"', parameters(additionalProperties=False)),
    ("any_of must be the only", parameters(anyOf=[{"type": "string"}])),
    ("only allowed for STRING", parameters(type="integer", enum=["1"])),
    ("missing field", parameters(type="array")),
    ("property is not defined", parameters(type="object", required=["b"])),
    (
        "is not understood",
        lambda b: b["tools"][0]["functionDeclarations"][1].update(
            parametersJsonSchema={"type": "object", "properties": {"a": {"const": 1}}}
        ),
    ),
    (
        "names a function that is not declared",
        lambda b: b.update(
            toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}}
        ),
    ),
    (
        "only be set when mode is ANY",
        lambda b: b.update(
            toolConfig={"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}}
        ),
    ),
]


def test_a_good_body_breaks_no_rule() -> None:
    assert problems(good(), "gemini-3-flash-preview") == []


@pytest.mark.parametrize(("words", "break_it"), WRONGS)
def test_a_wrong_body_is_noticed(words: str, break_it: Callable[[Body], Any]) -> None:
    body = copy.deepcopy(good())
    break_it(body)
    assert any(words in text for text in problems(body, "gemini-3-flash-preview"))


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-2.5-flash", {"thinkingLevel": "low"}),
        ("gemini-2.5-pro", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"thinkingBudget": 30000}),
        ("gemini-3.1-pro-preview", {"thinkingLevel": "minimal"}),
        ("gemma-4-31b-it", {"thinkingBudget": 1024}),
        ("gemma-3-27b-it", {"includeThoughts": True}),
    ],
)
def test_thinking_that_a_model_does_not_know_is_noticed(model: str, thinking: Body) -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"thinkingConfig": thinking},
    }
    assert problems(body, model)


def test_what_gemma_3_refuses_is_noticed() -> None:
    found = problems(
        {
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "safetySettings": [{}],
            "generationConfig": {"responseMimeType": "application/json"},
        },
        "gemma-3-27b-it",
    )
    assert len(found) == 5
