"""The upstream that all suites talk to over real sockets: `freellm_cli.simulator`, dressed for tests.

Get one
-------
    from tests.support.upstream import upstream          # a "generous" one, fresh a test

    def test_something(upstream): ...                     # import the fixture by name (or in a conftest)

    with simulator("tiny", clock=clock) as sim: ...       # another profile, a virtual clock, paced streams

`clock` is whatever has `now()`; limits go by it alone, to the microsecond. Streams are sent at once unless
`tokens_per_s` / `first_token_s` say otherwise (real time). No test needs to sleep: `sim.wait_for`.

Where it is
-----------
    sim.base_url("gemini")       http://127.0.0.1:PORT/gemini/v1beta        native generateContent
    sim.base_url("groq")         …/groq/openai/v1    openrouter: …/openrouter/api/v1    mistral: …/mistral/v1
    sim.base_url("whatever")     …/whatever/v1       a plain OpenAI-compatible host, key optional
    sim.url, sim.port

Every provider answers, refuses and lists models in its own shape. Any model name is served unless said
otherwise; any key is good and its own account unless said otherwise.

Keys, accounts, addresses
-------------------------
    sim.key("k1").rpm(10).rpd(250)                        # text of the key, as it travels in the header
    sim.key("k2").account("acme"); sim.account("acme").rpm(20).tpm(250_000)
    sim.key("k3").bad() / .suspended() / .out_of_credit() / .forbidden() / .no_access("model-x") / .good()
    sim.address().rpm(60)          # each caller's address     sim.provider("groq").concurrent(4)
    sim.each_key().rpm(3)          # every key, for itself
    .rpm(10, model="gemini-2.5-*") # each matching model counted apart; without `model`, all together
    .rpd(20, zone="America/Los_Angeles")   .per_24h(100)   .concurrent(1)   .tpm(8_000, tokens="reserved")
    .limit(unit, Window(...), amount, count_refused=True, published=False, …)     # anything else

Models
------
    sim.model("old-one").retired()    sim.model("nope").missing()    sim.model("small").context(8_000)

Faults
------
    sim.fail("cut_midstream")                             # the next chat, whoever asks
    sim.fail("overloaded", provider="gemini", model="gemini-2.5-*", key="k1", times=2)
    sim.fail("rate_minute", wait_s=7, times=None)         # always, until rule.cancel() or sim.heal()
    sim.fail("error_after", after=3)                      # three tokens, then an error event
    sim.fail("status", status=418, body={"error": "…"}, headers={"retry-after": "3"})
    sim.fail("frames", frames=["data: {…}\\n\\n", "data: [DONE]\\n\\n"])      # the raw stream
    sim.fail("stall_before_first_token")                  # silence until released or the client leaves
    sim.wait_for(lambda counts: counts.stalled == 1); sim.release()
    sim.fail("delay", delay_s=0.2); sim.fail("html_502", probability=0.1, times=None)
    on="chat" (default) | "completions" | "embeddings" | "models" | "count" | "other" | "any";  skip=2

`FAULTS` maps every name to what it does (over 110). Families: provider's own refusals (rate_minute,
rate_day, tokens_minute, tokens_day, concurrent, capacity, no_key, bad_key, suspended, out_of_credit,
forbidden, no_model, retired, no_access, bad_field, bad_request, too_long, filtered, too_large,
server_error, bad_gateway, overloaded, timeout…), html_200/403/502/504/524, things inside a 200
(error_in_200, error_in_choice, empty_choices, status_frame, blank_answer, null_content, not_json,
empty_body, truncated_json…), streams (first_event_error, event_error, error_after, finish_error,
missing_done, no_finish, duplicate_finish, usage_every_chunk, comments_first, crlf, no_space, split_utf8,
one_byte, tool_no_index, tool_whole…), connections (cut_before_headers, reset_before_headers,
cut_after_headers, cut_midstream, reset_midstream, cut_mid_json, cut_mid_utf8, stall_before_headers,
stall_before_first_token, stall_midstream, slow_headers, garbage, http_10, bad_chunk, length_too_long,
length_too_short, gzip, redirect, stale_keepalive, early_hints…).

What models say
---------------
By itself a model names itself and quotes the question; it calls a tool that the question names (or that
`tool_choice` demands), fills a JSON schema, thinks when asked to, keeps max_tokens and stop. To say more:

    sim.reply("exactly this", model="m")                  # once; times=None for always
    sim.reply(pieces=["one ", "two"], reasoning="hm")     # how the stream is cut
    sim.reply(calls=[("get_weather", {"city": "Oslo"})])  # tool calls: (name, arguments[, id])
    sim.reply("", finish="content_filter")

What it saw
-----------
    sim.seen            the latest 20,000: .key (text of an introduced key, else its fingerprint) .fingerprint
                        .provider .model .operation .method .path .query .headers (credentials left out) .body
                        (JSON) .raw .stream .status .refusal .fault .foreseeable .at .ended_at .address
                        .outcome "open" | "answered" | "refused" | "aborted" (client left) | "cut"
    sim.counts          requests answered refused foreseeable aborted cut faults open_requests
                        stalled open_connections peak_requests peak_connections
    sim.wait_for(lambda counts: counts.aborted == 1)      # True, or False after 5 s
    sim.reset()         forgets faults, requests and what was counted; keys and limits stay

A request is settled before its last byte is written: whoever has read an answer finds it in `seen`.
Leaving the context ends all connections and raises an internal error of the simulator, if there was one.

In another process (simulator_process)
------------------
    with simulator_process("tiny") as remote:             # python -m freellm_cli.simulator, own process
        remote.base_url("groq"); remote.fail("overloaded"); remote.counts["requests"]; remote.seen[0]["key"]
        remote.key("k1", limits=[["rpm", 10]], state="bad", account="acme")
        remote.pot("account", "acme", limits=[["rpm", 20]]); remote.pot("address", limits=[["rpm", 60]])
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.faults import FAULTS
from freellm_cli.simulator.hosts import host_of
from freellm_cli.simulator.journal import Seen
from freellm_cli.simulator.profiles import Profile
from freellm_cli.simulator.server import Simulator

__all__ = ["FAULTS", "Remote", "Seen", "Simulator", "simulator", "simulator_process", "upstream"]

REPOSITORY = Path(__file__).resolve().parents[2]


def simulator(profile: str | Profile = "generous", **options: Any) -> Simulator:
    """A simulator to be used as a context manager; `options` as `Simulator` takes them."""
    options.setdefault("tokens_per_s", 0)
    options.setdefault("first_token_s", 0)
    return Simulator(profile, **options)


@pytest.fixture
def upstream() -> Iterator[Simulator]:
    """A generous simulator, fresh for each test."""
    with simulator() as sim:
        yield sim


class Remote:
    """A simulator in another process, by its remote control. Same words as `Simulator`."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self._token = token

    def base_url(self, provider: str) -> str:
        return self.url + host_of(provider).path.replace("{}", "simulated")

    def fail(self, with_: str, **options: Any) -> None:
        self._call("POST", "fail", {"with_": with_, **options})

    def reply(self, text: str | None = None, **options: Any) -> None:
        self._call("POST", "reply", {"text": text, **options})

    def key(self, text: str, **options: Any) -> None:
        """`account="acme"`, `state="bad"`, `limits=[["rpm", 10], ["rpd", 250]]`."""
        self._call("POST", "key", {"text": text, **options})

    def pot(self, scope: str, name: str | None = None, **options: Any) -> None:
        """`remote.pot("account", "acme", limits=[["rpm", 10], ["rpd", 50, "small-*"]])`."""
        self._call("POST", "pot", {"scope": scope, "name": name, **options})

    def model(self, name: str, **options: Any) -> None:
        """`provider="groq"`, `state="missing"`, `context=8000`."""
        self._call("POST", "model", {"name": name, **options})

    def heal(self) -> None:
        self._call("POST", "heal", {})

    def release(self) -> None:
        self._call("POST", "release", {})

    def reset(self) -> None:
        self._call("POST", "reset", {})

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self._call("GET", "counts")
        return counts

    @property
    def seen(self) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = self._call("GET", "seen")
        return seen

    def _call(self, method: str, verb: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            headers = {"x-control-token": self._token}
            data = None if body is None else json.dumps(body)
            connection.request(method, f"/_control/{verb}", data, headers)
            answer = connection.getresponse()
            value = json.loads(answer.read())
        if answer.status != 200:
            raise ValueError(value["error"])
        return value


@contextlib.contextmanager
def simulator_process(profile: str = "generous", *options: str) -> Iterator[Remote]:
    """A simulator in its own process; `options` are flags of `python -m freellm_cli.simulator`."""
    command = [sys.executable, "-m", "freellm_cli.simulator", "--profile", profile]
    process = subprocess.Popen(
        [*command, "--until-stdin-ends", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    with process:
        assert process.stdin
        assert process.stdout
        line = json.loads(process.stdout.readline())
        try:
            yield Remote(line["url"], line["control_token"])
        finally:
            process.stdin.close()
            process.wait(10)
