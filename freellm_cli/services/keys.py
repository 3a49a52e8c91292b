"""`freellm keys`: what a person does with API keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from freellm_cli.core.credentials import Credential, find_credential
from freellm_cli.core.errors import CredentialRefused, FreellmError, UsageError
from freellm_cli.core.key_text import clean_key, shape_warning
from freellm_cli.core.secret import Secret
from freellm_cli.services.key_check import KeyCheck, check_credential, check_key
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table
from freellm_cli.services.secret_place import add_to_place

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ProviderSpec
    from freellm_cli.core.key_files import FoundKey
    from freellm_cli.services.pots import Pot
    from freellm_cli.services.runtime import Runtime

_STATE_STYLES = {"good": "good", "bad": "bad", "unknown": "warn"}


def add_keys(
    runtime: Runtime,
    provider_id: str,
    texts: list[str],
    *,
    label: str = "",
    account: str = "",
    extra: dict[str, str] | None = None,
    check: bool = True,
) -> Result:
    """Stores keys as pasted, one text each; a refused one is not stored and makes the exit code 4.

    Raises UnknownName, UsageError (empty, a duplicate, a missing account id), StoreError.
    """
    provider = runtime.catalog.provider(provider_id)
    settings = dict(extra or {})
    _require_settings(provider, settings)
    rows: list[dict[str, object]] = []
    notices: list[str] = []
    if not [text for text in texts if text.strip()]:
        raise UsageError(
            "no key was given",
            hint=f"it may want none: `freellm models {provider.id}` asks it"
            if provider.auth == "none"
            else f"get one at {provider.key_url or provider.title}",
        )
    for text in texts:
        if text.strip():
            clean_key(text)  # all of them, before the first is stored
    for text in texts:
        if text.strip():
            row, notes = _add_one(runtime, provider, text, label, account, settings, check)
            rows.append(row)
            notices += notes
    data = {"provider": provider.id, "added": rows, "trains_on_prompts": provider.trains_on_prompts}
    stored = [row for row in rows if row["id"]]
    return Result(
        data,
        (*_added_lines(rows), *(_about(runtime, provider, stored) if stored else ())),
        tuple(notices),
        exit_code=0 if len(stored) == len(rows) else CredentialRefused.exit_code,
    )


def _require_settings(provider: ProviderSpec, given: dict[str, str]) -> None:
    missing = [name for name in provider.needs if not given.get(name)]
    if missing:
        flags = " ".join(f"--set {name}=…" for name in missing)
        raise UsageError(
            f"a {provider.title} key needs its {', '.join(missing)} too",
            hint=f"add it with {flags}",
        )


def _add_one(
    runtime: Runtime,
    provider: ProviderSpec,
    text: str,
    label: str,
    account: str,
    extra: dict[str, str],
    check: bool,
) -> tuple[dict[str, object], list[str]]:
    cleaned, notes = clean_key(text)
    secret = Secret(cleaned)
    notices = list(notes)
    warning = shape_warning(provider, cleaned)
    if warning:
        notices.append(warning)
    outcome = (
        check_key(runtime, provider, secret, extra) if check else KeyCheck("unknown", "not checked")
    )
    row: dict[str, object] = {
        "id": None,
        "key": secret.masked(),
        "fingerprint": secret.fingerprint(),
        "check": outcome.state,
        "message": outcome.message,
    }
    if outcome.state == "bad":
        return row, notices
    credential, fallback = add_to_place(
        runtime,
        provider.id,
        secret,
        label=label,
        account=account,
        extra=extra,
        unchecked=outcome.state != "good",
    )
    notices += [fallback] if fallback else []
    runtime.forget_credentials()
    row["id"] = credential.id
    return row, notices


def _added_lines(rows: list[dict[str, object]]) -> list[Block]:
    lines: list[Block] = []
    for row in rows:
        if row["id"]:
            lines.append(Line(f"stored {row['id']} ({row['key']}): {row['message']}", "good"))
        else:
            lines.append(Line(f"not stored ({row['key']}): {row['message']}", "bad"))
    return lines


def _about(
    runtime: Runtime, provider: ProviderSpec, stored: list[dict[str, object]]
) -> tuple[Block, ...]:
    """What a new owner of a key must know: limits and what happens with prompts."""
    training = {
        "yes": Cell("the provider may train on your prompts", "warn"),
        "opt-out": Cell("the provider may train on your prompts unless you opt out", "warn"),
        "no": Cell("the provider says it does not train on prompts", "good"),
    }.get(provider.trains_on_prompts, Cell("the provider does not say", "dim"))
    rows: list[tuple[str, str | Cell]] = [
        ("limits count by", _SCOPES.get(provider.limit_scope, provider.limit_scope)),
        ("data use", training),
    ]
    if provider.terms:
        rows.append(("terms", provider.terms))
    its_models = _its_models(runtime, provider, any(row["check"] == "good" for row in stored))
    models = runtime.catalog_with_discovered().models(provider.id)
    chatting = sorted(
        (model for model in models if "chat" in model.capabilities and model.status != "closed"),
        key=lambda model: not model.recommended,
    )
    name = chatting[0].id if chatting else f"{provider.id}/…"
    if provider.status != "closed":
        rows.append(("try it", f'freellm chat -m {name} "hello"'))
    rows.append(("its models", its_models))
    return (Facts(tuple(rows)),)


def _its_models(runtime: Runtime, provider: ProviderSpec, answers: bool) -> str | Cell:
    """Where they are told; of a host of the person's own that `answers` they are read now."""
    from freellm_cli.services.discovery import is_unlisted

    command = f"freellm models {provider.id}"
    if not is_unlisted(runtime, provider.id):
        return command
    if not runtime.settings.discovery.enabled:
        command += " --refresh"
    elif answers:
        return _just_read(runtime, provider, command)
    return f"{command} (asks it which they are)"


def _just_read(runtime: Runtime, provider: ProviderSpec, command: str) -> str | Cell:
    from freellm_cli.services.discovery import read_list

    try:
        return f"{command} ({read_list(runtime, provider)}, just read)"
    except FreellmError as error:
        return Cell(f"{error.message}; {error.hint}" if error.hint else error.message, "warn")


_SCOPES = {
    "credential": "key",
    "account": "account or project: a second key of the same one adds nothing",
    "provider": "provider",
    "address": "your address",
}


def list_keys(runtime: Runtime) -> Result:
    """Every credential, masked, with its state and who shares its pot."""
    credentials = runtime.credentials()
    resting = {rest.key: rest for rest in runtime.ledger.rests()}
    from freellm_cli.services.pots import pots

    pot_of = {member: pot for pot in pots(runtime) for member in pot.credentials}
    answered = {target.partition("/")[0] for target in runtime.ledger.lessons().speeds}
    rows, data = [], []
    for item in credentials:
        rest = resting.get(f"credential:{item.id}")
        doubted = item.unchecked and item.id not in answered
        state = _state(item, rest.reason if rest else "", doubted)
        row, told = _listed(item, state, pot_of.get(item.id))
        rows.append(row)
        data.append(told)
    table = Table(
        ("id", "label", "key", "account", "source", "state"),
        tuple(rows),
        empty="no key stored yet: `freellm setup` leads to a first one",
    )
    return Result({"keys": data}, (table,))


def _listed(
    item: Credential, state: Cell, pot: Pot | None
) -> tuple[tuple[str | Cell, ...], dict[str, Any]]:
    """A credential as a row for people and as data for programs."""
    partners = [name for name in pot.credentials if name != item.id] if pot else []
    account = pot.account if pot else ""
    masked = item.secret.masked() if item.secret else ""
    told = {
        "id": item.id,
        "provider": item.provider,
        "kind": item.kind,
        "label": item.label,
        "account": account,
        "account_known_by": pot.known_by if pot else "",
        "key": masked,
        "fingerprint": item.fingerprint,
        "source": item.source,
        "enabled": item.enabled,
        "state": state.text,
        "shares_limits_with": partners,
    }
    shared = f"{account} (with {', '.join(partners)})" if partners else account
    name = Cell(item.id, "strong")
    return (name, item.label, masked or "no key needed", shared, item.source, state), told


def _state(item: Credential, resting: str, doubted: bool) -> Cell:
    if not item.enabled:
        return Cell(item.disabled_reason or "disabled", "bad")
    if resting:
        return Cell(f"resting: {resting}", "warn")
    return Cell("not checked", "warn") if doubted else Cell("ready", "good")


def check_keys(runtime: Runtime, names: list[str]) -> Result:
    """Checks the named credentials (all when none is named); exit code 4 when one is refused."""
    chosen = [find_credential(runtime.credentials(), name) for name in names] or list(
        runtime.credentials()
    )
    rows, data = [], []
    for item in chosen:
        outcome = check_credential(runtime, item)
        if outcome.state == "good":
            runtime.ledger.wake(f"credential:{item.id}")
            if item.unchecked:
                runtime.vault.update(item.id, unchecked=False)
        data.append({"id": item.id, "check": outcome.state, "message": outcome.message})
        rows.append(
            (
                Cell(item.id, "strong"),
                Cell(outcome.state, _STATE_STYLES[outcome.state]),
                outcome.message,
            )
        )
    bad = any(row["check"] == "bad" for row in data)
    table = Table(("id", "check", "message"), tuple(rows), empty="no key stored yet")
    return Result({"keys": data}, (table,), exit_code=CredentialRefused.exit_code if bad else 0)


def _stored(runtime: Runtime, name: str) -> Credential:
    item = find_credential(runtime.credentials(), name)
    if item.source != "file":
        raise UsageError(
            f"{item.id} is not stored by freellm (source: {item.source})",
            hint=f"unset {item.env_var}" if item.env_var else "change it where it comes from",
        )
    return item


def set_enabled(runtime: Runtime, names: list[str], enabled: bool) -> Result:
    """Switches keys on (which also wakes them) or off."""
    changed = []
    for item in [_stored(runtime, name) for name in names]:
        runtime.vault.update(item.id, enabled=enabled)
        if enabled:
            runtime.ledger.wake(f"credential:{item.id}")
        changed.append(item.id)
    runtime.forget_credentials()
    word = "enabled" if enabled else "disabled"
    return Result({word: changed}, tuple(Line(f"{word} {name}", "good") for name in changed))


def set_label(runtime: Runtime, name: str, label: str | None, account: str | None) -> Result:
    """Gives a key another label, or says which account (project, organisation) it belongs to."""
    item = _stored(runtime, name)
    changes = {k: v for k, v in (("label", label), ("account", account)) if v is not None}
    if not changes:
        raise UsageError("nothing to change", hint="give a new label, or --account")
    runtime.vault.update(item.id, **changes)
    runtime.forget_credentials()
    words = ", ".join(f"{key} {value!r}" for key, value in changes.items())
    return Result({"id": item.id, **changes}, (Line(f"{item.id}: {words}", "good"),))


def stored_ids(runtime: Runtime, names: list[str]) -> list[str]:
    """The ids of stored keys, each once. Raises UnknownName, and UsageError for one that is not freellm's."""
    return list(dict.fromkeys(_stored(runtime, name).id for name in names))


def remove_keys(runtime: Runtime, names: list[str]) -> Result:
    """Forgets keys for good. All names are looked up before the first is removed."""
    items = [_stored(runtime, name) for name in names]
    for item in items:
        runtime.vault.remove(item.id)
    runtime.forget_credentials()
    ids = [item.id for item in items]
    return Result({"removed": ids}, tuple(Line(f"removed {name}", "good") for name in ids))


def import_keys(runtime: Runtime, data: bytes, *, check: bool) -> Result:
    """Keys from a `.env` file, `llm`'s keys.json or our own export. Known ones are skipped, not refused."""
    from freellm_cli.core.key_files import parse_key_file

    found = parse_key_file(data, runtime.catalog.providers())
    if not found.keys:
        raise UsageError(
            "no key of a known provider was found in that file",
            hint=_why_none(found.skipped),
        )
    rows: list[tuple[str | Cell, ...]] = []
    outcomes = []
    notices = [f"skipped {name}" for name in found.skipped]
    for entry in found.keys:
        state, notes = _import_one(runtime, entry, check)
        notices += [f"{entry.name}: {note}" for note in notes]
        outcomes.append({"name": entry.name, "provider": entry.provider, "outcome": state.text})
        rows.append((entry.name, entry.provider, state))
    table = Table(("name", "provider", "outcome"), tuple(rows))
    return Result({"keys": outcomes, "skipped": list(found.skipped)}, (table,), tuple(notices))


def _why_none(skipped: Sequence[str]) -> str:
    if not skipped:
        return "it may hold lines such as GEMINI_API_KEY_1=… or llm's keys.json"
    more = f", and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    reveal = "; `freellm keys export --reveal` writes keys whole" if "masked" in skipped[0] else ""
    return f"skipped {skipped[0]}{more}{reveal}"


def _import_one(runtime: Runtime, entry: FoundKey, check: bool) -> tuple[Cell, tuple[str, ...]]:
    """What became of it, and what there is to know of the key."""
    try:
        result = add_keys(
            runtime,
            entry.provider,
            [entry.text],
            label=entry.label,
            account=entry.account,
            extra=entry.extra,
            check=check,
        )
    except FreellmError as error:
        return Cell(error.message, "warn"), ()
    row = result.data["added"][0]
    if row["id"]:
        return Cell(f"stored as {row['id']}", "good"), result.notices
    return Cell(f"not stored: {row['message']}", "bad"), result.notices


def export_keys(runtime: Runtime, *, reveal: bool) -> Result:
    """The stored keys as a file that `keys import` reads; masked unless `reveal`."""
    from freellm_cli.core.key_files import export_toml

    stored = [item for item in runtime.credentials() if item.source == "file"]
    text = export_toml(stored, reveal=reveal)
    rows = [
        {
            "id": item.id,
            "provider": item.provider,
            "label": item.label,
            "account": item.account,
            "key": item.secret.reveal() if reveal else item.secret.masked(),
        }
        for item in stored
        if item.secret is not None
    ]
    notices = () if reveal else ("masked: add --reveal to print the keys themselves",)
    return Result({"keys": rows}, (Line(text.rstrip()),), notices)
