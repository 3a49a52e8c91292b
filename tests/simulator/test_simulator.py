"""The simulator as other suites use it: keys, accounts, limits by its clock, models, what it saw."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from freellm_cli.core.limits import REQUESTS
from freellm_cli.core.secret import Secret
from freellm_cli.simulator.hosts import HOSTS
from freellm_cli.simulator.limits import MINUTE
from freellm_cli.simulator.profiles import PROFILES
from freellm_cli.simulator.server import Simulator
from tests.support.raw_client import HELLO, Raw, RawClient
from tests.support.stepping_clock import SteppingClock
from tests.support.upstream import simulator, upstream

__all__ = ["upstream"]


def ask(
    sim: Simulator, *, key: str = "k1", provider: str = "groq", model: str = "m", **more: Any
) -> Raw:
    path = sim.base_url(provider).removeprefix(sim.url) + "/chat/completions"
    with RawClient(sim.port) as client:
        client.post(path, {**HELLO, "model": model, **more}, key=key)
        return client.read_answer()


def status(sim: Simulator, **more: Any) -> int:
    return ask(sim, **more).status


def get(sim: Simulator, path: str, *headers: str) -> Raw:
    with RawClient(sim.port) as client:
        client.send("\r\n".join([f"GET {path} HTTP/1.1", *headers, "", ""]).encode())
        return client.read_answer()


# --- limits, by the simulator's clock ---------------------------------------------------------------


def test_a_keys_minute_is_strict_to_the_millisecond() -> None:
    clock = SteppingClock()
    with simulator(clock=clock) as sim:
        sim.key("k1").rpm(2)
        assert [status(sim), status(sim), status(sim)] == [200, 200, 429]
        assert status(sim, key="k2") == 200
        clock.advance(59.999)
        assert status(sim) == 429
        clock.advance(0.001)
        assert [status(sim), status(sim), status(sim)] == [200, 200, 429]
        assert sim.counts.refused == sim.counts.foreseeable == 3


def test_keys_of_one_account_share_what_the_account_has() -> None:
    with simulator(clock=SteppingClock()) as sim:
        sim.key("k1").account("acme")
        sim.key("k2").account("acme")
        sim.account("acme").rpm(3)
        answers = [status(sim, key=key) for key in ("k1", "k2", "k1", "k2", "k3")]
        assert answers == [200, 200, 200, 429, 200]


def test_everybody_behind_one_address_shares_what_the_address_has() -> None:
    with simulator(clock=SteppingClock()) as sim:
        sim.address().rpm(2)
        assert status(sim, key="k1", provider="groq") == 200
        assert status(sim, key="k2", provider="mistral") == 200
        assert status(sim, key="k3", provider="cerebras") == 429


def test_pots_chain_and_the_strictest_holds() -> None:
    clock = SteppingClock()
    with simulator(clock=clock) as sim:
        sim.key("k1").account("acme").rpm(5).rpd(3).tpm(1000)
        assert [status(sim) for _ in range(4)] == [200, 200, 200, 429]
        assert "requests per day (RPD)" in ask(sim).body.decode()


def test_a_limit_of_some_models_counts_each_apart() -> None:
    with simulator(clock=SteppingClock()) as sim:
        sim.each_key().rpm(1, model="small-*")
        models = ["small-a", "small-b", "small-a", "large", "large"]
        assert [status(sim, model=model) for model in models] == [200, 200, 429, 200, 200]


def test_a_request_that_is_wrong_in_itself_does_not_count() -> None:
    with simulator(clock=SteppingClock()) as sim:
        sim.key("k1").rpm(1)
        assert status(sim, messages=[]) == 400
        assert status(sim, messages="hello") == 400
        assert status(sim) == 200
        assert status(sim) == 429


def test_failed_calls_count_unless_the_limit_says_otherwise() -> None:
    with simulator(clock=SteppingClock()) as sim:
        sim.key("strict").rpm(1)
        sim.key("lenient").limit(REQUESTS, MINUTE, 1, count_failed=False)
        sim.fail("overloaded", times=2)
        assert status(sim, key="strict") == 503
        assert status(sim, key="strict") == 429
        assert status(sim, key="lenient") == 503
        assert status(sim, key="lenient") == 200


def test_refused_calls_count_where_the_limit_says_so() -> None:
    clock = SteppingClock()
    with simulator(clock=clock) as sim:
        sim.key("k1").limit(REQUESTS, MINUTE, 1, count_refused=True)
        assert status(sim) == 200
        clock.advance(59)
        assert status(sim) == 429
        clock.advance(59)
        assert status(sim) == 429
        clock.advance(60)
        assert status(sim) == 200


def test_a_place_is_taken_while_the_answer_lasts() -> None:
    with simulator() as sim:
        sim.key("k1").concurrent(1)
        sim.fail("stall_midstream")
        with RawClient(sim.port) as client:
            client.chat(stream=True, path="/groq/openai/v1")
            assert sim.wait_for(lambda counts: counts.stalled == 1)
            assert status(sim) == 429
        assert sim.wait_for(lambda counts: counts.aborted == 1)
        assert status(sim) == 200


def test_a_hundred_threads_never_get_more_than_the_limit() -> None:
    with simulator(clock=SteppingClock()) as sim:
        sim.key("k1").rpm(37)
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(status(sim))) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (found.count(200), found.count(429)) == (37, 63)


def test_the_wait_that_a_refusal_names_is_exact() -> None:
    clock = SteppingClock()
    with simulator(clock=clock) as sim:
        sim.key("k1").rpm(1)
        ask(sim)
        clock.advance(12.345)
        wait = float(ask(sim).header("retry-after") or 0)
        assert wait == pytest.approx(47.655)
        clock.advance(wait)
        assert status(sim) == 200


def test_rate_limit_headers_in_each_providers_manner() -> None:
    with simulator("free", clock=SteppingClock()) as sim:
        groq = ask(sim, provider="groq", max_tokens=100)
        assert groq.header("x-ratelimit-limit-requests") == "1000"
        assert groq.header("x-ratelimit-remaining-requests") == "999"
        assert groq.header("x-ratelimit-reset-requests") == "24h0m0s"
        assert groq.header("x-ratelimit-limit-tokens") == "8000"
        assert groq.header("x-ratelimit-remaining-tokens") == str(8000 - 100 - 5)
        cerebras = ask(sim, provider="cerebras")
        assert cerebras.header("x-ratelimit-remaining-requests-day") == "14399"
        assert "." in (cerebras.header("x-ratelimit-reset-tokens-minute") or "")
        mistral = ask(sim, provider="mistral")
        assert mistral.header("x-ratelimit-limit-req-minute") == "1"
        for silent in ("openrouter", "nvidia_nim"):
            assert b"ratelimit" not in ask(sim, provider=silent, model="m:free").head


def test_openrouter_counts_all_free_models_of_an_account_and_its_refusals() -> None:
    clock = SteppingClock()
    with simulator("openrouter-like", clock=clock) as sim:
        free = [status(sim, provider="openrouter", model=f"m{n % 3}:free") for n in range(21)]
        assert free == [200] * 20 + [429]
        assert status(sim, provider="openrouter", model="paid") == 200
        body = json.loads(ask(sim, provider="openrouter", model="m:free").body)
        reset = body["error"]["metadata"]["headers"]["X-RateLimit-Reset"]
        assert int(reset) == pytest.approx((clock.now() + 60) * 1000, abs=2)
        key = json.loads(get(sim, "/openrouter/api/v1/key", "authorization: Bearer k1").body)
        assert key["data"]["free_model_daily_requests"] == {
            "used": 22,
            "limit": 50,
            "remaining": 28,
        }


def test_error_bodies_name_the_account_not_the_key_and_each_account_its_own() -> None:
    with simulator() as sim:
        sim.key("k1").account("acme")
        sim.key("k2").account("acme")
        named = {}
        for key in ("k1", "k2", "sk-other-key"):
            sim.fail("rate_minute", times=2)
            groq = ask(sim, key=key).body.decode()
            assert "sk-other" not in groq
            router = json.loads(ask(sim, key=key, provider="openrouter").body)
            named[key] = (groq.partition("`org_")[2].partition("`")[0], router["user_id"])
        assert named["k1"] == named["k2"] != named["sk-other-key"]
        assert len(set(named["sk-other-key"] + named["k1"])) == 4


# --- keys and models --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "trouble", "code"),
    [
        ("groq", "bad", 401),
        ("groq", "suspended", 400),
        ("mistral", "bad", 401),
        ("nvidia_nim", "bad", 403),
        ("openrouter", "out_of_credit", 402),
        ("openrouter", "bad", 401),
        ("zai", "out_of_credit", 429),
        ("iflow", "bad", 200),
        ("huggingface", "out_of_credit", 402),
    ],
)
def test_a_key_in_trouble_is_refused_in_the_providers_own_way(
    upstream: Simulator, provider: str, trouble: str, code: int
) -> None:
    getattr(upstream.key("k1"), trouble)()
    assert status(upstream, provider=provider) == code
    assert status(upstream, provider=provider, key="k2") == 200
    upstream.key("k1").good()
    assert status(upstream, provider=provider) == 200


def test_a_key_is_needed_where_the_provider_needs_one(upstream: Simulator) -> None:
    assert get(upstream, "/groq/openai/v1/models").status == 401
    assert get(upstream, "/nvidia_nim/v1/models").status == 200, "this list is public"
    assert get(upstream, "/openrouter/api/v1/models").status == 200
    assert get(upstream, "/ollama/v1/models").status == 200
    with RawClient(upstream.port) as client:
        data = json.dumps(HELLO).encode()
        head = b"POST /cerebras/v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n"
        client.send(head % len(data) + data)
        assert client.read_answer().body == b'{"detail": "Not authenticated"}'


def test_models_may_be_missing_retired_or_closed_to_a_key(upstream: Simulator) -> None:
    upstream.model("gone").retired()
    upstream.model("never").missing()
    upstream.key("k1").no_access("secret")
    assert status(upstream, model="gone", provider="nvidia_nim") == 410
    assert status(upstream, model="gone", provider="groq") == 400
    assert ask(upstream, model="never", provider="nvidia_nim").body == b""
    assert status(upstream, model="secret") == 403
    assert status(upstream, model="secret", key="k2") == 200
    upstream.model("gone").back()
    assert status(upstream, model="gone") == 200


def test_a_model_may_be_told_of_at_one_provider_only(upstream: Simulator) -> None:
    upstream.model("m", "groq").missing()
    assert status(upstream, provider="groq") == 404
    assert status(upstream, provider="mistral") == 200


def test_prompts_longer_than_the_context_are_refused(upstream: Simulator) -> None:
    upstream.model("small").context(10)
    long = [{"role": "user", "content": "x" * 41}]
    refused = ask(upstream, model="small", messages=long)
    assert refused.status == 400
    assert "maximum context length is 10 tokens" in refused.body.decode()
    assert "resulted in 11 tokens" in refused.body.decode()
    assert status(upstream, model="small", messages=[{"role": "user", "content": "x" * 40}]) == 200


@pytest.mark.parametrize(
    ("provider", "field", "code"),
    [
        ("mistral", "stream_options", 422),
        ("mistral", "max_completion_tokens", 422),
        ("mistral", "seed", 422),
        ("groq", "logit_bias", 400),
        ("groq", "top_k", 400),
        ("cerebras", "frequency_penalty", 400),
        ("cohere", "parallel_tool_calls", 400),
        ("acme", "anything", 200),
        ("openrouter", "top_k", 200),
    ],
)
def test_fields_are_refused_where_the_provider_refuses_them(
    upstream: Simulator, provider: str, field: str, code: int
) -> None:
    answer = ask(upstream, provider=provider, **{field: {"a": 1}})
    assert answer.status == code
    if code != 200:
        assert field.encode() in answer.body
    assert status(upstream, provider=provider, **{field: None}) == 200, "null is as good as absent"


def test_fields_inside_messages_are_refused_too(upstream: Simulator) -> None:
    history = [
        {"role": "assistant", "content": "hi", "reasoning_content": "hm"},
        *HELLO["messages"],
    ]
    assert status(upstream, provider="mistral", messages=history) == 422
    assert status(upstream, provider="nvidia_nim", messages=history) == 200
    assert status(upstream, provider="groq", n=2) == 400


# --- addresses --------------------------------------------------------------------------------------


def test_every_host_has_a_base_url_and_serves_under_it(upstream: Simulator) -> None:
    for provider in [*HOSTS, "whatever"]:
        base = upstream.base_url(provider)
        assert base.startswith(f"http://127.0.0.1:{upstream.port}/{provider}")
        auth = (
            "x-goog-api-key: k" if provider in ("gemini", "google") else "authorization: Bearer k"
        )
        path = base.removeprefix(upstream.url) + "/models"
        answer = get(upstream, path, auth)
        assert answer.status == 200, provider
        assert json.loads(answer.body)


def test_a_wrong_path_is_refused_as_the_host_refuses_it(upstream: Simulator) -> None:
    for path in ("/groq/v1/models", "/nowhere", "/", "/groq/openai/v1/engines"):
        assert get(upstream, path, "authorization: Bearer k").status == 404
    nvidia = get(upstream, "/nvidia_nim/v1/chat", "authorization: Bearer k")
    assert (nvidia.status, nvidia.body) == (404, b"404 page not found")
    lmstudio = get(upstream, "/lmstudio/v1/nothing")
    assert lmstudio.status == 200
    assert b"Unexpected endpoint" in lmstudio.body
    assert get(upstream, "/groq/openai/v1/chat/completions").status == 405


def test_cohere_and_cloudflare_list_in_their_own_shapes(upstream: Simulator) -> None:
    cohere = json.loads(get(upstream, "/cohere/v1/models", "authorization: Bearer k").body)
    assert cohere["models"][0]["endpoints"] == ["chat", "generate"]
    ai = upstream.base_url("cloudflare").removeprefix(upstream.url).removesuffix("/v1")
    search = f"{ai}/models/search?per_page=1&page=2"
    page = json.loads(get(upstream, search, "authorization: Bearer k").body)
    assert [one["name"] for one in page["result"]] == ["@cf/baai/bge-m3"]
    assert page["result_info"]["total_count"] == 2


# --- scripted answers -------------------------------------------------------------------------------


def test_a_scripted_reply_is_said_once_to_whom_it_is_meant(upstream: Simulator) -> None:
    upstream.reply("exactly this", model="special")
    assert b"exactly this" not in ask(upstream).body
    said = json.loads(ask(upstream, model="special").body)["choices"][0]
    assert said["message"]["content"] == "exactly this"
    assert b"exactly this" not in ask(upstream, model="special").body


def test_a_scripted_reply_in_pieces_with_thoughts_and_calls(upstream: Simulator) -> None:
    upstream.reply(pieces=["one ", "two"], reasoning="let me see")
    with RawClient(upstream.port) as client:
        client.chat(stream=True, keep=False)
        body = client.read().unchunked().decode()
    assert '"delta":{"content":"one "}' in body
    assert '"delta":{"reasoning_content":" me"}' in body
    upstream.reply(calls=[("get_weather", {"city": "Oslo"}, "call_7"), ("get_time", {})])
    choice = json.loads(ask(upstream).body)["choices"][0]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == [
        "get_weather",
        "get_time",
    ]
    assert choice["message"]["tool_calls"][0]["id"] == "call_7"
    assert choice["finish_reason"] == "tool_calls"
    upstream.reply("", finish="content_filter", times=None)
    assert json.loads(ask(upstream).body)["choices"][0]["finish_reason"] == "content_filter"
    upstream.heal()
    assert json.loads(ask(upstream).body)["choices"][0]["finish_reason"] == "stop"


# --- what it saw ------------------------------------------------------------------------------------


def test_what_was_seen(upstream: Simulator) -> None:
    upstream.key("k1")
    ask(upstream, temperature=0.5)
    ask(upstream, key="sk-unknown")
    first, second = upstream.seen
    assert (first.number, first.key, first.provider, first.model) == (1, "k1", "groq", "m")
    assert (first.method, first.path) == ("POST", "/groq/openai/v1/chat/completions")
    assert (first.operation, first.status, first.outcome) == ("chat", 200, "answered")
    assert first.body["temperature"] == 0.5
    assert json.loads(first.raw) == first.body
    assert first.ended_at is not None
    assert first.ended_at >= first.at
    assert second.key == second.fingerprint == Secret("sk-unknown").fingerprint()


def test_no_key_is_ever_written_down(upstream: Simulator) -> None:
    ask(upstream, key="sk-secret-one")
    get(upstream, "/gemini/v1beta/models?key=sk-secret-two&pageSize=1")
    get(upstream, "/gemini/v1beta/models", "x-goog-api-key: sk-secret-three")
    told = json.dumps([seen.as_dict() for seen in upstream.seen]) + repr(upstream.seen)
    assert "sk-secret" not in told
    assert upstream.seen[1].query == {"pageSize": "1"}


def test_reset_forgets_what_happened_and_keeps_what_was_set(upstream: Simulator) -> None:
    upstream.key("k1").rpm(1)
    upstream.fail("overloaded", times=None)
    assert [status(upstream), status(upstream)] == [503, 429]
    upstream.reset()
    assert upstream.counts.requests == 0
    assert upstream.seen == []
    assert [status(upstream), status(upstream)] == [200, 429]


def test_waiting_for_what_never_happens_gives_up(upstream: Simulator) -> None:
    assert upstream.wait_for(lambda counts: counts.requests == 1, timeout=0.02) is False


def test_an_internal_error_does_not_stay_hidden() -> None:
    sim = simulator()
    sim.start()
    sim.reply(calls=[("too", {}, "many", "parts")])
    with RawClient(sim.port) as client:
        client.chat()
        assert client.read().data == b""
    with pytest.raises(TypeError):
        sim.stop()


# --- profiles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_serves_and_says_what_it_is(profile: str) -> None:
    assert PROFILES[profile].says.endswith(".")
    with simulator(profile) as sim, RawClient(sim.port) as client:
        client.chat(keep=False)
        assert client.read().ended == "closed"
        assert sim.counts.requests == 1


def test_tiny_makes_rotation_visible() -> None:
    with simulator("tiny", clock=SteppingClock()) as sim:
        found = [(key, status(sim, key=key)) for key in ("a", "a", "a", "a", "b")]
        assert [code for _, code in found] == [200, 200, 200, 429, 200]


def test_moody_is_moody_the_same_way_each_time() -> None:
    def story() -> list[str]:
        with simulator("moody", seed=3) as sim:
            for _ in range(60):
                with RawClient(sim.port) as client:
                    client.chat(keep=False)
                    client.read()
            return [seen.fault for seen in sim.seen]

    first = story()
    assert first == story()
    assert 10 < sum(1 for fault in first if fault) < 50
    assert len(set(first)) > 4


def test_local_slow_is_silent_at_localai_alone() -> None:
    with simulator("local-slow") as sim:
        assert status(sim, provider="groq") == 200
        with RawClient(sim.port) as client:
            client.chat(path="/localai/v1")
            assert sim.wait_for(lambda counts: counts.stalled == 1)
        assert sim.wait_for(lambda counts: counts.aborted == 1)
