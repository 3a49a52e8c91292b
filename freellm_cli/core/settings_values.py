"""From a TOML value, or the text of an environment variable, to a setting's typed value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freellm_cli.core.secret import Secret
from freellm_cli.core.settings_schema import Option

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class BadValue(ValueError):
    """A value that a setting does not take.

    `allowed`: what it takes, to be read after "must be"; `problem`: said instead, where that is not
    the point. `inside` leads to the part at fault: the index of a row, the name of a field.
    """

    def __init__(
        self,
        allowed: str,
        inside: tuple[str | int, ...] = (),
        value: Any = None,
        *,
        problem: str = "",
    ) -> None:
        super().__init__(problem or allowed)
        self.inside = inside
        self.problem = problem or f"must be {allowed}, not {shown(value)}"


def shown(value: Any) -> str:
    """A value as a person wrote it, cut when it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def check(option: Option, value: Any) -> Any:
    """The typed value; raises BadValue."""
    return CHECKS[option.kind](value, option)


def parse(option: Option, text: str) -> Any:
    """The value that this text means for the setting, still to be checked: `"8000"` for a port is
    8000.

    Lists are written with commas or as a TOML array; tables as TOML inline tables. Raises BadValue.
    """
    stripped = text.strip()
    kind = option.kind
    if kind == "bool":
        return _parse_bool(stripped, option)
    if kind in ("int", "seconds", "seconds_or_off", "share"):
        return _parse_number(stripped)
    if kind in ("texts", "text_or_texts", "models") and not stripped.startswith("["):
        return [part.strip() for part in stripped.split(",") if part.strip()]
    if kind in ("text", "secret", "choice"):
        return stripped
    return _parse_toml(stripped, option)


def allowed_in_words(option: Option) -> str:
    """What the setting takes, to be read after "must be"."""
    words = _WORDS[option.kind]
    if option.kind == "choice":
        return "one of " + ", ".join(_shown(word) for word in option.allowed)
    if option.allowed:
        low, high = option.allowed
        return words.format(low=number_text(low), high=number_text(high))
    return words


def number_text(number: float) -> str:
    """A number as a person writes it in TOML."""
    return f"{number:_}" if number >= 100_000 and number == int(number) else f"{number:g}"


def _shown(word: str) -> str:
    return word or '""'


def _parse_bool(text: str, option: Option) -> bool:
    lowered = text.lower()
    if lowered in _YES or lowered in _NO:
        return lowered in _YES
    raise BadValue(allowed_in_words(option), value=text)


def _parse_number(text: str) -> Any:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _parse_toml(text: str, option: Option) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise BadValue(allowed_in_words(option), value=text) from None


def _text(value: Any, option: Option) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise BadValue(allowed_in_words(option), value=value)
    return value


def _texts(value: Any, option: Option) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadValue(allowed_in_words(option), value=value)
    for position, item in enumerate(value):
        if not isinstance(item, str) or not item:
            raise BadValue("a text", (position,), item)
    return tuple(value)


def _text_or_texts(value: Any, option: Option) -> tuple[str, ...]:
    if isinstance(value, str) and value:
        return (value,)
    return _texts(value, option)


def _secret(value: Any, option: Option) -> Secret | None:
    if not isinstance(value, str):
        raise BadValue(allowed_in_words(option), value=type(value).__name__)
    return Secret(value) if value else None


def _bool(value: Any, option: Option) -> bool:
    if not isinstance(value, bool):
        raise BadValue(allowed_in_words(option), value=value)
    return value


def _int(value: Any, option: Option) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadValue(allowed_in_words(option), value=value)
    _in_range(value, option)
    return value


def _seconds(value: Any, option: Option) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadValue(allowed_in_words(option), value=value)
    _in_range(value, option)
    return float(value)


def _seconds_or_off(value: Any, option: Option) -> float | None:
    if value is False or value == 0 or value == "off":
        return None
    return _seconds(value, option)


def _share(value: Any, option: Option) -> float:
    if isinstance(value, str) and value.endswith("%"):
        value = _parse_number(value[:-1].strip())
        if isinstance(value, int | float):
            value = value / 100
    return _seconds(value, option)


def _in_range(value: float, option: Option) -> None:
    low, high = option.allowed
    if not low <= value <= high:  # false for "not a number" too
        raise BadValue(allowed_in_words(option), value=value)


def _choice(value: Any, option: Option) -> str:
    if isinstance(value, bool):  # `think = false`, `trains_on_prompts = true` mean what they say
        value = next((word for word in (_YES if value else _NO) if word in option.allowed), value)
    if value not in option.allowed:
        raise BadValue(allowed_in_words(option), value=value)
    return str(value)


def _table(value: Any, option: Option) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue(allowed_in_words(option), value=value)
    return value


def _text_table(value: Any, option: Option) -> dict[str, str]:
    for name, item in _table(value, option).items():
        if not isinstance(item, str) or not item.isprintable():
            raise BadValue("a text", (name,), item)
    return dict(value)


def _models(value: Any, option: Option) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list):
        raise BadValue(allowed_in_words(option), value=value)
    rows = []
    for position, item in enumerate(value):
        row = {"name": item} if isinstance(item, str) else item
        if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"]:
            raise BadValue("a model's name, or a table with its name", (position,), item)
        rows.append(dict(row))
    return tuple(rows)


def _limits(value: Any, option: Option) -> tuple[Any, ...]:
    from freellm_cli.core.set_limits import limits_from_rows

    return limits_from_rows(value)


def _routes(value: Any, option: Option) -> tuple[Any, ...]:
    from freellm_cli.core.route_rules import rules_from_rows

    return rules_from_rows(value)


CHECKS: dict[str, Callable[[Any, Option], Any]] = {
    "text": _text,
    "texts": _texts,
    "text_or_texts": _text_or_texts,
    "secret": _secret,
    "bool": _bool,
    "int": _int,
    "seconds": _seconds,
    "seconds_or_off": _seconds_or_off,
    "share": _share,
    "choice": _choice,
    "table": _table,
    "text_table": _text_table,
    "models": _models,
    "limits": _limits,
    "routes": _routes,
}
_WORDS = {
    "text": "a text",
    "texts": "a list of texts",
    "text_or_texts": "a text or a list of texts",
    "secret": "a text",
    "bool": "true or false",
    "int": "a whole number from {low} to {high}",
    "seconds": "a number of seconds from {low} to {high}",
    "seconds_or_off": 'a number of seconds from {low} to {high}, or "off"',
    "share": 'a share such as "20%", or a number from {low} to {high}',
    "choice": "one of its words",
    "table": "a table",
    "text_table": "a table of texts",
    "models": "a list of model names or of tables with a name",
    "limits": "a list of tables ([[providers.NAME.limits]])",
    "routes": "a list of tables ([[routes]])",
}
