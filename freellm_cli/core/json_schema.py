"""Does a value fit a JSON schema?

What https://json-schema.org/draft/2020-12/schema has to constrain values, with `$ref` inside the schema,
and the earlier `definitions` and `items` as a list. `format`, `title` and their like are annotations and
are not checked; `unevaluated…`, `$dynamicRef` and references to other documents are refused by
`schema_problem`, for ignoring them would call wrong values right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

MOST_FAULTS = 5
_DEEPEST = 200

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}
_REFUSED = ("$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems")
_SCHEMA_PLACES = (
    "not",
    "if",
    "then",
    "else",
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
)
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SCHEMA_TABLES = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_COUNTS = (
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "minContains", "maxContains",
)  # fmt: skip
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def schema_problem(schema: Any) -> str:
    """Why this is no schema that can be checked, with the place; "" when it is one."""
    return next(_problems(schema, schema, "#"), "")


def faults_of(value: Any, schema: Any) -> list[str]:
    """What is wrong with the value, at most MOST_FAULTS; empty when it fits. `schema` has no problem."""
    found = []
    for fault in _Check(schema).faults(value, schema, "$", 0):
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    return found


# Is it a schema?


def _problems(schema: Any, root: Any, at: str) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{at} is {_named(schema)}; a schema is an object, true or false"
        return
    yield from _keyword_problems(schema, root, at)
    for name in _SCHEMA_PLACES:
        if name in schema and not (name == "items" and isinstance(schema[name], list)):
            yield from _problems(schema[name], root, f"{at}/{name}")
    for name in (*_SCHEMA_LISTS, "items"):
        if isinstance(schema.get(name), list):
            for place, part in enumerate(schema[name]):
                yield from _problems(part, root, f"{at}/{name}/{place}")
    for name in _SCHEMA_TABLES:
        for key, part in schema.get(name, {}).items():
            yield from _problems(part, root, f"{at}/{name}/{key}")


def _keyword_problems(schema: dict[str, Any], root: Any, at: str) -> Iterator[str]:
    for name in _REFUSED:
        if name in schema:
            yield f"{at} uses {name}, which is not checked here"
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _TYPES:
            yield f"{at}/type is {kind!r}; known are {', '.join(_TYPES)}"
    yield from _shape_problems(schema, at)
    yield from _pattern_problems(schema, at)
    if "$ref" in schema and _resolve(schema["$ref"], root) is None:
        yield f"{at}/$ref leads nowhere within the schema: {schema['$ref']!r}"


def _shape_problems(schema: dict[str, Any], at: str) -> Iterator[str]:
    wanted: list[tuple[tuple[str, ...], str, Callable[[Any], bool]]] = [
        (_SCHEMA_TABLES, "an object", lambda v: isinstance(v, dict)),
        (_SCHEMA_LISTS, "a list of schemas", lambda v: isinstance(v, list) and bool(v)),
        (("enum",), "a list", lambda v: isinstance(v, list)),
        (("required",), "a list of names", _is_name_list),
        (_COUNTS, "a whole number from 0 on", lambda v: _TYPES["integer"](v) and v >= 0),
        (_NUMBERS, "a number", lambda v: _is_number(v)),
        (("multipleOf",), "above 0", lambda v: not _is_number(v) or v > 0),
        (("dependentRequired",), "an object of lists", _is_table_of_names),
    ]
    for names, words, is_right in wanted:
        for name in names:
            if name in schema and not is_right(schema[name]):
                yield f"{at}/{name} is {_named(schema[name])}, not {words}"


def _pattern_problems(schema: dict[str, Any], at: str) -> Iterator[str]:
    tables = schema.get("patternProperties")
    patterns = list(tables) if isinstance(tables, dict) else []
    for pattern in [*patterns, *([schema["pattern"]] if "pattern" in schema else [])]:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            yield f"{at} has a pattern that is none: {pattern!r} ({error})"


def _is_name_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_table_of_names(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_name_list, value.values()))


def _resolve(reference: Any, root: Any) -> Any:
    """What `#/…` points at (https://www.rfc-editor.org/rfc/rfc6901); None when it points at nothing."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    found = root
    for step in reference[2:].split("/") if len(reference) > 1 else ():
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            return None
    return found if isinstance(found, dict | bool) else None


# Does the value fit?


class _Check:
    def __init__(self, root: Any) -> None:
        self._root = root

    def faults(self, value: Any, schema: Any, at: str, depth: int) -> Iterator[str]:
        if depth > _DEEPEST:
            yield f"{at} is nested too deeply"
        elif schema is False:
            yield f"{at} should not be there"
        elif isinstance(schema, dict):
            if "$ref" in schema:
                yield from self.faults(value, _resolve(schema["$ref"], self._root), at, depth + 1)
            yield from _plain_faults(value, schema, at)
            if isinstance(value, dict):
                yield from self._object(value, schema, at, depth)
            elif isinstance(value, list):
                yield from self._array(value, schema, at, depth)
            yield from self._combined(value, schema, at, depth)

    def fits(self, value: Any, schema: Any, at: str, depth: int) -> bool:
        return next(self.faults(value, schema, at, depth + 1), None) is None

    def _object(
        self, value: dict[str, Any], schema: dict[str, Any], at: str, depth: int
    ) -> Iterator[str]:
        yield from (f"{at} lacks {name!r}" for name in _needed(value, schema) if name not in value)
        for name, part in schema.get("dependentSchemas", {}).items():
            if name in value:
                yield from self.faults(value, part, at, depth + 1)
        for name, item in value.items():
            place = f"{at}.{name}"
            for part in _parts_for(name, schema):
                yield from self.faults(item, part, place, depth + 1)
            if "propertyNames" in schema:
                yield from self.faults(
                    name, schema["propertyNames"], f"the name {place}", depth + 1
                )

    def _array(
        self, value: list[Any], schema: dict[str, Any], at: str, depth: int
    ) -> Iterator[str]:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        if isinstance(rest, list):  # before 2020-12 a list stood here
            first, rest = rest, schema.get("additionalItems", True)
        for place, item in enumerate(value):
            part = first[place] if place < len(first) else rest
            yield from self.faults(item, part, f"{at}[{place}]", depth + 1)
        if "contains" in schema:
            found = sum(self.fits(item, schema["contains"], at, depth) for item in value)
            if found < schema.get("minContains", 1):
                yield f"{at} holds too few items of the kind that it must contain"
            if found > schema.get("maxContains", found):
                yield f"{at} holds too many items of the kind that it must contain"

    def _combined(self, value: Any, schema: dict[str, Any], at: str, depth: int) -> Iterator[str]:
        for part in schema.get("allOf", ()):
            yield from self.faults(value, part, at, depth + 1)
        if "anyOf" in schema and not any(self.fits(value, p, at, depth) for p in schema["anyOf"]):
            yield f"{at} fits none of the allowed forms (anyOf)"
        if "oneOf" in schema:
            fitting = sum(self.fits(value, part, at, depth) for part in schema["oneOf"])
            if fitting != 1:
                yield f"{at} fits {fitting or 'none'} of the allowed forms, not one (oneOf)"
        if "not" in schema and self.fits(value, schema["not"], at, depth):
            yield f"{at} is just what it must not be"
        if "if" in schema:
            branch = "then" if self.fits(value, schema["if"], at, depth) else "else"
            yield from self.faults(value, schema.get(branch, True), at, depth + 1)


def _needed(value: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("required", ())
    for name, needed in schema.get("dependentRequired", {}).items():
        if name in value:
            yield from needed


def _parts_for(name: str, schema: dict[str, Any]) -> list[Any]:
    """The schemas that a property of this name must fit."""
    patterns = schema.get("patternProperties", {})
    parts = [part for pattern, part in patterns.items() if re.search(pattern, name)]
    if name in schema.get("properties", {}):
        parts.append(schema["properties"][name])
    if not parts and "additionalProperties" in schema:
        parts.append(schema["additionalProperties"])
    return parts


def _plain_faults(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    kinds = schema.get("type")
    if kinds is not None:
        allowed = kinds if isinstance(kinds, list) else [kinds]
        if not any(_TYPES[kind](value) for kind in allowed):
            yield f"{at} is {_named(value)}, not {' or '.join(allowed)}"
            return
    if "enum" in schema and not any(_equal(value, one) for one in schema["enum"]):
        yield f"{at} is {_short(value)}, not one of {_short(schema['enum'])}"
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{at} is {_short(value)}, not {_short(schema['const'])}"
    yield from _faults_of_kind(value, schema, at)


def _faults_of_kind(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _size_faults(len(value), "Length", "characters", schema, at)
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at} does not match {schema['pattern']!r}"
    elif isinstance(value, list):
        yield from _size_faults(len(value), "Items", "items", schema, at)
        if schema.get("uniqueItems") is True and _has_twins(value):
            yield f"{at} holds the same item twice"
    elif isinstance(value, dict):
        yield from _size_faults(len(value), "Properties", "properties", schema, at)
    elif _is_number(value):
        yield from _number_faults(value, schema, at)


def _size_faults(
    size: int, name: str, words: str, schema: dict[str, Any], at: str
) -> Iterator[str]:
    least, most = schema.get(f"min{name}", 0), schema.get(f"max{name}", size)
    if size < least:
        yield f"{at} has {size} {words}, fewer than {least}"
    if size > most:
        yield f"{at} has {size} {words}, more than {most}"


def _number_faults(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    bounds: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
        ("minimum", "below", lambda bound: value < bound),
        ("maximum", "above", lambda bound: value > bound),
        ("exclusiveMinimum", "not above", lambda bound: value <= bound),
        ("exclusiveMaximum", "not below", lambda bound: value >= bound),
    )
    for name, words, is_wrong in bounds:
        if name in schema and is_wrong(schema[name]):
            yield f"{at} is {value}, {words} {schema[name]}"
    step = schema.get("multipleOf")
    if step is not None:
        share = value / step
        if abs(share - round(share)) > 1e-9 * max(1.0, abs(share)):
            yield f"{at} is {value}, not a multiple of {step}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(one: Any, other: Any) -> bool:
    """As JSON has it: 1 is 1.0, but true is not 1, in lists and objects too."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)


def _has_twins(items: list[Any]) -> bool:
    return any(_equal(item, other) for at, item in enumerate(items) for other in items[:at])


def _named(value: Any) -> str:
    for kind in ("null", "boolean", "integer", "number", "string", "array", "object"):
        if _TYPES[kind](value):
            article = {"null": "", "integer": "an ", "array": "an ", "object": "an "}
            return article.get(kind, "a ") + kind
    return type(value).__name__


def _short(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
