"""Who may ask: foreign names, foreign pages, keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from freellm_cli.core.errors import ConfigError
from freellm_cli.core.secret import Secret
from freellm_cli.server.guard import Guard
from freellm_cli.server.options import Options, checked
from tests.support.serving import HELLO, Served, served
from tests.support.upstream import simulator

PAGE = "https://page.example"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "10.0.0.1", ""],
)
def test_a_rebound_name_is_refused(house: Served, host: str) -> None:
    reply = house.ask(body=HELLO, headers={"Host": host})
    assert reply.status == 403
    assert reply.json["error"]["code"] == "unknown_host"
    assert not house.sim.seen


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:8000", "localhost."]
)
def test_loopbacks_own_names_are_known(house: Served, host: str) -> None:
    assert house.ask("/v1/models", headers={"Host": host}).status == 200


def test_a_server_for_the_network_goes_by_addresses_and_the_names_it_was_given() -> None:
    guard = Guard(host="0.0.0.0", token=Secret("k"), origins=(), hosts=("box.lan",))
    for host in (
        "192.168.1.5:8000",
        "[fe80::1]:8000",
        "box.lan",
        "localhost",
        "host.docker.internal:8000",
        "my-pc",
    ):
        guard.check_host({"host": host})
    with pytest.raises(Exception, match="Host"):
        guard.check_host({"host": "evil.example"})


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1:3000", "http://localhost"])
def test_a_foreign_page_is_refused_whatever_it_sends(house: Served, kind: str, origin: str) -> None:
    reply = house.ask(body=HELLO, headers={"Origin": origin, "Content-Type": kind})
    assert reply.status == 403
    assert reply.json["error"]["code"] == "foreign_origin"
    assert "access-control-allow-origin" not in reply.headers
    assert not house.sim.seen


def test_a_foreign_pages_preflight_is_refused(house: Served) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    reply = house.ask(method="OPTIONS", headers=asked)
    assert reply.status == 403
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_known_page_is_told_all_it_may(tmp_path: Path) -> None:
    with (
        simulator() as sim,
        served(
            sim, tmp_path, cors_origins=(PAGE + "/",), token=Secret("sesame-0123456789")
        ) as house,
    ):
        preflight = house.ask(
            method="OPTIONS",
            headers={
                "Origin": PAGE,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, x-odd",
                "Access-Control-Request-Private-Network": "true",
            },
        )
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert preflight.headers["access-control-allow-headers"] == "authorization, x-odd"
        assert preflight.headers["access-control-allow-private-network"] == "true"
        assert preflight.headers["vary"] == "Origin"
        good = {"Origin": PAGE, "Authorization": "Bearer sesame-0123456789"}
        for body in (HELLO, {**HELLO, "stream": True}, {"messages": []}):
            reply = house.ask(body=body, headers=good)
            assert reply.headers["access-control-allow-origin"] == PAGE
            assert "x-request-id" in reply.headers["access-control-expose-headers"]
        refused = house.ask(body=HELLO, headers={"Origin": PAGE})
        assert refused.status == 401
        assert refused.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sesame-0123456789"},
        {"authorization": "bearer sesame-0123456789"},
        {"x-api-key": "sesame-0123456789"},
        {"api-key": "sesame-0123456789"},
        {"x-goog-api-key": "sesame-0123456789"},
    ],
)
def test_the_right_key_is_taken_in_any_header(tmp_path: Path, headers: dict[str, str]) -> None:
    with simulator() as sim, served(sim, tmp_path, token=Secret("sesame-0123456789")) as house:
        assert house.ask(body=HELLO, headers=headers).status == 200
        assert all(seen.key != "sesame-0123456789" for seen in sim.seen)


def test_a_key_in_the_address_is_not_read_and_nowhere_repeated(tmp_path: Path) -> None:
    secret = "sesame-0123456789"
    with simulator() as sim, served(sim, tmp_path, token=Secret(secret)) as house:
        reply = house.ask(f"/v1beta/models?alt=sse&key={secret}")
        assert house.wait_for(lambda: house.log)
    assert reply.status == 401
    assert "x-goog-api-key" in reply.json["error"]["message"]
    assert secret not in "".join([reply.body.decode(), *house.log, *house.told])


def test_a_wrong_key_is_401_in_every_dialect_and_asks_nobody(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, token=Secret("sesame-0123456789")) as house:
        for key in (
            "",
            "Bearer ",
            "Bearer wrong",
            "Basic sesame-0123456789",
            "sesame-0123456789",
            "Bearer sésame",
        ):
            reply = house.ask(
                body=HELLO, headers={"Authorization": key.encode("latin-1").decode("latin-1")}
            )
            assert reply.status == 401
            assert reply.json["error"]["code"] == "invalid_api_key"
            assert reply.headers["x-should-retry"] == "false"
        told = house.ask("/v1/messages", HELLO).json
        assert told["error"]["type"] == "authentication_error"
        assert house.ask("/v1beta/models").json["error"]["code"] == 401
        assert house.ask("/v1/models").status == 401
        assert house.ask("/healthz").status == 200
        assert not sim.seen


def test_any_key_is_right_where_none_is_set(house: Served) -> None:
    assert house.ask(body=HELLO, headers={"Authorization": "Bearer VerysecretKey"}).status == 200
    assert "VerysecretKey" not in str(house.sim.seen)


def test_an_open_door_to_the_network_needs_a_key() -> None:
    with pytest.raises(ConfigError, match="everybody in the network"):
        checked(Options(host="0.0.0.0"))
    with pytest.raises(ConfigError, match="everybody in the network"):
        checked(Options(host="127.box.lan"))
    checked(Options(host="0.0.0.0", token=Secret("k")))
    checked(Options(host="127.0.0.1"))
    checked(Options(host="127.0.0.53"))
