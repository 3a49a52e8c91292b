"""Clients of the server in either lane: who asks goes before what runs in the background."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.serving import HELLO, Reply, Served, served
from tests.support.upstream import simulator

ONE_AT_ONCE = {"providers.acme.limits": [{"concurrent": 1}]}


class Client(threading.Thread):
    """Asks at once; `reply` is there after `join`."""

    def __init__(self, house: Served, text: str, lane: str = "") -> None:
        super().__init__()
        self._house, self._text, self._lane = house, text, lane
        self.reply: Reply | None = None
        self.start()

    def run(self) -> None:
        body = {**HELLO, "messages": [{"role": "user", "content": self._text}]}
        headers = {"x-freellm-lane": self._lane} if self._lane else {}
        self.reply = self._house.ask(body=body, headers=headers)


def order_of(sim: Simulator) -> list[str]:
    return [seen.body["messages"][0]["content"] for seen in sim.seen]


def contest(house: Served, sim: Simulator, *clients: tuple[str, str]) -> list[str]:
    """One request holds the only place; then the clients come in this order. In which they were served."""
    sim.fail("stall_before_first_token", times=1)
    waiting: list[Client] = [Client(house, "first")]
    assert sim.wait_for(lambda counts: counts.stalled == 1)
    for number, (text, lane) in enumerate(clients, 1):
        waiting.append(Client(house, text, lane))
        assert house.wait_for(lambda n=number: sum(house.runtime.ledger.waiting().values()) == n)
    sim.release()
    for client in waiting:
        client.join(20)
    assert [client.reply.status for client in waiting[1:] if client.reply] == [200] * len(clients)
    return order_of(sim)[-len(clients) :]


def test_a_client_that_names_the_batch_lane_lets_others_go_first(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, settings=ONE_AT_ONCE) as house:
        order = contest(house, sim, ("later", "batch"), ("now", "interactive"), ("too", ""))
    assert order == ["now", "too", "later"]


def test_a_server_in_the_batch_lane_has_clients_that_are_not(tmp_path: Path) -> None:
    settings = {**ONE_AT_ONCE, "serve.lane": "batch"}
    with simulator() as sim, served(sim, tmp_path, settings=settings) as house:
        order = contest(house, sim, ("one", ""), ("now", "Interactive"), ("two", ""))
    assert order == ["now", "one", "two"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_lane_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path, path: str) -> None:
    with simulator() as sim, served(sim, tmp_path) as house:
        reply = house.ask(path, {**HELLO, "input": "x"}, headers={"x-freellm-lane": "fast"})
        assert reply.status == 400
        assert reply.json["error"]["code"] == "unknown_lane"
        assert "interactive, batch" in reply.json["error"]["message"]
        assert not sim.seen
