"""Files with keys that people bring along: `.env` files, `llm`'s keys.json, our own export.

`.env`: NAME=value lines as LLM-API-Key-Proxy reads them (Mirrowel/LLM-API-Key-Proxy .env.example):
`GEMINI_API_KEY_1="…"`, the provider being what stands before `_API_KEY`. keys.json: one object of name
and key (simonw/llm docs/setup.md), where "// Note" is a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import UsageError
from freellm_cli.core.key_names import key_variables, match_variable
from freellm_cli.core.key_text import clean_key
from freellm_cli.core.secret import Secret

# Names under which other programs keep the keys of our providers.
NICKNAMES = {
    "google": "gemini",
    "google_ai": "gemini",
    "aistudio": "gemini",
    "nvidia": "nvidia_nim",
    "nim": "nvidia_nim",
    "github": "github_models",
    "hf": "huggingface",
    "hugging_face": "huggingface",
    "open_router": "openrouter",
    "zhipu": "zai",
    "zhipuai": "zai",
    "bigmodel": "zai",
    "glm": "zai",
    "cf": "cloudflare",
    "workers_ai": "cloudflare",
    "samba": "sambanova",
    "mistralai": "mistral",
}
_LINE = re.compile(r"\s*(?:export\s+|set\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*$")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SINGLE = re.compile(r"'([^']*)'")
_PLACEHOLDER = re.compile(
    r"your[_ -]|<.*>|\$\{|change[_ -]?me|replace[_ -]?me|(?:sk-)?x{4,}|\.{3}|…|(?:enter|paste|insert)[_ -]",
    re.IGNORECASE,
)
_KEY_NAME = re.compile(r"(?:^|_)(?:API_?)?(?:KEY|TOKEN|PAT)(?:_\d+)?$", re.IGNORECASE)
_OURS = re.compile(r"^\s*\[\[\s*credentials\s*\]\]", re.MULTILINE)


class FoundKey(NamedTuple):
    """`name`: the variable or entry that held the key; `line`: where, from 1 (0: not by lines)."""

    name: str
    provider: str
    secret: Secret
    label: str = ""
    account: str = ""
    extra: dict[str, str] = {}  # noqa: RUF012 - read-only by contract
    line: int = 0

    @property
    def text(self) -> str:
        """The key itself, to be stored."""
        return self.secret.reveal()


class KeyFile(NamedTuple):
    """`skipped`: the names that were left out, each with the reason: "OPENAI_API_KEY: …"."""

    keys: tuple[FoundKey, ...]
    skipped: tuple[str, ...]


def parse_key_file(data: str | bytes, providers: Iterable[ProviderSpec]) -> KeyFile:
    """The keys in a file's content, whichever of the three formats it has, in its order, none twice.

    Raises UsageError for what is no text or is broken JSON or TOML; the message never quotes the file.
    """
    text = data if isinstance(data, str) else _decode(data)
    text = text.removeprefix("\ufeff")
    reader = _Reader(tuple(providers))
    if text.lstrip().startswith("{"):
        reader.read_json(text)
    elif _OURS.search(text):
        reader.read_export(text)
    else:
        reader.read_env(text)
    return reader.result()


def export_toml(credentials: Sequence[Credential], *, reveal: bool) -> str:
    """Stored credentials as a file that `parse_key_file` reads; without `reveal` the keys are masked and
    such a file only shows what there is."""
    lines = ["# Keys exported by freellm." if reveal else "# Masked: export with --reveal."]
    for item in credentials:
        if item.secret is None:
            continue
        lines += ["", "[[credentials]]", f"provider = {_quoted(item.provider)}"]
        for field, value in (("label", item.label), ("account", item.account)):
            if value:
                lines.append(f"{field} = {_quoted(value)}")
        if reveal:
            lines.append(f"secret = {_quoted(item.secret.reveal())}")
        else:
            lines.append(f"masked = {_quoted(item.secret.masked())}")
        if item.extra:
            pairs = ", ".join(
                f"{name} = {_quoted(item.extra[name])}" for name in sorted(item.extra)
            )
            lines.append(f"extra = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


class _Reader:
    def __init__(self, providers: tuple[ProviderSpec, ...]) -> None:
        self._specs = {spec.id: spec for spec in providers}
        self._variables = key_variables(providers)
        for spec in providers:
            self._variables.setdefault(f"{spec.id.upper()}_API_KEY", (spec.id,))
        for nickname, provider in NICKNAMES.items():
            if provider in self._specs:
                self._variables.setdefault(f"{nickname.upper()}_API_KEY", (provider,))
        self._keys: list[FoundKey] = []
        self._skipped: list[str] = []

    def result(self) -> KeyFile:
        return KeyFile(tuple(self._keys), tuple(self._skipped))

    def read_env(self, text: str) -> None:
        pairs = list(_env_pairs(text))
        values = {name.upper(): value for _, name, value in pairs}
        for line, name, value in pairs:
            match = match_variable(name.upper(), self._variables)
            if match is not None:
                provider = match.providers[0]
                extra = self._needs(provider, match.number, values)
                self._keep(FoundKey(name, provider, Secret(value), extra=extra, line=line))
            elif _KEY_NAME.search(name):
                self._skip(name, self._why_unknown(name, values))

    def read_json(self, text: str) -> None:
        try:
            table = json.loads(text)
        except ValueError as exc:
            place = getattr(exc, "lineno", 0)
            raise UsageError(f"the file is no valid JSON (line {place})") from None
        for name, value in table.items():
            if name.startswith("//"):
                continue
            provider, label = self._named(name)
            if not isinstance(value, str):
                self._skip(name, "its value is no text")
            elif not provider:
                self._skip(name, "no provider is called that")
            else:
                self._keep(FoundKey(name, provider, Secret(value), label=label))

    def read_export(self, text: str) -> None:
        import tomllib

        try:
            rows = tomllib.loads(text)["credentials"]
        except tomllib.TOMLDecodeError as exc:
            raise UsageError(f"the file is no valid TOML: {_place(exc)}") from None
        for number, row in enumerate(rows, 1):
            name = str(row.get("id") or row.get("label") or f"entry {number}")
            provider, secret = row.get("provider"), row.get("secret")
            if provider not in self._specs:
                self._skip(name, f"no provider is called {provider!r}")
            elif not isinstance(secret, str) or not secret:
                self._skip(name, "its key is masked or missing")
            else:
                self._keep(_from_row(name, row, provider, secret))

    def _keep(self, found: FoundKey) -> None:
        if _PLACEHOLDER.match(found.text):
            self._skip(found.name, "a placeholder, not a key")
            return
        try:
            secret = Secret(clean_key(found.text).text)
        except UsageError as exc:
            self._skip(found.name, exc.message)
            return
        twin = next(
            (k for k in self._keys if (k.provider, k.secret) == (found.provider, secret)), None
        )
        if twin is not None:
            self._skip(found.name, f"the same key as {twin.name}")
        else:
            self._keys.append(found._replace(secret=secret))

    def _skip(self, name: str, reason: str) -> None:
        self._skipped.append(f"{name}: {reason}")

    def _named(self, name: str) -> tuple[str, str]:
        """Provider and label of a name such as `gemini`, `nvidia` or `gemini-work`."""
        plain = name.strip().lower().replace("-", "_").replace(" ", "_")
        parts = plain.split("_")
        for length in range(len(parts), 0, -1):
            head = "_".join(parts[:length])
            provider = NICKNAMES.get(head, head)
            if provider in self._specs:
                return provider, name.strip()[len(head) :].strip("-_ ")
        return "", ""

    def _needs(self, provider: str, number: int, values: dict[str, str]) -> dict[str, str]:
        """`CLOUDFLARE_ACCOUNT_ID_2` (or without a number) beside `CLOUDFLARE_API_KEY_2`."""
        found = {}
        for need in self._specs[provider].needs:
            base = f"{provider}_{need}".upper()
            value = values.get(f"{base}_{number}") or values.get(base)
            if value:
                found[need] = value
        return found

    def _why_unknown(self, name: str, values: dict[str, str]) -> str:
        owner = re.sub(r"_API_?KEY(_\d+)?$", "", name.upper())
        if values.get(f"{owner}_API_BASE"):
            setting = f"providers.{owner.lower()}.base_url"
            return f"set {setting} first (`freellm config set {setting} …`), then import again"
        return "no provider of freellm uses this name"


def _env_pairs(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.match(line)
        if match is None:
            continue
        value = _env_value(match[2])
        if value:
            yield number, match[1], value


def _env_value(raw: str) -> str:
    double = _DOUBLE.match(raw)
    if double:
        return re.sub(r"\\(.)", r"\1", double[1])
    single = _SINGLE.match(raw)
    if single:
        return single[1]
    return re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].strip()


def _from_row(name: str, row: dict[str, Any], provider: str, secret: str) -> FoundKey:
    extra = row.get("extra")
    return FoundKey(
        name,
        provider,
        Secret(secret),
        label=str(row.get("label") or ""),
        account=str(row.get("account") or ""),
        extra={k: str(v) for k, v in extra.items()} if isinstance(extra, dict) else {},
    )


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise UsageError("that is not a text file", hint="give a .env file or llm's keys.json")
    return data.decode("utf-8", "replace")


def _place(exc: ValueError) -> str:
    """`tomllib` says "… (at line 3, column 5)"; the words before may quote the file."""
    place = str(exc).rpartition("(at ")[2].rstrip(")")
    return f"see {place}" if place else "it cannot be read"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
