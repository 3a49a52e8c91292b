"""The JSON schemas of tools, cut to what a host accepts."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 40
MAX_SCHEMAS = 5000

# Keywords that hold one schema, a list of schemas, or a table of named schemas
# (https://json-schema.org/draft/2020-12/json-schema-core#section-10).
_ONE = frozenset(
    (
        "items",
        "additionalProperties",
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "additionalItems",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_MANY = frozenset(("anyOf", "oneOf", "allOf", "prefixItems", "items"))
_NAMED = frozenset(("properties", "$defs", "definitions", "patternProperties", "dependentSchemas"))


class SchemaEdit:
    """One way to change schemas; a schema is never changed in place.

    `strip`: keywords to remove at every level (a property of that name stays). "$ref" among them
    replaces local references by what they point at, and recursive ones by any object. `close`:
    write `additionalProperties: false` on every object, as strict tools need
    (https://platform.openai.com/docs/guides/structured-outputs).
    """

    __slots__ = ("_close", "_depth", "_inline", "_left", "_root", "_strip")

    def __init__(self, strip: frozenset[str], *, close: bool = False) -> None:
        self._strip = strip
        self._close = close
        self._inline = "$ref" in strip
        self._root: dict[str, Any] = {}
        self._left = MAX_SCHEMAS
        self._depth = 0

    def apply(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The edited schema. Beyond MAX_DEPTH and MAX_SCHEMAS a schema becomes "any object"."""
        self._root = schema
        self._left, self._depth = MAX_SCHEMAS, 0
        edited = self._schema(schema, ())
        if self._inline:
            edited.pop("$defs", None)
            edited.pop("definitions", None)
        return edited

    def _schema(self, schema: dict[str, Any], refs: tuple[str, ...]) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0 or self._depth > MAX_DEPTH:
            return {"type": "object"}
        self._depth += 1
        try:
            return self._edited(schema, refs)
        finally:
            self._depth -= 1

    def _edited(self, schema: dict[str, Any], refs: tuple[str, ...]) -> dict[str, Any]:
        ref = schema.get("$ref") if self._inline else None
        if isinstance(ref, str):
            target = self._resolve(ref)
            if target is None or ref in refs:
                return {"type": "object"}
            rest = {k: v for k, v in schema.items() if k != "$ref"}
            return self._schema({**target, **rest}, (*refs, ref))
        edited: dict[str, Any] = {}
        for keyword, value in schema.items():
            if keyword not in self._strip:
                edited[keyword] = self._value(keyword, value, refs)
        if self._close and (edited.get("type") == "object" or "properties" in edited):
            edited["additionalProperties"] = False
        return edited

    def _value(self, keyword: str, value: Any, refs: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            if keyword in _ONE:
                return self._schema(value, refs)
            if keyword in _NAMED and not (self._inline and keyword in ("$defs", "definitions")):
                return {
                    name: self._schema(item, refs) if isinstance(item, dict) else item
                    for name, item in value.items()
                }
        elif isinstance(value, list) and keyword in _MANY:
            return [self._schema(x, refs) if isinstance(x, dict) else x for x in value]
        return value

    def _resolve(self, ref: str) -> dict[str, Any] | None:
        if ref == "#":
            return self._root
        if not ref.startswith("#/"):
            return None
        node: Any = self._root
        for step in ref[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else None


def edited_tools(
    tools: list[Any], *, strip: frozenset[str], drop_strict: bool, close_strict: bool
) -> list[Any]:
    """Function tools with their schemas edited; other kinds of tools as they are."""
    edited = []
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict):
            edited.append(tool)
            continue
        function = {k: v for k, v in function.items() if v is not None}
        if drop_strict:
            function.pop("strict", None)
        parameters = function.get("parameters")
        if isinstance(parameters, dict):
            close = close_strict and function.get("strict") is True
            if strip or close:
                function["parameters"] = SchemaEdit(strip, close=close).apply(parameters)
        outer = {k: v for k, v in tool.items() if not (drop_strict and k == "strict")}
        edited.append({**outer, "type": "function", "function": function})
    return edited
