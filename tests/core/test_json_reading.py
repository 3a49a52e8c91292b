"""Reading JSON quickly gives what `json.loads` gives."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.json_reading import read_json

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
