"""The requests of Google's dialect, and the seam for an envelope around them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.chat import ChatRequest, Target
from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.secret import Secret
from freellm_cli.providers.base import AnswerFault, Dialect
from freellm_cli.providers.google import Auth, Google
from tests.support.google_rules import problems
from tests.support.google_talk import KEY, asking, chunk, completion, sse, target, text

PROVIDER = ProviderSpec("gemini", "Google Gemini", "google", "https://example.test/v1beta")
BASE = PROVIDER.base_url


def test_the_class_fulfils_the_contract() -> None:
    dialect: Dialect = Google()
    assert dialect.check_key(PROVIDER, BASE, Secret(KEY)) is not None


@pytest.mark.parametrize(
    ("stream", "tail"),
    [(True, ":streamGenerateContent?alt=sse"), (False, ":generateContent")],
)
def test_the_key_goes_in_one_header_and_nowhere_else(stream: bool, tail: str) -> None:
    sent = Google().chat(asking(), target(), Secret(KEY), stream=stream)
    assert sent.method == "POST"
    assert sent.url == (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash" + tail
    )
    assert [(name, prefix) for name, prefix, _ in sent.auth] == [("x-goog-api-key", "")]
    assert sent.headers == {"content-type": "application/json"}
    assert KEY not in f"{sent.url} {sent.headers} {sent.body!r} {sent!r}"


def test_without_a_key_no_header_is_sent() -> None:
    assert Google().chat(asking(), target(), None, stream=True).auth == ()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("odd name?key=1", "models/odd%20name%3Fkey%3D1"),
        ("a:b", "models/a%3Ab"),
    ],
)
def test_a_models_name_cannot_change_the_address(name: str, path: str) -> None:
    sent = Google().chat(asking(), target(name), None, stream=False)
    assert sent.url.endswith(f"/v1beta/{path}:generateContent")


@pytest.mark.parametrize("temperature", [float("nan"), float("inf"), {1, 2}])
def test_what_is_no_json_is_refused(temperature: Any) -> None:
    with pytest.raises(RequestRefused, match="JSON"):
        Google().chat(asking(temperature=temperature), target(), None, stream=True)


# Counting and embedding.


def test_tokens_are_counted_for_the_whole_request() -> None:
    request = asking({"role": "system", "content": "be brief"}, "hi", temperature=1)
    sent = Google().count_tokens(request, target(), Secret(KEY))
    assert sent.url.endswith("/models/gemini-2.5-flash:countTokens")
    counted = json.loads(sent.body or b"")["generateContentRequest"]
    assert counted.pop("model") == "models/gemini-2.5-flash"
    assert problems(counted) == []
    assert "systemInstruction" in counted
    assert Google().read_count(b'{"totalTokens": 31}') == 31
    with pytest.raises(AnswerFault):
        Google().read_count(b"{}")


def test_embeddings_of_many_texts_are_one_request() -> None:
    where = target("gemini-embedding-2", options={"task_type": "RETRIEVAL_QUERY"})
    sent = Google().embeddings(["a", "b"], where, Secret(KEY), dimensions=256)
    assert sent.url.endswith("/models/gemini-embedding-2:batchEmbedContents")
    assert json.loads(sent.body or b"")["requests"][1] == {
        "model": "models/gemini-embedding-2",
        "outputDimensionality": 256,
        "taskType": "RETRIEVAL_QUERY",
        "content": {"parts": [{"text": "b"}]},
    }


@pytest.mark.parametrize("inputs", [["x"] * 101, [], ["a", ""]])
def test_texts_that_cannot_be_embedded_are_refused(inputs: list[str]) -> None:
    with pytest.raises(RequestRefused):
        Google().embeddings(inputs, target("gemini-embedding-2"), None, dimensions=None)


def test_vectors_come_in_the_order_of_the_input() -> None:
    body = {"embeddings": [{"values": [1, 0.5]}, {"values": [0, 2]}]}
    answer = Google().read_embeddings(json.dumps(body).encode())
    assert answer.vectors == ((1.0, 0.5), (0.0, 2.0))
    assert answer.prompt_tokens == 0
    counted = {**body, "usageMetadata": {"promptTokenCount": 7}}
    assert Google().read_embeddings(json.dumps(counted).encode()).prompt_tokens == 7


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "empty"),
        (b"<html>", "malformed"),
        (b"{}", "malformed"),
        (b'{"embeddings": [{}]}', "malformed"),
        (b'{"error": {"code": 429, "message": "quota"}}', "error"),
        (b'[{"error": {"code": 429, "message": "quota"}}]', "error"),
    ],
)
def test_what_are_no_embeddings_is_a_fault(body: bytes, fault: str) -> None:
    with pytest.raises(AnswerFault) as caught:
        Google().read_embeddings(body)
    assert caught.value.fault == fault


# Models and keys.


def test_the_list_is_asked_for_page_by_page() -> None:
    dialect = Google()
    first = dialect.list_models(PROVIDER, BASE, Secret(KEY))
    second = dialect.list_models(PROVIDER, BASE, Secret(KEY), page="a/b=")
    assert first is not None
    assert second is not None
    assert (first.method, first.url) == ("GET", f"{BASE}/models?pageSize=1000")
    assert second.url == f"{BASE}/models?pageSize=1000&pageToken=a%2Fb%3D"
    assert second.auth[0][0] == "x-goog-api-key"
    assert second.body is None


def test_a_key_is_checked_with_the_smallest_list() -> None:
    sent = Google().check_key(PROVIDER, BASE, Secret(KEY))
    assert sent is not None
    assert (sent.method, sent.url) == ("GET", f"{BASE}/models?pageSize=1")
    assert KEY not in sent.url


def test_a_provider_without_a_list_is_asked_nothing() -> None:
    bare = PROVIDER._replace(list_path="")
    assert Google().list_models(bare, BASE, None) is None
    assert Google().check_key(bare, BASE, Secret(KEY)) is None
    elsewhere = PROVIDER._replace(list_path="https://other.test/list")
    sent = Google().list_models(elsewhere, BASE, None)
    assert sent is not None
    assert sent.url == "https://other.test/list?pageSize=1000"


# An envelope.


class Enveloped(Google):
    """The shape of Code Assist: `v1internal:method`, the request inside, the response inside."""

    def url(self, target: Target, method: str, *, stream: bool = False) -> str:
        return f"{target.base_url}:{method}" + ("?alt=sse" if stream else "")

    def wrap(self, body: dict[str, Any], target: Target, request: ChatRequest) -> dict[str, Any]:
        return {"model": target.name, "project": target.options["project"], "request": body}

    def unwrap(self, tree: dict[str, Any]) -> dict[str, Any]:
        inner = tree.get("response")
        return inner if isinstance(inner, dict) else tree

    def auth(self, secret: Secret | None) -> Auth:
        return (("authorization", "Bearer ", secret),) if secret else ()


def test_an_envelope_needs_four_small_methods() -> None:
    dialect = Enveloped()
    where = target(options={"project": "p-1"})._replace(base_url="https://code.test/v1internal")
    sent = dialect.chat(asking("hi", think="low"), where, Secret(KEY), stream=True)
    assert sent.url == "https://code.test/v1internal:streamGenerateContent?alt=sse"
    assert sent.auth[0][:2] == ("authorization", "Bearer ")
    body = json.loads(sent.body or b"")
    assert (body["model"], body["project"]) == ("gemini-2.5-flash", "p-1")
    assert problems(body["request"]) == []
    answer = completion(
        sse({"response": chunk(text("hi")), "traceId": "t"}, {"response": chunk(finish="STOP")}),
        where=where,
        dialect=dialect,
    )
    assert (answer.text, answer.finish) == ("hi", "stop")


def test_an_error_inside_or_around_the_envelope_is_one() -> None:
    for tree in ({"error": {"message": "no"}}, {"response": {"error": {"message": "no"}}}):
        with pytest.raises(AnswerFault, match="no"):
            completion(sse(tree), dialect=Enveloped())
