"""Tool schemas, cut to what a host accepts."""

from __future__ import annotations

import copy
from typing import Any

from freellm_cli.providers.tool_schemas import MAX_SCHEMAS, SchemaEdit, edited_tools


def without(schema: dict[str, Any], *keywords: str) -> dict[str, Any]:
    before = copy.deepcopy(schema)
    edited = SchemaEdit(frozenset(keywords)).apply(schema)
    assert schema == before
    return edited


def test_keywords_go_at_every_level() -> None:
    inner = {"type": "object", "additionalProperties": False, "properties": {}}
    clean = {"type": "object", "properties": {}}
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {"a": inner, "b": {"type": "array", "items": inner}},
        "anyOf": [inner, {"not": inner}],
        "allOf": [{"if": inner, "then": inner, "else": inner}],
        "prefixItems": [inner],
        "patternProperties": {"^x": inner},
        "$defs": {"d": inner},
        "additionalProperties": inner,
    }

    assert without(schema, "additionalProperties", "$schema") == {
        "type": "object",
        "properties": {"a": clean, "b": {"type": "array", "items": clean}},
        "anyOf": [clean, {"not": clean}],
        "allOf": [{"if": clean, "then": clean, "else": clean}],
        "prefixItems": [clean],
        "patternProperties": {"^x": clean},
        "$defs": {"d": clean},
    }


def test_a_property_of_that_name_stays() -> None:
    schema = {"properties": {"const": {"const": 1}, "title": {"type": "string"}}, "title": "T"}

    assert without(schema, "const", "title") == {
        "properties": {"const": {}, "title": {"type": "string"}}
    }


def test_values_that_look_like_schemas_stay() -> None:
    schema = {"enum": [{"const": 1}], "default": {"const": 2}, "required": ["const"]}

    assert without(schema, "const") == schema


def test_local_references_become_what_they_point_at() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/Point", "description": "where"},
            "b": {"type": "array", "items": {"$ref": "#/definitions/odd~1name"}},
        },
        "$defs": {"Point": {"type": "object", "properties": {"x": {"$ref": "#/$defs/Number"}}},
                  "Number": {"type": "number"}},
        "definitions": {"odd/name": {"type": "string"}},
    }  # fmt: skip

    assert without(schema, "$ref") == {
        "properties": {
            "a": {
                "type": "object",
                "properties": {"x": {"type": "number"}},
                "description": "where",
            },
            "b": {"type": "array", "items": {"type": "string"}},
        }
    }


def test_recursive_and_broken_references_become_any_object() -> None:
    tree = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node"}, "far": {"$ref": "https://x.example/s"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    }

    assert without(tree, "$ref") == {
        "type": "object",
        "properties": {
            "next": {"type": "object", "properties": {"next": {"type": "object"}}},
            "far": {"type": "object"},
        },
    }
    assert without({"properties": {"a": {"$ref": "#"}}}, "$ref") == {
        "properties": {"a": {"properties": {"a": {"type": "object"}}}}
    }


def test_references_that_multiply_are_bounded() -> None:
    defs = {
        f"d{n}": {"properties": {side: {"$ref": f"#/$defs/d{n + 1}"} for side in "ab"}}
        for n in range(40)
    }

    edited = without({"$ref": "#/$defs/d0", "$defs": defs}, "$ref")

    assert len(str(edited)) < 100 * MAX_SCHEMAS


def test_schemas_nested_beyond_reason_are_no_crash() -> None:
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"items": schema}

    assert SchemaEdit(frozenset({"const"})).apply(schema)["items"]["items"]


def tools(strict: bool | None, schema: dict[str, Any]) -> list[Any]:
    return [{"type": "function", "function": {"name": "f", "strict": strict, "parameters": schema}}]


OBJECT = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}


def test_strict_is_dropped_from_tools() -> None:
    (tool,) = edited_tools(
        [{"type": "function", "strict": True, "function": {"name": "f", "strict": True}}],
        strip=frozenset(),
        drop_strict=True,
        close_strict=False,
    )

    assert tool == {"type": "function", "function": {"name": "f"}}


def test_strict_schemas_are_closed_and_others_are_not() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": False}},
        "additionalProperties": False,
    }
    for strict, schema in ((True, closed), (False, OBJECT), (None, OBJECT)):
        (tool,) = edited_tools(
            tools(strict, OBJECT), strip=frozenset(), drop_strict=False, close_strict=True
        )
        assert tool["function"]["parameters"] == schema


def test_tools_of_other_kinds_are_left_alone() -> None:
    search = {"type": "web_search", "max": 3}

    assert edited_tools(
        [search], strip=frozenset({"max"}), drop_strict=True, close_strict=True
    ) == [search]
