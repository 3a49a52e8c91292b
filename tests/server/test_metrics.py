"""`/metrics`: what it counts, what it never says, and that the library's own parsers read it."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from freellm_cli.core.errors import StoreError
from freellm_cli.server.access_log import Entry
from freellm_cli.server.exposition import Exposition
from freellm_cli.server.metrics import MOST_FRESH, Metrics
from freellm_cli.services.serving import Household as Furnished
from tests.support.household import FLASH, Household
from tests.support.serving import HELLO, MODEL, Reply, Served, asking, key_text, served
from tests.support.stepping_clock import SteppingClock
from tests.support.upstream import REPOSITORY, simulator

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
ALL = "gemini/*"
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Figures:
    """Every sample, by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def figure(figures: Figures, name: str, **labels: str) -> float | None:
    return figures.get((name, frozenset(labels.items())))


def scraped(house: Served, *, questions: int = 0, **headers: str) -> Figures:
    """The figures, once so many questions are counted: a client has its answer a moment before that."""
    figures: Figures = {}

    def are_counted() -> bool:
        reply = house.ask("/metrics", headers=headers)
        assert reply.status == 200
        figures.clear()
        figures.update(read(reply.body.decode()))
        counts = [count for (name, _), count in figures.items() if name == "freellm_requests_total"]
        return sum(counts) >= questions

    assert house.wait_for(are_counted)
    return figures


def told(figures: Figures, label: str) -> set[str]:
    return {value for _, labels in figures for name, value in labels if name == label}


# What is counted


def test_questions_tokens_and_times_are_counted_by_who_answered(house: Served) -> None:
    for stream in (False, True, True):
        assert house.ask(body={**HELLO, "stream": stream}).status == 200
    figures = scraped(house, questions=3)
    who = {"provider": "acme", "model": MODEL}
    assert figure(figures, "freellm_requests_total", outcome="ok", **who) == 3
    for name in ("freellm_first_token_seconds", "freellm_request_seconds"):
        assert figure(figures, f"{name}_count", **who) == 3
        assert figure(figures, f"{name}_bucket", le="+Inf", **who) == 3
        total = figure(figures, f"{name}_sum", **who)
        assert total is not None
        assert 0 < total < 30
    usage = house.ask(body=HELLO).json["usage"]
    assert figure(scraped(house, questions=4), "freellm_tokens_total", kind="prompt", **who) == (
        4 * usage["prompt_tokens"]
    )


def test_every_dialect_and_embeddings_are_questions_and_nothing_else_is(house: Served) -> None:
    message = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert house.ask("/v1/messages", message).status == 200
    assert house.ask("/v1/messages/count_tokens", message).status == 200
    parts = {"contents": [{"parts": [{"text": "hi"}]}]}
    assert house.ask(f"/v1beta/models/{MODEL}:generateContent", parts).status == 200
    assert house.ask("/v1/models").status == 200
    assert house.ask("/v1/embeddings", {"model": MODEL, "input": "hi"}).status == 200
    figures = scraped(house, questions=3)
    count = figure(figures, "freellm_requests_total", provider="acme", model=MODEL, outcome="ok")
    assert count == 3
    assert figure(figures, "freellm_http_requests_total", dialect="anthropic", status="200") == 2


def test_a_refused_key_shows_though_another_answers(house: Served) -> None:
    house.sim.key(key_text("acme", 1)).suspended()
    for _ in range(3):
        assert house.ask(body=HELLO).status == 200
    figures = scraped(house, questions=3)
    refused = {"provider": "acme", "model": MODEL, "verdict": "key_suspended"}
    assert figure(figures, "freellm_refusals_total", **refused) == 1
    assert figure(figures, "freellm_rests", scope="credential", verdict="key_suspended") == 1
    state = {"provider": "acme", "credential": "acme-1"}
    assert figure(figures, "freellm_credential_state", state="refused", **state) == 1
    assert figure(figures, "freellm_credential_state", state="good", **state) == 0
    house.runtime.ledger.wake(None)
    house.sim.key(key_text("acme", 1)).good()
    assert not told(scraped(house), "scope")


def test_refusals_are_counted_on_after_the_settings_changed(house: Served) -> None:
    renewed = house.runtime.renewed()
    assert renewed.on_refusal == house.runtime.on_refusal == house.app.metrics.refused


def test_a_question_that_nobody_answers_says_what_was_asked_and_how_it_ended(
    house: Served,
) -> None:
    house.sim.fail("bad_request", times=None)
    assert house.ask(body=HELLO).status == 400
    house.sim.heal()
    assert house.ask(body={**HELLO, "model": "nobody-knows-it"}).status == 404
    assert house.ask(body=b"{").status == 400
    figures = scraped(house, questions=3)
    ends = {
        (dict(labels)["model"], dict(labels)["outcome"]): value
        for (name, labels), value in figures.items()
        if name == "freellm_requests_total"
    }
    assert ends == {
        (MODEL, "invalid_request"): 1,
        ("other", "model_not_found"): 1,
        ("default", "invalid_json"): 1,
    }
    assert told(figures, "provider") == {"none", "acme", "other"}


def test_a_stream_that_breaks_off_is_no_success(house: Served) -> None:
    house.sim.fail("cut_midstream", times=None)
    reply = house.ask(body={**HELLO, "stream": True})
    assert reply.status == 200
    figures = scraped(house, questions=1)
    who = {"provider": "acme", "model": MODEL}
    assert figure(figures, "freellm_requests_total", outcome="upstream_error", **who) == 1


def test_what_is_under_way_shows_while_it_is(house: Served) -> None:
    house.sim.fail("stall_before_headers")
    with asking(house.port):
        assert house.sim.wait_for(lambda counts: counts.stalled == 1)
        figures = scraped(house)
        assert figure(figures, "freellm_leases", provider="acme") == 1
        assert figure(figures, "freellm_server_questions_running") == 1
        assert figure(figures, "freellm_server_connections_served") == 2
        house.sim.release()
        assert house.wait_for(lambda: house.app.answering == 0)
    assert figure(scraped(house), "freellm_leases", provider="acme") == 0
    assert figure(scraped(house), "freellm_waiting", lane="interactive") == 0


def test_a_client_that_leaves_is_told_apart(house: Served) -> None:
    house.sim.fail("stall_before_headers")
    with asking(house.port):
        assert house.sim.wait_for(lambda counts: counts.stalled == 1)

    def left() -> bool:
        return "client_left" in told(scraped(house), "outcome")

    assert house.wait_for(left)


# Limits, on a clock that moves when it is told to


class Served0:
    """As much of a server as the figures of the pool need."""

    def __init__(self, home: Household, fault: StoreError | None = None) -> None:
        self._home = home
        self.fault = fault
        self.metrics = Metrics()

    def household(self) -> Furnished:
        if self.fault is not None:
            raise self.fault
        from freellm_cli.services.chat import ChatService

        return Furnished(self._home.runtime, ChatService(self._home.runtime))

    def gauges(self) -> dict[str, int]:
        return {"threads": 1}

    def figures(self) -> Figures:
        return read(self.page.page({}).body.decode())

    @property
    def page(self) -> Exposition:
        if self.metrics.exposition is None:
            self.metrics.exposition = Exposition(self)  # type: ignore[arg-type]
        return self.metrics.exposition


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def pool(tmp_path: Path, clock: SteppingClock) -> Iterator[Served0]:
    with simulator("generous", clock=clock) as sim:
        home = Household(tmp_path, sim, clock=clock).keys("gemini", "k1", "k2")
        home.limits("gemini", requests_per_minute=10)
        server = Served0(home)
        server.ask = lambda: home.ask("hello").completion()  # type: ignore[attr-defined]
        yield server
        home.forget()


def test_a_limit_is_told_with_its_use_and_falls_to_zero_rather_than_away(
    pool: Served0, clock: SteppingClock
) -> None:
    for _ in range(4):
        pool.ask()  # type: ignore[attr-defined]
    which = {"provider": "gemini", "unit": "requests", "window": "minute", "model": ALL}

    def used() -> list[float | None]:
        figures = pool.figures()
        return [
            figure(figures, "freellm_limit_used", credential=name, **which)
            for name in ("gemini-1", "gemini-2")
        ]

    assert sum(value or 0 for value in used()) == 4
    figures = pool.figures()
    assert figure(figures, "freellm_limit_amount", credential="gemini-1", **which) == 10
    left = figure(figures, "freellm_limit_reset_seconds", credential="gemini-1", **which)
    assert left is not None
    assert 0 < left < 70
    clock.advance(3600)
    assert used() == [0, 0]
    figures = pool.figures()
    assert figure(figures, "freellm_limit_reset_seconds", credential="gemini-1", **which) == 0


def test_a_ledger_that_cannot_be_read_is_a_figure_and_loses_no_count(pool: Served0) -> None:
    entry = entered(answered=FLASH)
    pool.metrics.count(entry)
    pool.fault = StoreError("the disk is gone")
    broken = pool.figures()
    assert figure(broken, "freellm_healthy") == 0
    assert figure(broken, "freellm_server_threads") == 1
    assert "freellm_credential_state" not in {name for name, _ in broken}
    pool.fault = None
    mended = pool.figures()
    assert figure(mended, "freellm_healthy") == 1
    who = {"provider": "gemini", "model": FLASH, "outcome": "ok"}
    assert figure(mended, "freellm_requests_total", **who) == 1


# What is never said


def entered(*, asked: str = "", answered: str = "", status: int = 200, error: str = "") -> Entry:
    entry = Entry("POST", "/v1/chat/completions", "req_1")
    entry.face, entry.asked, entry.answered = "openai", asked, answered
    entry.status, entry.error, entry.dialect = status, error, "openai"
    return entry


def test_names_that_clients_make_up_make_no_series(pool: Served0) -> None:
    pool.metrics.count(entered(answered=FLASH))
    for number in range(3 * MOST_FRESH):
        pool.metrics.count(entered(asked=f"made-up-{number}", status=404, error="model_not_found"))
        pool.metrics.count(entered(answered=f"gemini/made-up-{number}"))
    figures = pool.figures()
    assert told(figures, "model") == {"other", FLASH, ALL}
    made_up = {"provider": "gemini", "model": "other", "outcome": "ok"}
    assert figure(figures, "freellm_requests_total", **made_up) == 3 * MOST_FRESH
    pool.metrics.count(entered(answered="gemini/made-up-1"))
    assert figure(pool.figures(), "freellm_requests_total", **made_up) == 3 * MOST_FRESH + 1


def test_outcomes_are_bounded_too() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.count(entered(error=f"code-{number}"))
    assert len(metrics.counts(()).questions) < 100


def test_no_key_no_question_and_no_answer_is_told(house: Served) -> None:
    for model in (MODEL, 'x"}\n# HELP evil', key_text("acme", 1)):
        house.ask(body={"model": model, "messages": [{"role": "user", "content": "a secret"}]})
    house.ask("/v1/" + key_text("acme", 1))
    for accept in ("", OPENMETRICS):
        body = house.ask("/metrics", headers={"accept": accept}).body.decode()
        for never in (key_text("acme", 1), "throw-away", "a secret", "evil"):
            assert never not in body


# How it is asked for


def test_openmetrics_is_spoken_to_who_asks_for_it(house: Served) -> None:
    house.ask(body=HELLO)
    reply = house.ask("/metrics", headers={"accept": OPENMETRICS})
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in parse_openmetrics(reply.body.decode())}
    assert families["freellm_requests"].type == "counter"
    assert families["freellm_first_token_seconds"].type == "histogram"
    assert families["freellm_build"].type == "info"
    plain = house.ask("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text;version=junk", "text/plain;version=..", "\xff", "*/*"]
)
def test_an_odd_accept_header_is_answered_all_the_same(house: Served, accept: str) -> None:
    assert scraped(house, accept=accept)


def test_what_is_asked_for_compressed_comes_compressed(house: Served) -> None:
    reply = house.ask("/metrics", headers={"accept-encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert figure(read(gzip.decompress(reply.body).decode()), "freellm_healthy") == 1


def test_scrapers_need_the_token_and_pages_are_refused(tmp_path: Path) -> None:
    from freellm_cli.core.secret import Secret

    with simulator() as sim, served(sim, tmp_path, token=Secret("for-clients")) as house:
        assert house.ask("/metrics").status == 401
        held = {"authorization": "Bearer for-clients"}
        assert house.ask("/metrics", headers=held).status == 200
        page = house.ask("/metrics", headers={**held, "origin": "https://evil.example"})
        assert page.status == 403
        assert house.ask("/metrics", headers={**held, "host": "evil.example"}).status == 403


def test_without_the_library_it_says_what_to_install(
    house: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    reply: Reply = house.ask("/metrics")
    assert reply.status == 501
    assert "pip install prometheus-client" in reply.json["error"]["message"]
    assert house.ask(body=HELLO).status == 200
    monkeypatch.undo()
    assert figure(scraped(house), "freellm_healthy") == 1


def test_a_server_that_nobody_scrapes_does_not_load_the_library() -> None:
    code = "import sys, freellm_cli.server.handlers, freellm_cli.server.app\n"
    code += "sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0
