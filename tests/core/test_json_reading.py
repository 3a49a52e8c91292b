"""Reading JSON quickly gives what `json.loads` gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.json_reading import LONG, Written, read_body, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)
AROUND = st.sampled_from(["", " ", "\n", "x", "}", "\ufeff"])


@given(VALUES, AROUND, AROUND, st.integers(0, 40))
def test_it_reads_and_refuses_what_the_standard_library_does(
    value: object, before: str, behind: str, cut: int
) -> None:
    text = before + json.dumps(value) + behind
    for each in (text, text[:cut]):
        assert outcome(read_json, each) == outcome(json.loads, each)


def outcome(read: Callable[[str], object], text: str) -> object:
    try:
        return read(text)
    except ValueError as error:
        return str(error)


LISTS = st.lists(VALUES, max_size=3)
MEMBERS = st.dictionaries(st.text(max_size=5), VALUES | LISTS, max_size=4)
STYLES = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(MEMBERS, STYLES, AROUND, AROUND, st.integers(0, LONG + 60))
def test_a_long_object_is_read_or_refused_as_the_standard_library_does(
    members: dict[str, object], style: dict[str, Any], before: str, behind: str, cut: int
) -> None:
    long = {"padding": "x" * LONG, **members}
    text = before + json.dumps(long, **style) + behind
    for each in (text, text[:cut]):
        assert outcome(read_body, each) == outcome(json.loads, each)


@given(LISTS, STYLES)
def test_a_list_knows_how_it_was_written(items: list[object], style: dict[str, Any]) -> None:
    written = json.dumps(items, **style)
    body = read_body(f'{{"padding":"{"x" * LONG}" , "messages" :\n{written} }}')
    assert isinstance(body["messages"], Written)
    assert body["messages"].text == written
    assert body["messages"] == items


def test_what_stands_twice_counts_as_it_does_for_the_standard_library() -> None:
    text = f'{{"a":[1],"padding":"{"x" * LONG}","a":[2]}}'
    assert read_body(text)["a"].text == "[2]"


def test_a_short_body_is_read_plainly() -> None:
    assert type(read_body('{"messages":[1]}')["messages"]) is list
