"""Fragments of tool calls from hosts that number them badly."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from freellm_cli.core.chat import ToolCallDelta
from freellm_cli.providers.tool_deltas import ToolCalls


def calls(*chunks: Any) -> list[tuple[str, str, str]]:
    """(id, name, arguments) of the calls that the `tool_calls` members of some chunks make."""
    ids = count(1)
    reader = ToolCalls(lambda: f"made-{next(ids)}")
    found: dict[int, list[str]] = {}
    for fragments in chunks:
        for delta in reader.read(fragments):
            parts = found.setdefault(delta.index, ["", "", ""])
            parts[0] += delta.id
            parts[1] += delta.name
            parts[2] += delta.arguments
    assert sorted(found) == list(range(len(found)))
    return [(parts[0], parts[1], parts[2]) for _, parts in sorted(found.items())]


def fragment(
    arguments: Any = None,
    *,
    index: int | None = None,
    call_id: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    made: dict[str, Any] = {"function": {}}
    if index is not None:
        made["index"] = index
    if call_id is not None:
        made["id"] = call_id
    if name is not None:
        made["function"]["name"] = name
    if arguments is not None:
        made["function"]["arguments"] = arguments
    return made


A, B = '{"x":1}', '{"y":2}'


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [
                [fragment("", index=0, call_id="a", name="f")],
                [fragment('{"x"', index=0)],
                [fragment(":1}", index=0)],
                [fragment("", index=1, call_id="b", name="g")],
                [fragment(B, index=1)],
            ],
            [("a", "f", A), ("b", "g", B)],
            id="as documented",
        ),
        pytest.param(
            [
                [fragment("", index=0, call_id="a", name="f"), fragment("", index=1, call_id="b", name="g")],
                [fragment(A, index=0), fragment(B, index=1)],
            ],
            [("a", "f", A), ("b", "g", B)],
            id="interleaved",
        ),
        pytest.param(
            [[fragment(A, index=0, call_id="a", name="f")]],
            [("a", "f", A)],
            id="whole in one chunk",
        ),
        pytest.param(
            [[fragment("", call_id="a", name="f")], [fragment('{"x"')], [fragment(":1}")]],
            [("a", "f", A)],
            id="no index",
        ),
        pytest.param(
            [
                [fragment("", call_id="a", name="f")],
                [fragment(A, call_id="a")],
                [fragment("", call_id="b", name="g")],
                [fragment(B, call_id="b")],
                [fragment("", call_id="a")],
            ],
            [("a", "f", A), ("b", "g", B)],
            id="no index, id in every fragment",
        ),
        pytest.param(
            [[fragment(A, call_id="a", name="f"), fragment(B, call_id="b", name="f")]],
            [("a", "f", A), ("b", "f", B)],
            id="two whole calls without index in one chunk",
        ),
        pytest.param(
            [[fragment(A, name="f"), fragment(B, name="f")]],
            [("made-1", "f", A), ("made-2", "f", B)],
            id="neither index nor id",
        ),
        pytest.param(
            [[fragment(A, index=0, call_id="a", name="f")], [fragment(B, index=0, call_id="b", name="f")]],
            [("a", "f", A), ("b", "f", B)],
            id="two calls share index 0",
        ),
        pytest.param(
            [[fragment(A, index=0, call_id="", name="f")], [fragment(A, index=0, call_id="", name="f")]],
            [("made-1", "f", A), ("made-2", "f", A)],
            id="two equal calls share index 0 and have no id",
        ),
        pytest.param(
            [[fragment("", index=0, call_id="", name="f")], [fragment(B, index=0, call_id="", name="g")]],
            [("made-1", "f", ""), ("made-2", "g", B)],
            id="a call without arguments shares its index",
        ),
        pytest.param(
            [
                [fragment("", index=0, call_id="a", name="f")],
                [fragment('{"x"', index=0, call_id="a", name="f")],
                [fragment(":1}", index=0, call_id="a", name="f")],
            ],
            [("a", "f", A)],
            id="id and name repeated",
        ),
        pytest.param(
            [
                [fragment("", index=0, name="f")],
                [fragment('{"x"', index=0, name="f")],
                [fragment(":1}", index=0, name="f")],
            ],
            [("made-1", "f", A)],
            id="name repeated without an id",
        ),
        pytest.param(
            [[fragment({"x": 1}, index=0, call_id="a", name="f")]],
            [("a", "f", '{"x": 1}')],
            id="arguments as an object",
        ),
        pytest.param(
            [[fragment(A, index=3, call_id="a", name="f")], [fragment(B, index=7, call_id="b", name="g")]],
            [("a", "f", A), ("b", "g", B)],
            id="indices with gaps",
        ),
        pytest.param(
            [[fragment(A, index=1, call_id="a", name="f")]],
            [("a", "f", A)],
            id="counting from one",
        ),
        pytest.param([{"function": {"name": "f", "arguments": A}}], [("made-1", "f", A)], id="no list"),
        pytest.param([[{"id": "a", "name": "f", "arguments": A}]], [("a", "f", A)], id="flat"),
        pytest.param([[fragment("{", index=0)], [None, 5], "x"], [], id="nothing that begins a call"),
    ],
)  # fmt: skip
def test_fragments_become_calls(chunks: list[Any], expected: list[tuple[str, str, str]]) -> None:
    assert calls(*chunks) == expected


def test_the_id_comes_with_the_first_fragment_only() -> None:
    reader = ToolCalls(lambda: "made")

    assert reader.read([fragment("", index=0, call_id="a", name="f")]) == (
        ToolCallDelta(0, "a", "f"),
    )
    assert reader.read([fragment(A, index=0, call_id="a")]) == (ToolCallDelta(0, "", "", A),)
    assert reader.read([fragment("", index=0)]) == ()


def test_google_s_signature_is_kept() -> None:
    item = fragment(A, index=0, call_id="a", name="f")
    item["extra_content"] = {"google": {"thought_signature": "sig"}}

    assert ToolCalls(lambda: "").read([item]) == (ToolCallDelta(0, "a", "f", A, "sig"),)


def test_long_arguments_take_time_in_proportion() -> None:
    from time import thread_time

    def seconds(pieces: int) -> float:
        reader = ToolCalls(lambda: "made")
        reader.read([fragment('{"text":"', index=0, name="write")])
        began = thread_time()
        for _ in range(pieces):
            reader.read([fragment("some } text ", index=0, name="write")])
        return thread_time() - began

    few = min(seconds(500) for _ in range(3))
    many = min(seconds(8000) for _ in range(2))

    assert many < 100 * few  # 16 times the work; a quadratic reader takes 256 times as long
