"""What stands in credentials.toml: reading it, checking it, giving numbers, writing it.

    version = 1
    [numbers]                 # the last number given to a credential of each provider
    gemini = 3
    [[credentials]]
    id = "gemini-3"
    provider = "gemini"
    secret = "…"              # or secret_in = "keyring": another store has it under the id

Fields that this version does not know are kept. A file that cannot be understood is reported, with the
line and without quoting it, and never written over.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.errors import StoreError
from freellm_cli.storage.files import read_private, write_private

VERSION = 1
_HEAD = (
    "# freellm's credentials. Keep this file to yourself; freellm writes it, so change it with\n"
    "# `freellm keys`. Comments are not kept.\n\n"
)
_TEXTS = ("label", "account", "disabled_reason", "secret", "secret_in", "kind")
Table = dict[str, Any]
Rows = list[Table]


def read_document(path: str) -> Table:
    """The file's tables, empty when there is no file. Raises StoreError."""
    data = read_private(path)
    if not data:
        return {}
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise corrupt(path, f"line {line}: not UTF-8") from None
    except tomllib.TOMLDecodeError as exc:
        # "… (at line 3, column 5)" or "… (at end of document)"; what stands before may quote a key.
        place = str(exc).rpartition("(at ")[2].rstrip(")")
        if not place.startswith("line "):
            lines = data.count(b"\n") + 1
            place = f"line {lines}, its end"
        raise corrupt(path, place) from None


def write_document(path: str, document: Table) -> None:
    """Puts the tables in place of the file. Raises StoreError; the file is then as it was."""
    import tomllib

    import tomli_w

    document = {"version": VERSION, **document}
    document["credentials"] = document.pop("credentials", [])  # the long part last
    text = _HEAD + tomli_w.dumps(document)
    if tomllib.loads(text) != document:
        raise StoreError(f"{path} was not written: a value in it cannot be kept in TOML")
    write_private(path, text.encode())


def rows_of(document: Table, path: str) -> Rows:
    """The entries, each with an id and a provider; the document's own list, to be changed in place.

    Raises StoreError for an entry that makes no sense.
    """
    rows = document.setdefault("credentials", [])
    if not isinstance(rows, list):
        raise corrupt(path, "`credentials` is not a list of tables")
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        problem = _problem(row)
        if not problem and row["id"] in seen:
            problem = f"the id {row['id']} is there twice"
        if problem:
            raise corrupt(path, f"entry {number}: {problem}")
        seen.add(row["id"])
    return rows


def corrupt(path: str, what: str) -> StoreError:
    return StoreError(
        f"{path} cannot be understood ({what}); it was left as it is",
        hint="mend it, or move it away and add the keys again with `freellm keys add`",
    )


def next_id(document: Table, rows: Rows, provider: str) -> str:
    """An id that no credential of this provider has had."""
    number = _last_number(document, rows, provider) + 1
    document.setdefault("numbers", {})[provider] = number
    return f"{provider}-{number}"


def remember_number(document: Table, rows: Rows, provider: str) -> None:
    """Keeps the numbers of the entries from being given again once they are gone."""
    document.setdefault("numbers", {})[provider] = _last_number(document, rows, provider)


def _last_number(document: Table, rows: Rows, provider: str) -> int:
    given = document.get("numbers", {}).get(provider, 0)
    used = [given if isinstance(given, int) else 0]
    for row in rows:
        name, _, digits = row["id"].rpartition("-")
        if name == provider and digits.isdecimal():
            used.append(int(digits))
    return max(used)


def _problem(row: Any) -> str:
    """What keeps an entry from being understood; "" when nothing does."""
    if not isinstance(row, dict):
        return "not a table"
    for name in ("id", "provider"):
        if not isinstance(row.get(name), str) or not row[name]:
            return f"it has no {name}"
    for name in _TEXTS:
        if not isinstance(row.get(name, ""), str):
            return f"its {name} is not a text"
    if not isinstance(row.get("enabled", True), bool):
        return "its enabled is neither true nor false"
    if not isinstance(row.get("extra", {}), dict):
        return "its extra is not a table"
    return ""
