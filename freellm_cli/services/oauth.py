"""`freellm oauth list`, `refresh`, `logout`, `import` and `export`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import (
    ConfigError,
    CredentialRefused,
    FreellmError,
    UsageError,
)
from freellm_cli.core.login_files import env_lines, read_login
from freellm_cli.core.logins import Login, login_command
from freellm_cli.services.oauth_refresh import call, fresh_login, refresh_now
from freellm_cli.services.results import Cell, Line, Result, Table
from freellm_cli.services.spell import spell_seconds
from freellm_cli.storage.token_files import find_login

if TYPE_CHECKING:
    from freellm_cli.services.code_assist_quota import Quota
    from freellm_cli.services.oauth_login import Talk
    from freellm_cli.services.runtime import Runtime

_EMPTY = "no login is stored; see `freellm oauth login --help`"


def list_logins(runtime: Runtime, *, quota: bool = False) -> Result:
    """Every login: whose, how long its token lasts, its state. `quota`: asks Google what is left, too."""
    from freellm_cli.services.code_assist_setup import mixed_tiers_warning

    logins = runtime.logins.list()
    notices: list[str] = []
    quotas = _quotas(runtime, logins, notices) if quota else {}
    resting = {rest.key: rest.reason for rest in runtime.ledger.rests()}
    rows, data = [], []
    for item in logins:
        state = _state(item, resting.get(f"credential:{item.id}", ""))
        left = item.expires_at - runtime.clock.now()
        data.append(_data(item, state.text, left, quotas.get(item.id, ())))
        token = "expired" if left <= 0 else f"good for {spell_seconds(left)}"
        rows.append(
            (
                Cell(item.id, "strong"),
                item.label,
                item.email,
                item.project_id,
                item.tier,
                token if item.access_token else "none yet",
                item.source,
                state,
            )
        )
    columns = ("id", "label", "account", "project", "tier", "token", "source", "state")
    blocks = [Table(columns, tuple(rows), empty=_EMPTY)]
    blocks += _quota_tables(quotas, runtime.clock.now())
    warning = mixed_tiers_warning({it.id: it.tier for it in logins if it.provider == "gemini_cli"})
    return Result({"logins": data}, tuple(blocks), tuple(filter(None, (*notices, warning))))


def _data(item: Login, state: str, left: float, quotas: tuple[Quota, ...]) -> dict[str, Any]:
    return {
        "id": item.id,
        "provider": item.provider,
        "label": item.label,
        "account": item.email,
        "project_id": item.project_id,
        "tier": item.tier,
        "source": item.source,
        "enabled": item.enabled,
        "state": state,
        "expires_in_s": round(left, 1) if item.expires_at else None,
        "refreshable": item.refresh_token is not None,
        "quota": [
            {
                "model": quota.model,
                "left": quota.left,
                "amount": quota.amount,
                "resets_at": quota.resets_at or None,
            }
            for quota in quotas
        ],
    }


def _state(item: Login, resting: str) -> Cell:
    if item.login_again:
        return Cell(f"login again: {login_command(item.provider)} ({item.login_again})", "bad")
    if not item.enabled:
        return Cell("disabled", "bad")
    if resting:
        return Cell(f"resting: {resting}", "warn")
    if not item.refresh_token:
        return Cell("ready, but cannot be refreshed", "warn")
    if item.failures:
        return Cell(f"ready; the last {item.failures} refreshes failed", "warn")
    return Cell("ready", "good")


def _quotas(
    runtime: Runtime, logins: tuple[Login, ...], notices: list[str]
) -> dict[str, tuple[Quota, ...]]:
    from freellm_cli.services.code_assist_quota import read_quota

    found = {}
    for item in logins:
        if item.provider == "gemini_cli" and not item.login_again:
            try:
                found[item.id] = read_quota(runtime, item)
            except FreellmError as error:
                notices.append(f"{item.id}: the quota could not be read: {error.message}")
    return found


def _quota_tables(quotas: dict[str, tuple[Quota, ...]], now: float) -> list[Table]:
    rows: list[tuple[str | Cell, ...]] = []
    for login_id, items in quotas.items():
        for quota in items:
            left = "not said" if quota.left is None else f"{quota.left:.0%}"
            resets = spell_seconds(quota.resets_at - now) if quota.resets_at > now else ""
            rows.append((login_id, quota.model, left, resets))
    columns = ("login", "model", "left (as Google says)", "resets in")
    return [Table(columns, tuple(rows))] if rows else []


def refresh_logins(runtime: Runtime, names: list[str], *, due_only: bool = False) -> Result:
    """Fresh tokens for the named logins (all when none is named), one after another.

    `due_only`: those alone that are in their window. Exit code 4 when one wants a new login, 6 when one
    could not be refreshed for now.
    """
    logins = runtime.logins.list()
    chosen = [find_login(logins, name) for name in names] or list(logins)
    rows, data, codes = [], [], [0]
    for item in chosen:
        try:
            act = fresh_login if due_only else refresh_now
            fresh = act(runtime, item.id)
            same = fresh.access_token == item.access_token
            cell = Cell("not due" if same else "refreshed", "dim" if same else "good")
            hint = ""
        except FreellmError as error:
            cell, hint = Cell(error.message, "bad"), error.hint
            codes.append(error.exit_code)
        rows.append((Cell(item.id, "strong"), cell, hint))
        data.append({"id": item.id, "outcome": cell.text, "hint": hint})
    runtime.forget_credentials()
    table = Table(("id", "outcome", "next step"), tuple(rows), empty=_EMPTY)
    worst = CredentialRefused.exit_code if CredentialRefused.exit_code in codes else max(codes)
    return Result({"logins": data}, (table,), exit_code=worst)


def logout(runtime: Runtime, names: list[str], *, revoke: bool) -> Result:
    """Removes the files of logins; `revoke`: ends the grant at Google first, for every program that holds
    a copy of it. All names are looked up before the first is removed."""
    logins = runtime.logins.list()
    chosen = [find_login(logins, name) for name in names]
    notices = []
    for item in chosen:
        if item.source == "env":
            raise UsageError(
                f"{item.id} comes from the environment", hint="unset its variables instead"
            )
    for item in chosen:
        if revoke:
            notices.append(_revoke(runtime, item))
        runtime.logins.files.remove(item)
        runtime.ledger.wake(f"credential:{item.id}")
    runtime.forget_credentials()
    ids = [item.id for item in chosen]
    lines = tuple(Line(f"logged out: {name}", "good") for name in ids)
    return Result({"removed": ids}, lines, tuple(filter(None, notices)))


def _revoke(runtime: Runtime, item: Login) -> str:
    """Raises TransportFault: then nothing is removed. Returns a notice or ""."""
    from freellm_cli.providers.google_oauth import revoke_request
    from freellm_cli.services.oauth_clients import endpoints

    if item.provider != "gemini_cli":
        return f"{item.id}: iFlow has no way to end a login; its file is removed"
    token = item.refresh_token or item.access_token
    status, _, _ = call(runtime, revoke_request(endpoints(runtime, item.provider).token, token))
    if status == 200:
        return ""
    return f"{item.id}: Google had ended this login already (HTTP {status}); its file is removed"


def import_logins(
    runtime: Runtime, source: str, *, provider: str, accepted: bool, setup: bool, talk: Talk
) -> Result:
    """Copies logins of other programs: a file, a folder of files, or "gemini-cli" for
    `~/.gemini/oauth_creds.json`. The originals are read and never changed.

    `setup`: asks Google for project and tier where the file names no project.
    """
    from freellm_cli.services.oauth_login import provider_of, warn_and_ask

    wanted = provider_of(provider) if provider else ""
    paths = _sources(runtime, source)
    found = [(path, read_login(_content(path), wanted)) for path in paths]
    for name in dict.fromkeys(item.provider for _, item in found):
        warn_and_ask(runtime, name, talk, accepted=accepted)
    rows, data, notices, code = [], [], [], 0
    for path, item in found:
        try:
            stored, notes = _import_one(runtime, item, setup, talk)
        except FreellmError as error:
            rows.append((path, Cell(error.message, "bad"), error.hint))
            data.append({"file": path, "id": None, "message": error.message})
            code = code or error.exit_code
            continue
        notices += notes
        rows.append((path, Cell(f"stored as {stored.id}", "good"), ""))
        data.append({"file": path, "id": stored.id, "message": ""})
    table = Table(("file", "outcome", "next step"), tuple(rows))
    return Result({"logins": data}, (table,), tuple(notices), exit_code=code)


def _sources(runtime: Runtime, source: str) -> list[str]:
    if source.replace("_", "-").lower() == "gemini-cli":
        home = runtime.env.get("HOME") or runtime.env.get("USERPROFILE") or ""
        source = os.path.join(home, ".gemini", "oauth_creds.json")
        if not os.path.exists(source):
            raise ConfigError(
                f"there is no {source}",
                hint="newer Gemini CLIs may keep their tokens in the system's keyring; log in here "
                f"instead: `{login_command('gemini_cli')}`",
            )
    if not os.path.isdir(source):
        return [source]
    names = sorted(name for name in os.listdir(source) if name.endswith(".json"))
    if not names:
        raise UsageError(f"{source} holds no .json file")
    return [os.path.join(source, name) for name in names]


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1_048_576)
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def _import_one(runtime: Runtime, item: Login, setup: bool, talk: Talk) -> tuple[Login, list[str]]:
    from freellm_cli.services.oauth_clients import find_client
    from freellm_cli.services.oauth_identity import identify, store, today

    runtime.keep_secret(*item.secrets())
    notes = []
    item = item._replace(added=today(runtime))
    if not item.client_id:
        try:
            client = find_client(runtime, item.provider)
            item = item._replace(client_id=client.client_id, client_secret=client.client_secret)
        except ConfigError as error:
            notes.append(f"it cannot be refreshed yet: {error.message}; {error.hint}")
    stored = store(runtime, item)
    if not setup:
        return stored, notes
    stored = fresh_login(runtime, stored.id)
    incomplete = not stored.project_id if item.provider == "gemini_cli" else not stored.api_key
    if incomplete or not stored.email:
        known = identify(runtime, stored, talk)
        with runtime.logins.lock(stored, 100.0):
            # Somebody may have refreshed it meanwhile: only what was learned is changed.
            latest = runtime.logins.get(stored.id) or stored
            learned = {
                name: getattr(known, name) for name in ("email", "project_id", "tier", "api_key")
            }
            known = latest._replace(**learned)
            runtime.logins.put(known)
        runtime.forget_credentials()
        return known, notes
    return stored, notes


def export_logins(runtime: Runtime, names: list[str], *, reveal: bool) -> Result:
    """The logins as variables for a machine that keeps no files; masked unless `reveal`."""
    logins = runtime.logins.list()
    chosen = [find_login(logins, name) for name in names] or list(logins)
    lines = env_lines(chosen, reveal=reveal)
    notices = () if reveal else ("masked: add --reveal to print the tokens themselves",)
    variables = dict(line.split("=", 1) for line in lines)
    return Result({"env": variables}, tuple(Line(line) for line in lines), notices)
