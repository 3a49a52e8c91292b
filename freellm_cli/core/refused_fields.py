"""Which fields of the request a 400 or 422 complains about, so that they can be left out once.

Nested fields come as dotted paths ("messages.0.name"); a name without a dot is a top-level field.
"""

from __future__ import annotations

import re
from typing import Any

from freellm_cli.core.error_body import TEXT_CHARS, ErrorBody

MAX_FIELDS = 20
_NAME = r"[`'\"]?([A-Za-z_][\w.\[\]-]{0,80})[`'\"]?"
_COMPLAINTS = (
    r"unsupported parameter(?:\(s\)|s)?:? " + _NAME,
    r"unsupported value: " + _NAME,
    r"unknown (?:parameter|field|argument):? " + _NAME,
    r"unrecognized (?:request )?(?:parameter|field|argument|key)[^:]{0,40}: " + _NAME,
    r"extra inputs are not permitted, field: " + _NAME,
    r"\b([A-Za-z_][\w.]{0,80}): extra inputs are not permitted",
    (
        r"(?:parameter|field|argument|property) [`'\"]([\w.]+)[`'\"] (?:is|are) "
        r"(?:not supported|unsupported|unknown|not allowed|not permitted|not recognized)"
    ),
    r"[`'\"]([a-z_]+)[`'\"] (?:is|are) (?:not supported|unsupported)(?! model)",
    r"[`'\"]([a-z_]+)[`'\"] is deprecated for this model",
    r"(?:does not|doesn't) support (?:the )?(?:parameters?|fields?|arguments?):? " + _NAME,
)
# Words that the patterns may catch and that are no fields.
_NOT_FIELDS = frozenset(
    "model body the this for in on request requests value values parameter param field a an".split()
)


def refused_fields(body: ErrorBody) -> tuple[str, ...]:
    """Names of the unknown or unsupported request fields, in the order of the complaint."""
    found: list[str] = []
    for node in body.nodes:
        _pydantic(node, found)
    text = " ".join(v for _, v in body.pairs if isinstance(v, str))[:TEXT_CHARS]
    _google(text, found)
    _repr(text, found)
    _satisfied(text, found)
    if not found:
        _prose(text, found)
    if not found:
        _param(body, found)
    return tuple(dict.fromkeys(found))[:MAX_FIELDS]


def _pydantic(node: dict[str, Any], found: list[str]) -> None:
    """Mistral, vLLM: `{"type": "extra_forbidden", "loc": ["body", "top_k"]}`."""
    loc = node.get("loc")
    if node.get("type") == "extra_forbidden" and isinstance(loc, list):
        parts = [str(part) for part in loc if part != "body"]
        if parts:
            found.append(".".join(parts))


def _repr(text: str, found: list[str]) -> None:
    """The same as Python prints it: `{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), …`."""
    for loc in re.findall(r"'extra_forbidden', 'loc': \('body', ([^()]{1,200})\)", text):
        parts = [part.strip(" '") for part in loc.split(",")]
        found += [".".join(part for part in parts if part)]


def _google(text: str, found: list[str]) -> None:
    """`Unknown name "x" at 'generation_config': Cannot find field.`, several joined by newlines."""
    for name, where in re.findall(r"Unknown name \\*\"([^\"\\]+)\\*\"(?: at '([^']*)')?", text):
        where = re.sub(r"\[(\d+)\]", r".\1", where)
        found.append(f"{where}.{name}" if where else name)


def _satisfied(text: str, found: list[str]) -> None:
    """Groq: `'messages.0' : for 'role:user' the following must be satisfied[('messages.0' :
    property 'name' is unsupported)]`; Cerebras names the whole path."""
    for where, name in re.findall(
        r"(?:\('([\w.]+)' : )?property [`'\"]([\w.]+)[`'\"] is unsupported", text
    ):
        name = name.removeprefix("body.")
        found.append(f"{where}.{name}" if where and not name.startswith(where) else name)


def _prose(text: str, found: list[str]) -> None:
    for pattern in _COMPLAINTS:
        for name in re.findall(pattern, text, re.IGNORECASE):
            name = name.strip(".").removeprefix("body.")
            if name.lower() not in _NOT_FIELDS:
                found.append(name)
        if found:
            _listed(text, found)
            return


def _listed(text: str, found: list[str]) -> None:
    """ "Unrecognized request arguments supplied: logprobs, top_k" names several."""
    match = re.search(r"arguments? supplied: ([\w, ]+)", text)
    if match:
        found.extend(name.strip() for name in match[1].split(",") if name.strip())


def _param(body: ErrorBody, found: list[str]) -> None:
    """OpenAI: code `unsupported_parameter` and the name in `param`."""
    if body.codes.isdisjoint(
        (
            "unsupportedparameter",
            "unknownparameter",
            "unsupportedvalue",
            "unrecognizedrequestargument",
        )
    ):
        return
    for node in body.nodes:
        param = node.get("param")
        if isinstance(param, str) and param:
            found.append(param)
