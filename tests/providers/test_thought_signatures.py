"""Signatures are remembered, within bounds, for many threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from freellm_cli.providers.thought_signatures import ThoughtSignatures, client_signature


def remember(memory: ThoughtSignatures, call_id: str = "c", **more: Any) -> None:
    known = {"name": "f", "arguments": '{"a": 1}', "signature": "c2ln", "model": "m", **more}
    memory.remember(call_id=call_id, **known)


def entry(call_id: str = "c", name: str = "f", arguments: Any = '{"a":1}') -> dict[str, Any]:
    return {"id": call_id, "function": {"name": name, "arguments": arguments}}


def test_a_call_is_known_by_its_id_or_by_what_it_says() -> None:
    memory = ThoughtSignatures()
    remember(memory)
    assert memory.find(entry(arguments="rewritten"), "m") == "c2ln"
    assert memory.find(entry("other id"), "m") == "c2ln"
    assert memory.find(entry("other id", arguments={"a": 1}), "m") == "c2ln"
    assert memory.find(entry("other id", name="g"), "m") == ""
    assert memory.find(entry("c", name="g"), "m") == ""
    assert memory.find(entry("other id", arguments='{"a":2}'), "m") == ""


def test_a_signature_belongs_to_its_model() -> None:
    memory = ThoughtSignatures()
    remember(memory)
    assert memory.find(entry(), "another") == ""
    given = {**entry("x"), "thought_signature": "c2ln"}
    assert memory.find(given, "another") == ""
    assert memory.find(given, "m") == "c2ln"
    memory.remember_text(signature="dGV4dA==", model="m")
    assert memory.accepted_by("m", "dGV4dA==")
    assert not memory.accepted_by("another", "dGV4dA==")
    assert memory.accepted_by("another", "never seen")


def test_nothing_is_remembered_of_an_unsigned_call() -> None:
    memory = ThoughtSignatures()
    remember(memory, signature="")
    assert len(memory) == 0


def test_the_oldest_are_forgotten_and_the_used_are_kept() -> None:
    memory = ThoughtSignatures(max_entries=9)
    for number in range(3):
        remember(memory, f"c{number}", arguments=f"{number}", signature=f"s{number}")
    assert len(memory) == 9
    assert memory.find(entry("c0", arguments="0"), "m") == "s0"
    for number in (3, 4):
        remember(memory, f"c{number}", arguments=f"{number}", signature=f"s{number}")
    assert len(memory) == 9
    assert memory.find(entry("c0", arguments="?"), "m") == "s0"
    assert memory.find(entry("c1", arguments="?"), "m") == ""


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"extra_content": None},
        {"extra_content": {"google": "x"}},
        {"thought_signature": 3},
        {"thought_signature": "not base64!"},
        {"thought_signature": ""},
    ],
)
def test_what_is_no_signature_is_not_taken_for_one(call: dict[str, Any]) -> None:
    assert client_signature(call) == ""


@pytest.mark.parametrize("arguments", [None, "", "not json", "[" * 3000, {"a": {1, 2}}, "x" * 9999])
def test_arguments_of_any_kind_are_found_again(arguments: Any) -> None:
    memory = ThoughtSignatures()
    remember(memory, "", arguments=arguments)
    assert memory.find(entry("", arguments=arguments), "m") == "c2ln"


def test_many_threads_share_one_memory() -> None:
    memory = ThoughtSignatures(max_entries=50)
    wrong: list[str] = []

    def work(number: int) -> None:
        for step in range(300):
            name = f"c{number}-{step}"
            remember(memory, name, arguments=f'"{name}"', signature=name)
            if memory.find(entry(name, arguments="?"), "m") not in (name, ""):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(memory) <= 50
