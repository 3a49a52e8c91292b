"""Values against JSON schemas: what fits, what does not and where, and what is no schema at all."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.json_schema import MOST_FAULTS, faults_of, schema_problem

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}

FITTING: list[tuple[Any, Any]] = [
    (PERSON, {"name": "Ada", "age": 36}),
    (PERSON, {"name": "Ada", "age": 36.0}),
    (TREE, {"children": [{"children": []}]}),
    ({"type": ["string", "null"]}, None),
    ({"enum": [1, "a", None]}, 1.0),
    ({"const": {"a": [1]}}, {"a": [1.0]}),
    ({"multipleOf": 0.01}, 19.99),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, 3),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "x"),
    ({"not": {"type": "null"}}, 0),
    ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["a", 1, 2]),
    ({"items": [{"type": "string"}], "additionalItems": False}, ["a"]),
    ({"contains": {"const": 1}, "maxContains": 1}, [1, 2]),
    (
        {"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False},
        {"x-a": 1},
    ),
    ({"if": {"type": "integer"}, "then": {"minimum": 5}, "else": {"type": "string"}}, "word"),
    ({"uniqueItems": True}, [1, True, "1", [1], [True]]),
    ({"format": "email"}, "not checked"),
    (True, {"any": "thing"}),
    ({}, None),
]
WRONG: list[tuple[Any, Any, str]] = [
    (PERSON, {"age": 3}, "$ lacks 'name'"),
    (PERSON, {"name": "", "age": 3}, "$.name has 0 characters, fewer than 1"),
    (PERSON, {"name": "Ada", "age": "36"}, "$.age is a string, not integer"),
    (PERSON, {"name": "Ada", "age": True}, "$.age is a boolean, not integer"),
    (PERSON, {"name": "Ada", "size": 1}, "$.size should not be there"),
    (PERSON, ["Ada"], "$ is an array, not object"),
    (TREE, {"children": [{"children": 3}]}, "$.children[0].children is an integer, not array"),
    ({"enum": ["red", "blue"]}, "green", '$ is "green", not one of ["red", "blue"]'),
    ({"const": 1}, True, "$ is true, not 1"),
    ({"minimum": 3}, 2, "$ is 2, below 3"),
    ({"exclusiveMaximum": 3}, 3, "$ is 3, not below 3"),
    ({"multipleOf": 5}, 7, "$ is 7, not a multiple of 5"),
    ({"pattern": "^a"}, "ba", "$ does not match '^a'"),
    ({"maxItems": 1}, [1, 2], "$ has 2 items, more than 1"),
    ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], "$ holds the same item twice"),
    ({"oneOf": [{"type": "integer"}, {"minimum": 0}]}, 3, "fits 2 of the allowed forms"),
    ({"anyOf": [{"type": "null"}]}, 3, "fits none"),
    ({"not": {}}, 3, "must not be"),
    ({"if": {"type": "integer"}, "then": {"minimum": 5}}, 3, "$ is 3, below 5"),
    ({"contains": {"const": 1}}, [2], "too few items"),
    ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"A": 1}, "the name $.A does not match"),
    ({"dependentRequired": {"card": ["address"]}}, {"card": 1}, "$ lacks 'address'"),
    (False, 1, "$ should not be there"),
]
NO_SCHEMAS: list[tuple[Any, str]] = [
    ([], "# is an array"),
    ("string", "# is a string"),
    ({"type": "text"}, "#/type is 'text'"),
    ({"properties": ["name"]}, "#/properties is an array, not an object"),
    ({"properties": {"a": 3}}, "#/properties/a is an integer"),
    ({"required": "name"}, "#/required is a string, not a list of names"),
    ({"minLength": -1}, "#/minLength is an integer, not a whole number from 0 on"),
    ({"pattern": "("}, "pattern that is none"),
    ({"$ref": "#/$defs/gone"}, "leads nowhere"),
    ({"$ref": "https://example.com/schema"}, "leads nowhere"),
    ({"anyOf": []}, "#/anyOf is an array, not a list"),
    ({"items": [{"type": "x"}]}, "#/items/0/type"),
    ({"unevaluatedProperties": False}, "not checked here"),
    ({"multipleOf": 0}, "#/multipleOf"),
]


@pytest.mark.parametrize(("schema", "value"), FITTING)
def test_a_fitting_value_has_no_faults(schema: Any, value: Any) -> None:
    assert schema_problem(schema) == ""
    assert faults_of(value, schema) == []


@pytest.mark.parametrize(("schema", "value", "told"), WRONG)
def test_a_fault_is_told_with_its_place(schema: Any, value: Any, told: str) -> None:
    assert schema_problem(schema) == ""
    assert told in faults_of(value, schema)[0]


@pytest.mark.parametrize(("schema", "told"), NO_SCHEMAS)
def test_what_is_no_schema_is_told_with_its_place(schema: Any, told: str) -> None:
    assert told in schema_problem(schema)


def test_faults_are_few_however_wrong_the_value_is() -> None:
    assert len(faults_of(["x"] * 1000, {"items": {"type": "integer"}})) == MOST_FAULTS


def test_a_schema_that_leads_in_a_circle_ends() -> None:
    circle = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert schema_problem(circle) == ""
    assert "nested too deeply" in faults_of(1, circle)[0]
