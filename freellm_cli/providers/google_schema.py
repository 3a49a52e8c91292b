"""JSON schemas in the form that Google's API takes.

Two forms: `json_schema` for `parametersJsonSchema` and `responseJsonSchema`, which take most of JSON
Schema, and `openapi_schema` for the older `parameters` and `responseSchema`, which answer 400 "Unknown
name … Cannot find field" to every keyword outside a small set
(https://ai.google.dev/api/caching#Schema). Both come out free of references, of `const` and of type
lists, since none of these is understood everywhere. A schema is advice to the model: where a keyword
cannot be kept, the widest reading of the rest is.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 24
MAX_NODES = 3000
MAX_SELF_REFERENCES = 2

TYPES = frozenset(("string", "number", "integer", "boolean", "array", "object", "null"))
_PLAIN = frozenset(
    "title description format nullable default minItems maxItems minimum maximum minLength "
    "maxLength minProperties maxProperties pattern".split()
)
_JSON_ONLY = frozenset("exclusiveMinimum exclusiveMaximum multipleOf uniqueItems".split())
_TEXT_FORMATS = frozenset(("enum", "date-time"))

Schema = dict[str, Any]


def json_schema(schema: object) -> Schema:
    """`schema` for `responseJsonSchema`. Never raises; what is no schema becomes {} (anything)."""
    return _Cleaner(schema, openapi=False).clean()


def openapi_schema(schema: object) -> Schema:
    """`schema` in the OpenAPI subset of `responseSchema`."""
    return _Cleaner(schema, openapi=True).clean()


def parameters_schema(schema: object, *, openapi: bool = False) -> Schema:
    """The schema of a function's arguments: always an object, branches at its top folded into one."""
    cleaned = openapi_schema(schema) if openapi else json_schema(schema)
    branches = cleaned.pop("anyOf", None)
    if branches:
        cleaned = _fold_objects(branches)
    if cleaned.get("type") != "object":
        cleaned = {"type": "object"}
    cleaned.pop("nullable", None)
    cleaned.setdefault("properties", {})
    return cleaned


def _fold_objects(branches: list[Schema]) -> Schema:
    objects = [branch for branch in branches if branch.get("type") == "object"]
    folded: Schema = {"type": "object", "properties": {}}
    for branch in objects:
        for name, value in branch.get("properties", {}).items():
            folded["properties"].setdefault(name, value)
    shared = [set(branch.get("required", ())) for branch in objects]
    required = sorted(set.intersection(*shared)) if shared else []
    if required:
        folded["required"] = required
    return folded


class _Cleaner:
    def __init__(self, root: object, *, openapi: bool) -> None:
        self._root = root
        self._openapi = openapi
        self._nodes_left = MAX_NODES

    def clean(self) -> Schema:
        return self._finish(self._node(self._root, 0, ()))

    def _node(self, schema: object, depth: int, path: tuple[str, ...]) -> Schema:
        if not isinstance(schema, dict):
            return {}
        self._nodes_left -= 1
        if depth > MAX_DEPTH or self._nodes_left < 0:
            return self._stub(schema)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._referenced(schema, reference, depth, path)
        node = self._own(schema, depth, path)
        for branch in _dicts(schema.get("allOf")):
            _merge(node, self._node(branch, depth + 1, path))
        nullable = bool(node.pop("nullable", False))
        branches = [
            self._node(branch, depth + 1, path)
            for branch in _dicts(schema.get("anyOf") or schema.get("oneOf"))
        ]
        several = [name for name in _type_names(schema) if name != "null"]
        if not branches and len(several) > 1:
            branches = [{"type": name} for name in several]
        return self._with_branches(node, branches, nullable)

    def _referenced(
        self, schema: Schema, reference: str, depth: int, path: tuple[str, ...]
    ) -> Schema:
        found = _resolve(self._root, reference)
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        if not isinstance(found, dict) or path.count(reference) >= MAX_SELF_REFERENCES:
            return self._stub({**found, **siblings} if isinstance(found, dict) else siblings)
        return self._node({**found, **siblings}, depth + 1, (*path, reference))

    def _own(self, schema: Schema, depth: int, path: tuple[str, ...]) -> Schema:
        """The keywords of this node alone, its children cleaned."""
        node: Schema = {}
        names = _type_names(schema)
        if len(names) == 1:
            node["type"] = names[0]
        elif "null" in names:
            node["nullable"] = True
            if len(names) == 2:
                node["type"] = next(name for name in names if name != "null")
        keep = _PLAIN if self._openapi else _PLAIN | _JSON_ONLY
        node.update(
            {key: value for key, value in schema.items() if key in keep and value is not None}
        )
        self._copy_values(schema, node)
        self._copy_children(schema, node, depth, path)
        return node

    def _copy_values(self, schema: Schema, node: Schema) -> None:
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if not isinstance(values, list) or not values:
            return
        if None in values:
            node["nullable"] = True
        kept = [v for v in values if isinstance(v, str | int | float) and not isinstance(v, bool)]
        kind = _type_of([value for value in values if value is not None])
        if kind:
            node.setdefault("type", kind)
        kept = [value for value in kept if value != ""]
        texts_only = self._openapi and not all(isinstance(value, str) for value in kept)
        if kept and not texts_only:
            node["enum"] = kept

    def _copy_children(
        self, schema: Schema, node: Schema, depth: int, path: tuple[str, ...]
    ) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            node["properties"] = {
                str(name): self._node(value, depth + 1, path) for name, value in properties.items()
            }
        required = schema.get("required")
        if isinstance(required, list):
            node["required"] = [name for name in required if isinstance(name, str)]
        items = schema.get("items")
        if isinstance(items, dict):
            node["items"] = self._node(items, depth + 1, path)
        if self._openapi:
            return
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list):
            node["prefixItems"] = [self._node(item, depth + 1, path) for item in prefix]
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            node["additionalProperties"] = self._node(more, depth + 1, path)

    @staticmethod
    def _with_branches(node: Schema, branches: list[Schema], nullable: bool) -> Schema:
        """`anyOf` must stand alone: what stands beside it moves into each branch."""
        flat: list[Schema] = []
        for branch in branches:
            flat.extend(branch.get("anyOf") or [branch])
        inherited = node.pop("anyOf", None)
        flat = flat or inherited or [{}]
        kinds = [kind for kind in flat if kind.get("type") != "null"] or flat
        nullable = nullable or len(kinds) < len(flat)
        whole: list[Schema] = []
        for kind in kinds:
            one = dict(kind)
            _merge(one, node)
            if nullable:
                one["nullable"] = True
            if one not in whole:
                whole.append(one)
        return whole[0] if len(whole) == 1 else {"anyOf": whole}

    def _finish(self, node: Schema) -> Schema:
        """Makes each node of the tree consistent: a type, no required property that is not there."""
        if "anyOf" in node:
            return {"anyOf": [self._finish(branch) for branch in node["anyOf"]]}
        kind = self._missing_type(node)
        if kind:
            node["type"] = kind
        if "required" in node:
            known = node.get("properties", {})
            node["required"] = [n for n in dict.fromkeys(node["required"]) if n in known]
            if not node["required"]:
                del node["required"]
        for key in ("items", "additionalProperties"):
            if key in node:
                node[key] = self._finish(node[key])
        if "prefixItems" in node:
            node["prefixItems"] = [self._finish(item) for item in node["prefixItems"]]
        if "properties" in node:
            node["properties"] = {k: self._finish(v) for k, v in node["properties"].items()}
        return self._openapi_form(node) if self._openapi else node

    def _missing_type(self, node: Schema) -> str:
        if "type" in node:
            return ""
        if "properties" in node or "required" in node:
            return "object"
        if "items" in node or "prefixItems" in node:
            return "array"
        return "string" if self._openapi else ""

    @staticmethod
    def _openapi_form(node: Schema) -> Schema:
        kind = node["type"]
        if kind == "null":
            node["type"], node["nullable"] = "string", True
        if kind == "array":
            node.setdefault("items", {"type": "string"})
        if kind == "string" and node.get("format") not in _TEXT_FORMATS:
            node.pop("format", None)
        if kind != "string":
            node.pop("enum", None)
        return node

    @staticmethod
    def _stub(schema: Schema) -> Schema:
        """What is left of a schema that goes deeper than can be sent."""
        names = [name for name in _type_names(schema) if name != "null"]
        stub: Schema = {"type": names[0]} if names else {}
        if not names and "properties" in schema:
            stub["type"] = "object"
        if isinstance(schema.get("description"), str):
            stub["description"] = schema["description"]
        return stub


def _type_names(schema: Schema) -> list[str]:
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    known = [name.lower() for name in names if isinstance(name, str) and name.lower() in TYPES]
    return list(dict.fromkeys(known))


def _type_of(values: list[Any]) -> str | None:
    """The one type of all `values`, "null" of none; None when they differ."""
    names: set[str] = set()
    for value in values:
        if isinstance(value, bool):
            names.add("boolean")
        elif isinstance(value, int):
            names.add("integer")
        elif isinstance(value, float):
            names.add("number")
        elif isinstance(value, str):
            names.add("string")
        else:
            names.add("object" if isinstance(value, dict) else "array")
    if names == {"integer", "number"}:
        return "number"
    return names.pop() if len(names) == 1 else ("null" if not values else None)


def _dicts(branches: object) -> list[Schema]:
    return [b for b in branches if isinstance(b, dict)] if isinstance(branches, list) else []


def _merge(node: Schema, other: Schema) -> None:
    """Adds what `other` says; what `node` already says stays."""
    for key, value in other.items():
        if key == "properties":
            node["properties"] = {**value, **node.get("properties", {})}
        elif key == "required":
            node["required"] = list(dict.fromkeys([*node.get("required", ()), *value]))
        else:
            node.setdefault(key, value)


def _resolve(root: object, reference: str) -> object:
    """The value a local JSON pointer (`#/$defs/Name`) names; None when it is not local or not there."""
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return None
    found = root
    for step in reference[2:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found
