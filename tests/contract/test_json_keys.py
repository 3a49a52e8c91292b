"""The keys of `--json` are public: each of these stays, with its meaning. New ones may join them.

A key of a list's rows is written "list[].key"; the rows that are looked at exist, or the test fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.household import Household

KEYS = {
    "keys add groq --stdin": (
        "provider trains_on_prompts added[].id added[].key added[].fingerprint added[].check"
        " added[].message"
    ),
    "keys list": (
        "keys[].id keys[].provider keys[].kind keys[].label keys[].account keys[].key"
        " keys[].fingerprint keys[].source keys[].enabled keys[].state keys[].shares_limits_with"
    ),
    "keys check": "keys[].id keys[].check keys[].message",
    "keys enable gemini-1": "enabled",
    "keys disable gemini-1": "disabled",
    "keys label gemini-1 mine": "id label",
    "keys label gemini-1 --account acme": "id account",
    "keys remove gemini-2 --yes": "removed",
    "keys export": "keys[].id keys[].provider keys[].label keys[].account keys[].key",
    "models gemini": (
        "models[].id models[].provider models[].family models[].title models[].context"
        " models[].max_output models[].capabilities models[].status models[].status_date"
        " models[].source models[].expires models[].replacement models[].recommended models[].uses"
        " models[].speed models[].quality models[].notes models[].limits models[].trains_on_prompts"
        " models[].usable models[].discovered models[].history"
    ),
    "models gemini --names": "models",
    "models show gemini/gemini-2.5-flash": "model.id model.status model.context model.limits",
    "limits": (
        "targets[].credentials targets[].model targets[].limits[].unit targets[].limits[].window"
        " targets[].limits[].amount targets[].limits[].used targets[].limits[].open"
        " targets[].limits[].resets_in_s targets[].limits[].counted_on targets[].limits[].source"
        " rests[].key rests[].kind rests[].reason rests[].until_s rests[].strikes rests[].due"
        " rests[].request"
    ),
    "limits why gemini-2": "blocked[].target blocked[].why blocked[].text blocked[].until_s free",
    "limits reset": "woken",
    "why": (
        "request.id request.at request.asked request.face request.outcome request.seconds"
        " request.route[].why request.route[].models request.excluded request.attempts[].target"
        " request.attempts[].outcome request.attempts[].message request.attempts[].seconds"
        " request.attempts[].status request.answerer.model_id request.answerer.credential"
        " request.answerer.attempts request.answerer.waited_s request.answerer.first_token_s"
        " request.usage"
    ),
    "route kimi-k2": (
        "asked steps[].why steps[].models targets[].step targets[].target targets[].free"
        " targets[].until_s targets[].load targets[].reasons excluded notices"
    ),
    "history list": (
        "conversations[].id conversations[].title conversations[].model conversations[].system"
        " conversations[].answered_by"
        " conversations[].started conversations[].updated conversations[].turns"
    ),
    "history show": (
        "id title model answered_by system started updated turns messages[].role messages[].text"
        " messages[].at"
    ),
    "history search hello": ("hits[].conversation hits[].title hits[].role hits[].text hits[].at"),
    "history delete --all --yes": "deleted",
    "templates list": (
        "templates[].name templates[].description templates[].source templates[].ok"
    ),
    "templates show translate": "name source text variables wants_input",
    "chat -c hello": "conversation",
    "serve --install-service --print": "kind file written content",
    "config path": "config credentials logins templates ledger history cache",
    "config show": "settings[].key settings[].value settings[].source",
    "config get serve.port": "key value source about",
    "config set serve.port 9000": "key value",
    "config unset serve.port": "key removed",
    "config check": "file problems warnings",
    "completion bash": "shell script",
    "chat hello": (
        "id model credential text reasoning tool_calls finish usage.prompt_tokens"
        " usage.completion_tokens usage.reasoning_tokens usage.cached_tokens usage.total_tokens"
        " usage.estimated attempts[].target attempts[].outcome attempts[].message"
        " attempts[].seconds timing.waited_s timing.first_token_s notices"
    ),
    "demo --fast": (
        "scenes[].scene scenes[].asked scenes[].answered scenes[].by upstream.requests"
        " upstream.refused_for_limits"
    ),
    "": "credentials resting default_model",
}
ERRORS = {
    "keys check nobody": "error.slug error.message error.hint error.exit_code error.nearest",
    "chat -m gemini/gemini-3-flash-preview hello": (
        "error.slug error.message error.hint error.exit_code error.retry_after_s"
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Household]:
    """Two keys, one of them suspended, with limits, a past request and a rest."""
    with Simulator("generous") as sim:
        household = Household(tmp_path, sim)
        household.config('default_model = "gemini/gemini-2.5-flash"')
        household.provider("groq").provider("gemini").limits("gemini", requests_per_minute=3)
        household.keys("nvidia_nim", "nvapi-one-0123456789")
        household.keys("gemini", "AIza-one-0123456789", "AIza-two-0123456789")
        sim.key("AIza-two-0123456789").suspended()
        for _ in range(2):
            assert household.run("chat", "hello").code == 0
        household.forget()
        yield household


def at(data: Any, path: str) -> list[Any]:
    """Everything that stands at `path`; raises KeyError where it is missing."""
    found = [data]
    for step in path.split("."):
        name, is_list = step.removesuffix("[]"), step.endswith("[]")
        found = [item[name] for item in found]
        if is_list:
            found = [row for rows in found for row in rows]
            assert found, f"no row at {path}"
    return found


def spelled(line: str) -> list[str]:
    return [*line.split(), "--json"]


@pytest.mark.parametrize("line", KEYS, ids=lambda line: line or "freellm")
def test_these_keys_stay(line: str, home: Household) -> None:
    outcome = home.run(*spelled(line), stdin="gsk_stored_now_0123456789" if "add" in line else "")
    assert outcome.code in (0, 4), outcome.err
    data = json.loads(outcome.out)
    for path in KEYS[line].split():
        at(data, path)


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_is_json_too_and_still_told_on_stderr(line: str, home: Household) -> None:
    for _ in range(3):
        home.run("chat", "-m", "gemini/gemini-3-flash-preview", "hello", "--timeout", "0.2")
    outcome = home.run(*spelled(f"{line} --timeout 0.2" if "chat" in line else line))
    data = json.loads(outcome.out)
    for path in ERRORS[line].split():
        at(data, path)
    assert data["error"]["exit_code"] == outcome.code
    assert data["error"]["message"] in outcome.err
