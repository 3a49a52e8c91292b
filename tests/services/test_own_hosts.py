"""A host of one's own: nobody but the host knows its models, so they are asked of it and told."""

from __future__ import annotations

import io
import json
import signal
from typing import Any

import pytest

from freellm_cli.cli.face import Face
from freellm_cli.cli.serve_face import serve
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household, Outcome

KEY = "sk-of-the-pool-0123456789"
LLAMA = "pool/llama3.2"
NOBODY = "http://127.0.0.1:9/v1"


def ids(outcome: Outcome) -> list[str]:
    return [row["id"] for row in json.loads(outcome.out)["models"]]


def listings(sim: Simulator) -> int:
    return sum(seen.operation == "models" for seen in sim.seen)


def finding(home: Household, area: str, *more: str) -> dict[str, Any]:
    told = json.loads(home.run("doctor", "--json", *more).out)["findings"]
    return next(row for row in told if row["area"] == area)


def test_a_key_for_it_brings_its_models_along(home: Household) -> None:
    added = home.provider("pool").run("keys", "add", "pool", "--stdin", stdin=KEY)
    assert f'freellm chat -m {LLAMA} "hello"' in added.out
    assert "freellm models pool (2, just read)" in added.out
    assert ids(home.run("models", "pool", "--json")) == [LLAMA, "pool/qwen3:8b"]


def test_an_unchecked_key_sends_nothing_and_says_how_to_ask(
    home: Household, sim: Simulator
) -> None:
    added = home.provider("pool").run("keys", "add", "pool", "--stdin", "--no-check", stdin=KEY)
    assert "freellm models pool (asks it which they are)" in added.out
    assert not sim.seen


def test_a_key_whose_host_has_no_list_is_stored_with_a_word_on_it(
    home: Household, sim: Simulator
) -> None:
    sim.fail("status", status=404, body={"detail": "Not Found"}, on="models", times=None)
    added = home.provider("pool").run("keys", "add", "pool", "--stdin", stdin=KEY)
    assert (added.code, "stored pool-1" in added.out) == (0, True)
    assert "its models       freellm models pool (asks it which they are)" in added.out


def test_its_address_may_come_with_the_key(home: Household, sim: Simulator) -> None:
    url = sim.base_url("pool")
    added = home.run("keys", "add", "pool", "--base-url", url, "--stdin", stdin=KEY)
    assert (added.code, "stored pool-1" in added.out) == (0, True)
    assert home.run("config", "get", "providers.pool.base_url").out.strip() == url
    assert home.ask(model="auto").completion().text


def test_who_asks_for_its_models_has_them_read_once(home: Household, sim: Simulator) -> None:
    home.provider("localai")
    first = home.run("models", "localai")
    assert f"localai: 2 models, read from {sim.base_url('localai')}" in first.err
    second = home.run("models", "localai")
    assert "localai/llama3.2" in first.out
    assert "its list was read 1 s ago, --refresh reads it anew" in second.out
    assert listings(sim) == 1
    home.run("models", "localai", "--refresh")
    assert listings(sim) == 2


def test_a_list_that_has_grown_old_is_read_again(home: Household, sim: Simulator) -> None:
    home.provider("pool").run("models", "pool")
    home.config("discovery.max_age = 0")
    home.run("models", "pool")
    assert listings(sim) == 2
    sim.fail("server_error", on="models", times=None)
    kept = home.run("models", "pool")
    assert (kept.code, LLAMA in kept.out) == (0, True)
    assert "pool gave no model list" in kept.err


def test_a_host_that_has_moved_is_asked_anew(home: Household, sim: Simulator) -> None:
    home.provider("pool").run("models", "pool")
    home.provider("pool", NOBODY)
    assert home.run("models", "pool").code == 6
    assert "no model is known" in finding(home, "models", "--offline")["text"]
    home.provider("pool", sim.base_url("pool"))
    assert LLAMA in home.run("models", "pool").out
    assert listings(sim) == 1


def test_lists_are_read_unbidden_unless_that_is_switched_off(
    home: Household, sim: Simulator
) -> None:
    home.config("discovery.enabled = false").keys("pool", KEY)
    assert "no model of pool is known: --refresh asks it" in home.run("models", "pool").out
    added = home.run("keys", "add", "pool", "--stdin", stdin="another-" + KEY).out
    assert "freellm models pool --refresh (asks it which they are)" in added
    assert listings(sim) == 1  # the check of the key
    assert LLAMA in home.run("models", "pool", "--refresh").out


def test_a_host_that_does_not_answer_is_an_error_not_an_empty_list(home: Household) -> None:
    outcome = home.provider("pool", NOBODY).run("models", "pool")
    assert (outcome.code, outcome.out) == (6, "")
    assert "127.0.0.1:9" in outcome.err
    assert "is the server running, on this port?" in outcome.err


def test_an_address_without_its_v1_is_told_the_right_one(home: Household, sim: Simulator) -> None:
    right = sim.base_url("lmstudio")
    home.provider("pool", right.removesuffix("/v1"))
    told = home.run("models", "pool").err
    assert f"`freellm config set providers.pool.base_url {right}`" in told


def test_a_host_without_a_list_can_be_told_its_models(home: Household, sim: Simulator) -> None:
    sim.fail("status", status=404, body={"detail": "Not Found"}, on="models", times=None)
    home.provider("pool")
    refused = home.run("models", "pool")
    assert refused.code == 6
    assert f"no model list at {sim.base_url('pool')}/models (HTTP 404)" in refused.err
    assert "`freellm config set providers.pool.models.list NAME,NAME`" in refused.err
    assert home.run("config", "set", "providers.pool.models.list", "llama3.2,other").code == 0
    assert ids(home.run("models", "pool", "--json")) == [LLAMA, "pool/other"]


def test_a_host_that_wants_another_key_says_which_command(home: Household, sim: Simulator) -> None:
    sim.fail("status", status=401, body={"error": "who are you?"}, on="models", times=None)
    outcome = home.provider("pool").run("models", "pool")
    assert outcome.code == 6
    assert "freellm keys add pool" in outcome.err


def test_an_empty_host_is_said_to_be_empty(home: Household, sim: Simulator) -> None:
    sim.fail("status", status=200, body={"object": "list", "data": []}, on="models", times=None)
    outcome = home.provider("pool").run("models", "pool")
    assert (outcome.code, outcome.out.strip()) == (0, "pool names no model that chats or embeds")


def test_a_host_nobody_has_set_up_is_not_asked(home: Household, sim: Simulator) -> None:
    outcome = home.run("models", "localai")
    assert outcome.code == 0
    assert "`freellm config set providers.localai.base_url http://127.0.0.1:8080/v1`" in outcome.out
    assert not sim.seen


def test_auto_uses_it_once_its_models_are_known(home: Household) -> None:
    home.provider("localai")
    before = home.run("chat", "hello")
    assert before.code == 3
    assert "`freellm models localai` reads what it serves" in before.err
    home.run("models", "localai")
    assert "This is llama3.2" in home.run("chat", "hello").out


def test_auto_keeps_room_for_it_beside_keys_with_many_models(home: Household) -> None:
    home.keys("gemini", "k1").keys("groq", "k1").keys("mistral", "k1").provider("localai")
    left_out = json.loads(home.run("route", "auto", "--json").out)["excluded"]
    assert {"target": "localai/…", "reason": left_out[0]["reason"]} in left_out
    assert "freellm models localai" in left_out[0]["reason"]
    home.run("models", "localai")
    route = json.loads(home.run("route", "auto", "--json").out)
    assert route["targets"][-1]["target"] == "localai-local/localai/llama3.2"
    assert not route["excluded"]


def test_ollama_at_home_does_not_serve_what_its_cloud_does(home: Household) -> None:
    home.provider("ollama").run("models", "ollama")
    assert ids(home.run("models", "ollama", "--json")) == ["ollama/llama3.2", "ollama/qwen3:8b"]
    home.provider("ollama", "https://ollama.com/v1")
    assert "ollama/kimi-k3" in ids(home.run("models", "ollama", "--json"))


class Terminal(io.StringIO):
    """Of a server that runs until something is said on it."""

    def __init__(self, until: str) -> None:
        super().__init__()
        self._until = until

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._until in self.getvalue():
            signal.raise_signal(signal.SIGINT)
        return written


def test_a_server_asks_the_hosts_that_nobody_has_asked_yet(home: Household) -> None:
    home.provider("pool").provider("attic", NOBODY)
    err = Terminal("attic: ")
    assert serve(Face(home.env, io.StringIO(), io.StringIO(), err), {"serve.port": 0}) == 0
    assert "freellm: pool: its list names 2 models\n" in err.getvalue()
    assert "freellm: attic: Cannot connect to 127.0.0.1:9" in err.getvalue()
    assert home.run("chat", "hello").code == 0


def test_a_list_of_everything_names_the_hosts_of_which_nothing_is_known(home: Household) -> None:
    home.provider("pool")
    assert "no model is known yet of pool: `freellm models pool`" in home.run("models").out
    home.run("models", "pool")
    assert "known yet" not in home.run("models").out


def test_the_doctor_counts_its_models(home: Household) -> None:
    home.provider("pool")
    offline = finding(home, "models", "--offline")
    assert offline["state"] == "warn"
    assert offline["text"] == "pool: no model is known, so `auto` cannot use it"
    assert offline["fix"] == "freellm models pool"
    assert finding(home, "models") == {
        "area": "models", "state": "good", "text": "pool serves 2 models", "fix": "",
    }  # fmt: skip
    assert finding(home, "models", "--offline")["text"] == "pool: 2 models known"


def test_the_doctor_finds_the_only_host_silent(home: Household) -> None:
    home.provider("pool", NOBODY)
    silent = finding(home, "models")
    assert silent["state"] == "bad"
    assert "no model is known" in silent["text"]
    assert home.run("doctor").code == 6
    assert finding(home.keys("gemini", "k1"), "models")["state"] == "warn"


def test_checking_a_keyless_host_asks_it(home: Household) -> None:
    home.provider("pool")
    assert "serves 2 models" in home.run("keys", "check").out
    home.provider("pool", NOBODY)
    checked = json.loads(home.run("keys", "check", "--json").out)["keys"][0]
    assert checked["check"] == "unknown"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("providers.Pool.base_url", "http://127.0.0.1/v1", "no usable name"),
        ("providers.pool.base_url", "127.0.0.1", "is not an address"),
        ("providers.pool.first_token", "5", "has no base_url"),
        ("providers.pool.base_url", "", "wants an address"),
    ],
)
def test_settings_that_make_no_provider_are_refused_before_the_file_is_touched(
    home: Household, key: str, value: str, told: str
) -> None:
    refused = home.run("config", "set", key, value)
    assert (refused.code, told in refused.err) == (3, True)
    assert home.run("models", "gemini").code == 0


def test_a_host_of_which_more_is_said_keeps_its_address(home: Household) -> None:
    home.config("[providers.pool]\nbase_url = 'http://127.0.0.1/v1'\nfirst_token = 5")
    assert home.run("config", "unset", "providers.pool.base_url").code == 3
    assert home.run("config", "unset", "providers.pool.first_token").code == 0
    assert home.run("config", "unset", "providers.pool.base_url").code == 0
    assert home.run("keys").code == 0


def test_who_adds_a_key_for_a_host_at_home_learns_that_it_may_want_none(home: Household) -> None:
    refused = home.run("keys", "add", "localai")
    assert refused.code == 2
    assert "`freellm config set providers.localai.base_url http://127.0.0.1:8080/v1`" in refused.err


def test_the_help_of_keys_add_shows_no_place_for_a_key(home: Household) -> None:
    usage = home.run("keys", "add", "--help").out.split("\n")[0]
    assert "key]" not in usage
    typed = home.run("keys", "add", "gemini", KEY)
    assert typed.code == 2
    assert "not taken from the command line" in typed.err
    assert KEY not in typed.err
