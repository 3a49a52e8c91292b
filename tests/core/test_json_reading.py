"""Reading JSON quickly gives what `json.loads` gives."""

from __future__ import annotations

import json

import pytest
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
        try:
            expected = json.loads(each)
        except ValueError as error:
            with pytest.raises(ValueError) as caught:
                read_json(each)
            assert str(caught.value) == str(error)
        else:
            assert read_json(each) == expected
