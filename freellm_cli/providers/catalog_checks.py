"""What an entry of the catalog must be. Used when it is compiled, never when it is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from freellm_cli.core.catalog import CAPABILITIES, SCOPES, STATUSES, UNITS, USES
from freellm_cli.core.published import parse_window
from freellm_cli.providers.google_request import THINK_TABLES
from freellm_cli.providers.naming import first_letters
from freellm_cli.providers.quirks import KNOWN as OPENAI_QUIRKS
from freellm_cli.providers.think_styles import STYLES

DIALECTS = ("openai", "google", "code_assist")
AUTHS = ("bearer", "x-goog-api-key", "none", "oauth")
KEY_CHECKS = ("list", "key", "none")
TRAINS = ("yes", "no", "opt-out", "unknown")
USABLE = ("active", "expires")

# What the Google dialect reads (providers/google_request.py) and the pool itself.
GOOGLE_QUIRKS = frozenset(
    "think think_levels think_small system tools json json_with_tools safety safety_settings signatures"
    " nested_media prefill schema drop".split()
)
POOL_QUIRKS = frozenset({"wire_name", "tokens_counted"})
QUIRKS = OPENAI_QUIRKS | GOOGLE_QUIRKS | POOL_QUIRKS
THINK_STYLES = (*sorted(STYLES), *THINK_TABLES)

_LISTS = frozenset(
    "drop keep_only message_drop reasoning_fields schema_strip tool_choice_only".split()
)
_TABLES = frozenset("rename clamp think_levels headers values list_params".split())
_NUMBERS = frozenset("max_tokens_default max_tokens_min n_max stop_max".split())
_SWITCHES = frozenset(
    "stream_options always_stream system_first fold_system flatten_text_parts merge_same_role"
    " tools_strict_drop tools_strict_close response_format_with_tools response_format_stream"
    " parallel_tool_calls attribution tool_call_extra cache_control list_paid".split()
)

_LIMIT = re.compile(
    r"(?P<scope>\w+) (?P<subject>model|\*|group:[\w-]+): "
    r"(?P<amount>\d[\d_]*) (?P<unit>\w+) per (?P<window>\S+)"
)
_DATED = re.compile(r"\d{4}-\d{2}(-\d{2})?\b")


class CatalogError(ValueError):
    """Something in the catalog's sources is wrong. The message names the file and the entry."""


class Entry:
    """One table of a source file, with the words to name it in an error."""

    def __init__(self, where: str, fields: Mapping[str, Any]) -> None:
        self.where = where
        self.fields = dict(fields)

    def refuse(self, why: str) -> CatalogError:
        return CatalogError(f"{self.where}: {why}")

    def only(self, known: Iterable[str]) -> None:
        unknown = sorted(set(self.fields) - set(known))
        if unknown:
            raise self.refuse(f"unknown key {unknown[0]!r}")

    def one_of(self, key: str, values: Iterable[str]) -> None:
        value = self.fields.get(key)
        if value is not None and value not in tuple(values):
            raise self.refuse(f"{key} {value!r} is none of {', '.join(values)}")

    def some_of(self, key: str, values: Iterable[str]) -> None:
        odd = [value for value in self.fields.get(key, ()) if value not in tuple(values)]
        if odd:
            raise self.refuse(f"{key} {odd[0]!r} is none of {', '.join(values)}")

    def text(self, key: str) -> None:
        if not isinstance(self.fields.get(key), str) or not self.fields[key]:
            raise self.refuse(f"needs {key}")

    def pattern(self, key: str) -> None:
        try:
            re.compile(self.fields.get(key, ""))
        except re.error as error:
            raise self.refuse(f"{key} is no regular expression: {error}") from error

    def day(self, key: str) -> None:
        value = self.fields.get(key, "")
        try:
            date.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self.refuse(f"{key} {value!r} is no date like 2026-10-05") from error

    def limits(self) -> list[list[Any]]:
        return [self._limit(text) for text in self.fields.get("limits", ())]

    def _limit(self, text: str) -> list[Any]:
        """["account", "model", "requests", "60s", 5] of "account model: 5 requests per 60s"."""
        match = _LIMIT.fullmatch(text)
        if match is None:
            raise self.refuse(f"limit {text!r} is not like 'account model: 5 requests per 60s'")
        scope, unit, window = match["scope"], match["unit"], match["window"]
        if scope not in SCOPES:
            raise self.refuse(f"limit {text!r}: scope {scope!r} is none of {', '.join(SCOPES)}")
        if unit not in UNITS:
            raise self.refuse(f"limit {text!r}: unit {unit!r} is none of {', '.join(UNITS)}")
        try:
            kind = parse_window(window).kind
        except ValueError as error:
            raise self.refuse(f"limit {text!r}: {error}") from error
        if (kind == "open") != (unit == "concurrent"):
            raise self.refuse(f"limit {text!r}: concurrent goes with the window open, and only so")
        return [scope, match["subject"], unit, window, int(match["amount"].replace("_", ""))]

    def quirks(self, key: str = "quirks") -> None:
        for name, value in self.fields.get(key, {}).items():
            if name in DIALECTS:
                Entry(f"{self.where}: quirks.{name}", {"quirks": value}).quirks()
                continue
            if name not in QUIRKS:
                raise self.refuse(f"unknown quirk {name!r}")
            if type(value) is not _quirk_type(name, value):
                raise self.refuse(f"quirk {name} must not be {value!r}")
            if name == "think" and value not in THINK_STYLES:
                raise self.refuse(f"quirk think {value!r} is none of {', '.join(THINK_STYLES)}")

    def status(self, sources: Mapping[str, str]) -> None:
        """A status, since when, and who says so; an end says when, a closed thing what instead."""
        self.one_of("status", STATUSES)
        self.day("status_date")
        self.text("source")
        source = self.fields["source"]
        if source not in sources and "://" not in source:
            raise self.refuse(f"source {source!r} is not in sources.toml")
        if self.fields.get("status") == "expires":
            self.day("expires")
        elif "expires" in self.fields:
            raise self.refuse("expires goes with the status expires")

    def history(self) -> None:
        for text in self.fields.get("history", ()):
            if not _DATED.match(text):
                raise self.refuse(f"history {text[:40]!r} does not begin with a date")


def _quirk_type(name: str, value: Any) -> type:
    for names, kind in ((_LISTS, list), (_TABLES, dict), (_NUMBERS, int), (_SWITCHES, bool)):
        if name in names:
            return kind
    return type(value)


def check_provider(entry: Entry, sources: Mapping[str, str]) -> None:
    for key in ("id", "title", "dialect", "base_url", "terms"):
        if key != "base_url" or entry.fields.get("id") != "custom":
            entry.text(key)
    entry.one_of("dialect", DIALECTS)
    entry.one_of("auth", AUTHS)
    entry.one_of("key_check", KEY_CHECKS)
    entry.one_of("trains_on_prompts", TRAINS)
    entry.one_of("limit_scope", SCOPES)
    entry.pattern("key_shape")
    entry.status(sources)
    entry.quirks()
    entry.history()
    if entry.fields.get("status") == "closed":
        entry.text("closed_note")


def check_model(entry: Entry, sources: Mapping[str, str]) -> None:
    entry.status(sources)
    entry.some_of("capabilities", CAPABILITIES)
    entry.some_of("uses", USES)
    entry.quirks()
    entry.history()
    status = entry.fields.get("status", "active")
    if status == "closed":
        entry.text("replacement")
    if entry.fields.get("recommended") and status not in USABLE:
        raise entry.refuse(f"cannot be recommended while it is {status}")
    for key in ("context", "max_output"):
        if key in entry.fields and not (
            isinstance(entry.fields[key], int) and entry.fields[key] > 0
        ):
            raise entry.refuse(f"{key} must be a number of tokens")


def check_family(entry: Entry) -> None:
    entry.only(
        ("id", "title", "match", "successors", "context", "max_output", "capabilities", "uses")
    )
    for key in ("id", "title"):
        entry.text(key)
    entry.some_of("capabilities", CAPABILITIES)
    entry.some_of("uses", USES)
    for pattern in entry.fields.get("match", ()):
        Entry(entry.where, {"match": pattern}).pattern("match")
        try:
            first_letters(pattern)
        except ValueError as error:
            raise entry.refuse(str(error)) from error
    if not entry.fields.get("match"):
        raise entry.refuse("needs match")


def check_rule(entry: Entry, known: Iterable[str]) -> None:
    entry.only(("match", *known))
    entry.text("match")
    entry.pattern("match")
    entry.some_of("capabilities", CAPABILITIES)
    entry.quirks()
