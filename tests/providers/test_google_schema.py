"""Schemas and names in the form Google takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.providers.google_names import ToolNames, google_name
from freellm_cli.providers.google_schema import (
    MAX_NODES,
    json_schema,
    openapi_schema,
    parameters_schema,
)
from tests.support.google_rules import NAME, problems


@pytest.mark.parametrize(
    ("given_schema", "cleaned"),
    [
        ({"type": "string", "$schema": "http://x", "x-order": 1, "$id": "a"}, {"type": "string"}),
        ({"const": "on"}, {"type": "string", "enum": ["on"]}),
        ({"const": 3}, {"type": "integer", "enum": [3]}),
        ({"const": True}, {"type": "boolean"}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["null"]}, {"type": "null"}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"enum": ["a", "", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
        ({"enum": [1, 2.5]}, {"type": "number", "enum": [1, 2.5]}),
        ({"enum": []}, {}),
        (
            {"type": ["string", "integer"]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d"},
            {"type": "string", "description": "d", "nullable": True},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}], "description": "d"},
            {
                "anyOf": [
                    {"type": "string", "description": "d"},
                    {"type": "integer", "description": "d"},
                ]
            },
        ),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                    {"properties": {"b": {"type": "string"}}, "required": ["b"]},
                ]
            },
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "required": ["a", "b"],
            },
        ),
        ({"type": "object", "required": ["gone"]}, {"type": "object"}),
        ({"properties": {"a": True}}, {"type": "object", "properties": {"a": {}}}),
        (
            {"type": "object", "additionalProperties": {"const": "x"}},
            {"type": "object", "additionalProperties": {"type": "string", "enum": ["x"]}},
        ),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}),
        ({"type": "array", "prefixItems": [{"const": 1}]}, None),
        (None, {}),
        (True, {}),
        ("string", {}),
        ({"type": "made-up"}, {}),
        ({"$ref": "https://elsewhere/schema.json", "description": "d"}, {"description": "d"}),
        ({"$ref": "#/$defs/Gone"}, {}),
    ],
)
def test_json_schema_keeps_the_meaning_in_googles_words(given_schema: Any, cleaned: Any) -> None:
    found = json_schema(given_schema)
    if cleaned is not None:
        assert found == cleaned
    assert json_schema(found) == found  # clean stays clean


def test_local_references_are_inlined_with_what_stands_beside_them() -> None:
    schema = {
        "type": "object",
        "properties": {
            "home": {"$ref": "#/$defs/Town", "description": "where one lives"},
            "work": {"$ref": "#/definitions/a~1b"},
        },
        "$defs": {"Town": {"type": "string", "minLength": 2}},
        "definitions": {"a/b": {"type": "integer"}},
    }
    assert json_schema(schema)["properties"] == {
        "home": {"type": "string", "minLength": 2, "description": "where one lives"},
        "work": {"type": "integer"},
    }


def test_a_schema_that_holds_itself_ends_after_two_rounds() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"kids": {"type": "array"}}}
    node["properties"]["kids"]["items"] = {"$ref": "#/$defs/Node"}
    cleaned = json_schema({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    text = json.dumps(cleaned)
    assert text.count('"kids"') == 2
    assert "$ref" not in text
    assert json_schema({"$ref": "#"}) == {}


def test_references_that_multiply_cannot_make_a_schema_without_end() -> None:
    names = [f"N{number}" for number in range(12)]
    every = {name: {"$ref": f"#/$defs/{name}"} for name in names}
    schema = {
        "$defs": {name: {"type": "object", "properties": every} for name in names},
        "$ref": "#/$defs/N0",
    }
    assert json.dumps(json_schema(schema)).count("type") <= 2 * MAX_NODES


def test_required_in_the_branches_of_any_of_keeps_the_properties_beside_it() -> None:
    schema = {
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    branches = json_schema(schema)["anyOf"]
    assert [branch["required"] for branch in branches] == [["a"], ["b"]]
    assert all(set(branch["properties"]) == {"a", "b"} for branch in branches)


@pytest.mark.parametrize(
    ("given_schema", "cleaned"),
    [
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        ({"enum": [1, 2]}, {"type": "integer"}),
        ({"type": "string", "format": "uri"}, {"type": "string"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer"}),
        ({"type": "null"}, {"type": "string", "nullable": True}),
        ({}, {"type": "string"}),
    ],
)
def test_openapi_schema_leaves_out_what_the_old_field_refuses(
    given_schema: Any, cleaned: Any
) -> None:
    assert openapi_schema(given_schema) == cleaned


def test_parameters_are_always_an_object() -> None:
    assert parameters_schema(None) == {"type": "object", "properties": {}}
    assert parameters_schema({"type": "string"}) == {"type": "object", "properties": {}}
    folded = parameters_schema(
        {
            "anyOf": [
                {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                {
                    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
                    "required": ["a", "b"],
                },
                {"type": "null"},
            ]
        }
    )
    assert folded["required"] == ["a"]
    assert set(folded["properties"]) == {"a", "b"}


_scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
_names = st.sampled_from(["a", "b", "$ref", "type", "zürich"])


def _schemas() -> st.SearchStrategy[Any]:
    keywords = st.sampled_from(
        ["$schema", "title", "format", "pattern", "minimum", "minItems", "default", "x-any", "not"]
    )
    types = st.sampled_from(["string", "integer", "object", "array", "null", "boolean", "odd"])
    leaf = st.fixed_dictionaries(
        {},
        optional={
            "type": types | st.lists(types, max_size=3),
            "enum": st.lists(_scalars, max_size=3),
            "const": _scalars,
            "$ref": st.sampled_from(["#", "#/$defs/D", "#/properties/a", "http://x/y"]),
            "nullable": st.booleans(),
        },
    ) | st.dictionaries(keywords, _scalars, max_size=2)

    def deeper(child: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries(
            {},
            optional={
                "type": types,
                "properties": st.dictionaries(_names, child | st.booleans(), max_size=3),
                "required": st.lists(_names, max_size=3),
                "items": child,
                "prefixItems": st.lists(child, max_size=2),
                "anyOf": st.lists(child, max_size=3),
                "oneOf": st.lists(child, max_size=2),
                "allOf": st.lists(child, max_size=2),
                "additionalProperties": child | st.booleans(),
                "$defs": st.fixed_dictionaries({"D": child}),
                "description": st.text(max_size=3),
            },
        )

    return st.recursive(leaf, deeper, max_leaves=12) | _scalars


@given(_schemas())
def test_no_schema_whatever_comes_out_in_a_form_that_google_refuses(schema: Any) -> None:
    for key, openapi in (("parametersJsonSchema", False), ("parameters", True)):
        declared: dict[str, Any] = {"name": "f"}
        cleaned = parameters_schema(schema, openapi=openapi)
        if cleaned["properties"] or not openapi:
            declared[key] = cleaned
        body = {
            "contents": [{"role": "user", "parts": [{"text": "x"}]}],
            "tools": [{"functionDeclarations": [declared]}],
        }
        assert problems(body) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("weather", "weather"),
        ("get weather", "get_weather"),
        ("mcp__files:read.all-2", "mcp__files:read.all-2"),
        ("2nd", "_2nd"),
        ("", "_"),
        ("погода", "______"),
        ("-dash", "_-dash"),
    ],
)
def test_names_take_googles_form(name: str, safe: str) -> None:
    assert google_name(name) == safe
    assert NAME.match(safe)


def test_long_names_stay_apart() -> None:
    one, other = ("x" * 80 + end for end in "ab")
    assert google_name(one) != google_name(other)
    assert len(google_name(one)) == 64


@given(st.lists(st.text(max_size=80) | st.sampled_from(["a b", "a_b", "a-b"]), max_size=12))
def test_names_come_back_as_they_went(names: list[str]) -> None:
    there = ToolNames(names)
    safe = [there.to_google(name) for name in names if name]
    assert [there.from_google(name) for name in safe] == [name for name in names if name]
    assert all(NAME.match(name) for name in safe)


def test_a_name_that_needs_no_change_keeps_it() -> None:
    names = ToolNames(["a b", "a_b"])
    assert names.to_google("a_b") == "a_b"
    assert names.to_google("a b") == "a_b_2"
