"""Paths as clients put them together."""

from __future__ import annotations

from pathlib import Path

import pytest

from freellm_cli.core.secret import Secret
from freellm_cli.server.router import ROUTES, choose, find
from tests.support.serving import HELLO, MODEL, Served, served
from tests.support.upstream import simulator


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        ("/v1/chat/completions", "chat"),
        ("/chat/completions", "chat"),
        ("/v1/chat/completions/", "chat"),
        ("//v1//chat//completions", "chat"),
        ("/v1/v1/chat/completions", "chat"),
        ("/V1/Chat/Completions", "chat"),
        ("/v1/chat/completions/chat/completions", "chat"),
        ("/v1/chat/completions/v1/chat/completions", "chat"),
        ("/v1beta/openai/chat/completions", "chat"),
        ("/openai/deployments/m/chat/completions", "chat"),
        ("/v1/completions", "completions"),
        ("/v1/completions/completions", "completions"),
        ("/embeddings", "embeddings"),
        ("/v1/responses", "responses"),
        ("/v1/messages", "messages"),
        ("/messages/count_tokens", "count_tokens"),
        ("/v1/messages/count_tokens", "count_tokens"),
        ("/v1/messages/v1/messages", "messages"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini_call"),
        ("/v1/models/gemini-2.5-flash:streamGenerateContent", "gemini_call"),
        ("/api/chat", "ollama_chat"),
    ],
)
def test_a_post_finds_its_way(path: str, handler: str) -> None:
    assert choose(find(path), "POST", path).handler == handler


@pytest.mark.parametrize(
    ("path", "handler", "rest"),
    [
        ("/", "front_page", ""),
        ("/v1", "front_page", ""),
        ("/v1/", "front_page", ""),
        ("/v1/models", "models", ""),
        ("/models/", "models", ""),
        ("/v1/chat/completions/models", "models", ""),
        ("/v1/models/a/b/c:free", "model", "a/b/c:free"),
        ("/v1/models/A%2Fb%2FC%3Afree", "model", "A/b/C:free"),
        ("/models/a", "model", "a"),
        ("/v1beta/models", "gemini_models", ""),
        ("/v1beta/models/a/b", "gemini_model", "a/b"),
        ("/v1/engines", "models", ""),
        ("/health", "healthz", ""),
        ("/v1/limits", "limits", ""),
    ],
)
def test_a_get_finds_its_way(path: str, handler: str, rest: str) -> None:
    place = find(path)
    assert choose(place, "GET", path).handler == handler
    assert place is not None
    assert place.rest == rest


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/chat", "/v1/chat", "/v2/models", "/api", "/v1/files"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert find(path) is None


@pytest.mark.parametrize(
    ("method", "path", "told", "hint"),
    [
        (
            "POST",
            "/v1/images/generations",
            "freellm does not serve images",
            "/v1/chat/comp",
        ),
        (
            "POST",
            "/v1/audio/transcriptions",
            "freellm does not serve speech and transcripts",
            "/v1/c",
        ),
        ("GET", "/v1/responses/resp_x", "freellm does not serve stored responses", "whole input"),
        ("POST", "/v1/batches", "freellm does not serve batches", "`freellm batch`"),
        ("POST", "/v1/messages/batches", "freellm does not serve batches", "`freellm batch`"),
        ("GET", "/v1/messages/nothing", "there is nothing at", "goes without /v1"),
        (
            "GET",
            "/v1beta/cachedContents/a",
            "freellm does not serve cached contents",
            "/v1beta/models",
        ),
        ("POST", "/upload/v1beta/files", "freellm does not serve files", "/v1beta/models"),
        ("POST", "/v1beta/openai/files", "freellm does not serve files", "/v1/chat/completions"),
        ("POST", "/api/show", "freellm does not serve the details of models", "/api/chat"),
        ("GET", "/v1/imagesque", "there is nothing at '/v1/imagesque'", "/v1/chat/completions"),
    ],
)
def test_what_is_not_offered_is_named_in_the_callers_dialect(
    house: Served, method: str, path: str, told: str, hint: str
) -> None:
    reply = house.ask(path, {} if method == "POST" else None)
    assert reply.status == 404
    error = reply.json["error"]
    message = error if path.startswith("/api") else error["message"]
    assert message.startswith(told)
    assert hint in message
    assert "ends in /v1" not in message
    assert (reply.json.get("type") == "error") is path.startswith("/v1/messages")
    assert ("status" in error) is (path.startswith(("/v1beta/c", "/upload")))


def test_an_anthropic_client_is_told_in_its_dialect_whatever_it_asks_for(house: Served) -> None:
    reply = house.ask("/v1/files", headers={"anthropic-version": "2023-06-01"})
    assert reply.json["error"]["type"] == "not_found_error"
    assert reply.json["error"]["message"].startswith("freellm does not serve files")
    assert "served are /v1/messages and" in reply.json["error"]["message"]


def test_every_route_has_a_handler_and_every_handler_a_route() -> None:
    from freellm_cli.server.handlers import HANDLERS

    assert {route.handler for route in ROUTES} == set(HANDLERS)


def test_every_route_answers_something_that_is_no_fault_of_ours(house: Served) -> None:
    for route in ROUTES:
        path = "/" + route.path.replace("*", "acme/model-one")
        body = None if route.method == "GET" else {}
        reply = house.ask(path, body)
        known = (403,) if route.is_for_the_page else (200, 400, 404)
        assert reply.status in known or route.is_open, (path, reply)


def test_queries_are_ignored(house: Served) -> None:
    assert house.ask("/v1/chat/completions?api-version=2024-06-01&x=y", HELLO).status == 200


def test_models_are_listed_in_the_callers_dialect(house: Served) -> None:
    reply = house.ask("/v1/models").json
    ids = [entry["id"] for entry in reply["data"]]
    assert reply["object"] == "list"
    assert {"both", "auto"} <= set(ids)
    assert all(type(entry["created"]) is int for entry in reply["data"])
    listed = house.ask("/v1/models?limit=1", headers={"anthropic-version": "2023-06-01"}).json
    assert listed["data"][0]["type"] == "model"
    assert listed["has_more"] is True
    assert house.ask("/v1beta/models").json["models"][0]["name"].startswith("models/")


def test_one_model_is_told_by_its_id_or_alias(house: Served) -> None:
    for path in ("/v1/models/both", f"/v1/models/{MODEL}", "/v1/models/acme%2Fmodel-one"):
        assert house.ask(path).json["object"] == "model"
    reply = house.ask("/v1/models/nobody-knows-it")
    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"


def test_who_wants_text_is_told_what_this_is(house: Served) -> None:
    reply = house.ask("/", headers={"Accept": "text/plain"})
    assert reply.headers["content-type"].startswith("text/plain")
    assert f"http://127.0.0.1:{house.port}/v1" in reply.body.decode()


def test_probes_and_numbers(house: Served) -> None:
    assert house.ask("/healthz").json["status"] == "ok"
    assert house.ask("/readyz").json == {"ready": True}
    house.ask(body=HELLO)
    assert "targets" in house.ask("/v1/limits").json
    assert "freellm_build_info" in house.ask("/metrics").body.decode()


def test_not_ready_says_why(house: Served) -> None:
    for number in (1, 2):
        house.sim.key(f"key-acme-{number}-throw-away-0123456789").suspended()
    house.sim.key("key-other-1-throw-away-0123456789").suspended()
    house.ask(body={**HELLO, "model": "both"})
    reply = house.ask("/readyz")
    assert reply.status == 503
    assert reply.json["ready"] is False
    assert reply.json["why"]


def test_why_it_is_not_ready_is_told_to_nobody_without_the_token(tmp_path: Path) -> None:
    token = "a-token-of-the-house"
    settings = {"default_model": MODEL}
    guarded = {"settings": settings, "token": Secret(token)}
    with simulator() as sim, served(sim, tmp_path, **guarded) as house:
        assert house.ask("/readyz").json == {"ready": True}
        sim.key("key-acme-1-throw-away-0123456789").suspended()
        mine = {"authorization": f"Bearer {token}"}
        house.ask(body=HELLO, headers=mine)
        for headers in ({}, {"authorization": "Bearer another"}):
            reply = house.ask("/readyz", headers=headers)
            assert (reply.status, reply.json) == (503, {"ready": False})
        assert house.ask("/readyz", headers=mine).json["why"]
