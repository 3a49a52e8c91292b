"""Dotted keys, and the lines on which keys stand."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.errors import UsageError
from freellm_cli.core.toml_text import join_key, line_of, split_key

DOCUMENT = '''\
# a comment with [brackets] and a = sign
default_model = "smart"   # [not] a table
text = """
[fake]
serve.port = 1
still "text" here \\"""
end"""
raw = \'\'\'
port = 2
\'\'\'
list = [
  "a = b",  # ]
  { inner = 1 },
]

[serve]
port = 8000
"cors origins" = []
models.allow = ["*"]

[[providers.gemini.limits]]
model = "one"
[[providers.gemini.limits]]
model = "two"
requests_per_day = 5
  [ providers . "my.host" ]
base_url = "x"
inline = { a = 1, b = 2 }
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("default_model",), 2),
        (("text",), 3),
        (("raw",), 8),
        (("list",), 11),
        (("serve",), 16),
        (("serve", "port"), 17),
        (("serve", "cors origins"), 18),
        (("serve", "models", "allow"), 19),
        (("serve", "models"), 19),
        (("providers", "gemini", "limits", 0, "model"), 22),
        (("providers", "gemini", "limits", 1, "model"), 24),
        (("providers", "gemini", "limits", 1, "requests_per_day"), 25),
        (("providers", "my.host", "base_url"), 27),
        (("providers", "my.host", "inline", "b"), 28),
        (("fake",), None),
        (("port",), None),
    ],
)
def test_the_line_of_a_key_is_found(path: tuple[str | int, ...], line: int | None) -> None:
    tomllib.loads(DOCUMENT)
    assert line_of(DOCUMENT, path) == line


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("serve.port", ("serve", "port")),
        ("default_model", ("default_model",)),
        ('aliases."gpt-4.1"', ("aliases", "gpt-4.1")),
        ("aliases.'*'", ("aliases", "*")),
        (r'aliases."a\"b"', ("aliases", 'a"b')),
        (" serve . port ", ("serve", "port")),
    ],
)
def test_a_dotted_key_is_split(text: str, parts: tuple[str, ...]) -> None:
    assert split_key(text) == parts


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "aliases.*", '"open'])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no setting's name"):
        split_key(text)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc"))), min_size=1, max_size=4))
def test_a_joined_key_is_toml_and_splits_again(parts: list[str]) -> None:
    joined = join_key(parts)
    assert split_key(joined) == tuple(parts)
    found = tomllib.loads(f"{joined} = 1")
    for part in parts:
        found = found[part]
    assert found == 1


NAMES = st.text("ab", min_size=1, max_size=2)
VALUES = st.sampled_from(["1", '"x = 1"', "[1,\n 2]", '"""\na = 1\n"""', "{ q = 1 }", "'#'", '""'])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6, unique_by=lambda pair: pair[0]))
def test_each_key_of_a_flat_document_is_found_where_it_was_put(
    pairs: list[tuple[str, str]],
) -> None:
    lines: list[str] = []
    where: dict[str, int] = {}
    for name, value in pairs:
        where[name] = len(lines) + 1
        lines += f"{name} = {value} # c".split("\n")
    text = "\n".join(lines)
    assert {name: line_of(text, (name,)) for name in where} == where
