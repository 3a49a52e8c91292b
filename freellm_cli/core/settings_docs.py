"""The settings in words: for `config show` and for docs/configuration.md."""

from __future__ import annotations

from typing import Any, NamedTuple

from freellm_cli.core.secret import Secret
from freellm_cli.core.set_limits import AMOUNTS
from freellm_cli.core.settings import Settings
from freellm_cli.core.settings_load import variable_of
from freellm_cli.core.settings_schema import ROWS, Option, option
from freellm_cli.core.settings_values import allowed_in_words, number_text
from freellm_cli.core.toml_text import join_key


class OptionDoc(NamedTuple):
    """`default` and the parts of `allowed` are written as in TOML; `variable` is "" when it has
    none.
    """

    name: str
    allowed: str
    default: str
    variable: str
    about: str


class ShownSetting(NamedTuple):
    """`source`: "flag", "env", "file" or "default". A secret's value is masked."""

    key: str
    value: Any
    source: str


def describe_settings() -> tuple[OptionDoc, ...]:
    """Every setting, in the order of the documentation."""
    found = []
    for row in ROWS:
        setting = Option(*row)
        found.append(
            OptionDoc(
                name=setting.name.replace("<name>", "NAME"),
                allowed=allowed_in_words(setting),
                default=_default(setting),
                variable=variable_of(setting.name),
                about=setting.about,
            )
        )
    return tuple(found)


def shown_settings(settings: Settings) -> tuple[ShownSetting, ...]:
    """Each setting with its value and source: all the general ones, and what is said of providers
    and aliases."""
    paths = [tuple(row[0].split(".")) for row in ROWS if "<" not in row[0]]
    paths += [path for path in settings.given() if path not in paths]
    rows = []
    for path in paths:
        key = join_key(path)
        found = option(path)
        value = settings.get(path)
        if value is None and found is not None and found.kind == "seconds_or_off":
            value = "off"
        rows.append(ShownSetting(key, plain(value), settings.source(key)))
    return tuple(rows)


def plain(value: Any) -> Any:
    """A typed value as JSON knows it; a secret is masked."""
    if isinstance(value, Secret):
        return value.masked()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def configuration_page() -> str:
    """docs/configuration.md, whole."""
    sections = {"General": "", "Providers": _PROVIDERS, "Server": _SERVER}
    lines = [_HEAD.strip("\n")]
    rows = describe_settings()
    for title, text in sections.items():
        lines += ["", f"## {title}", ""]
        lines += [text.strip("\n"), ""] if text else []
        lines += ["| setting | is | default | does |", "|---|---|---|---|"]
        lines += [_table_row(row) for row in rows if _section_of(row.name) == title]
    lines += ["", "## Limits that you know", "", _LIMITS.strip("\n"), ""]
    lines += [f"- `{name}`" for name in AMOUNTS]
    lines += ["", _REST.strip("\n")]
    return "\n".join(lines) + "\n"


def _section_of(name: str) -> str:
    return {"providers": "Providers", "serve": "Server"}.get(name.partition(".")[0], "General")


def _table_row(row: OptionDoc) -> str:
    cells = (f"`{row.name}`", row.allowed, f"`{row.default}`", row.about)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(setting: Option) -> str:
    value = setting.default
    if value is None:
        return "off" if setting.kind == "seconds_or_off" else "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[]"
    if isinstance(value, dict):
        return "{}"
    return number_text(value)


_HEAD = """
# Configuration

Settings live in `config.toml`; `freellm config path` says where. `freellm config show` lists every
setting with its value and where that is from, `freellm config set serve.port 9000` changes one and
keeps your comments, `freellm config check` reads the file and reports what it does not understand
and which names lead nowhere.

A command-line flag wins over the environment, the environment over the file. The variable of a
setting is its name in capitals with `_` for dots, after `FREELLM_`: `serve.port` is
`FREELLM_SERVE_PORT`, `providers.gemini.base_url` is `FREELLM_PROVIDERS_GEMINI_BASE_URL`. Lists are
written with commas. Aliases have no variable.

```toml
default_model = "smart"

[aliases]
smart = ["gemini/gemini-2.5-flash", "nvidia_nim/moonshotai/kimi-k3"]
"gpt-4o-mini" = "smart"               # what a program asks for
"*" = "smart"                         # every other unknown name

[timeouts]                            # seconds
first_token = 30

[providers.localai]                   # any OpenAI-compatible host
base_url = "http://127.0.0.1:8080/v1"
first_token = 5                       # silent for longer: the next of the alias answers

[providers.gemini]
rotation = "sequential"
models.deny = ["*-preview*"]

[[providers.gemini.limits]]
model = "gemini-2.5-flash"
requests_per_minute = 10
tokens_per_minute = 250_000
requests_per_day = 250

[[routes]]                            # short prompts to a small model
for = "smart"
max_tokens = 500
use = "groq/openai/gpt-oss-20b"

[serve]
port = 8000
think = "off"
```
"""
_PROVIDERS = """
A table of a provider that the catalog knows changes it; any other name makes a provider of your own
and needs a `base_url`. A model's own table, such as `[providers.localai.models."my-model"]`, adds
it to the list.
"""
_SERVER = """
What `freellm serve` does. Loopback needs no token; any other `host` does.
"""
_LIMITS = """
Each `[[providers.NAME.limits]]` row states amounts for the models that its `model` pattern matches,
each model for itself. Without `model` the amounts are for all models together, with `group` for the
matching ones together. `scope` says what they count by (`credential`, `account`, `provider`,
`address`), `account` keeps a row to one account, `zone` gives the time zone of days and months;
left out, the provider's own hold. Of all limits that touch a request the strictest decides.
Amounts:
"""
_REST = """
## Routes

`[[routes]]` rows are tried in order for the name that was asked (`for`: patterns, all when left
out). A row fits when the prompt has between `min_tokens` and `max_tokens` tokens and the request
has every one of its `needs`; then `use` is looked up in place of the name.
"""
