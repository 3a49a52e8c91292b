"""What a person can paste in public when asking for help: no key, no account, no name, no address."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import FreellmError
from freellm_cli.core.redaction import Redactor
from freellm_cli.core.settings_docs import shown_settings
from freellm_cli.services.doctor import Finding

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

REQUESTS = 50
_PRIVATE_SETTINGS = re.compile(
    r"client_id|client_secret|project_id|account_id|headers|token$|userinfo|cors_origins|"
    r"allowed_hosts"
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_ADDRESS_USER = re.compile(r"(?<=://)[^/\s@\"']+@")
_ADDRESS_QUERY = re.compile(r"(https?://[^\s?\"'<>\\]+)\?[^\s\"'<>\\]+")
_IPV4 = re.compile(r"(?<![\d.])(?!127\.)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


def bundle(runtime: Runtime, findings: list[Finding]) -> str:
    """JSON text: versions and findings, settings, credentials by id, the ledger's state, the latest
    requests without their words. Everything passes the redactor, then loses paths of this person,
    accounts, labels, e-mail and IP addresses, and what addresses carry besides host and path."""
    data = {
        "freellm_doctor": 1,
        "findings": [finding._asdict() for finding in findings],
        "settings": _part(lambda: _settings(runtime)),
        "credentials": _part(lambda: _credentials(runtime)),
        "rests": _part(lambda: [rest._asdict() for rest in runtime.ledger.rests()]),
        "learned": _part(lambda: [_learned(item) for item in runtime.ledger.learned()]),
        "requests": _part(lambda: runtime.ledger.requests(REQUESTS)),
        "crash": _crash(runtime),
    }
    text = json.dumps(data, ensure_ascii=False, indent=1, default=str)
    return _cleaned(runtime, text) + "\n"


def _part(read: Any) -> Any:
    try:
        return read()
    except FreellmError as error:
        return {"problem": error.message}


def _settings(runtime: Runtime) -> list[dict[str, Any]]:
    return [
        {
            "key": row.key,
            "value": "(left out)" if _PRIVATE_SETTINGS.search(row.key) else row.value,
            "source": row.source,
        }
        for row in shown_settings(runtime.settings)
        if row.source != "default"
    ]


def _credentials(runtime: Runtime) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id,
            "provider": item.provider,
            "kind": item.kind,
            "source": item.source,
            "enabled": item.enabled,
            "why": item.disabled_reason,
            "has_account": bool(item.account),
        }
        for item in runtime.credentials()
    ]


def _learned(item: Any) -> dict[str, Any]:
    return {"limit": list(item.limit), "evidence": item.evidence, "at": item.at}


def _crash(runtime: Runtime) -> str:
    try:
        with open(f"{runtime.paths.state}/crash.log", encoding="utf-8", errors="replace") as file:
            return file.read()[-20_000:]
    except OSError:
        return ""


def _cleaned(runtime: Runtime, text: str) -> str:
    try:
        redactor = runtime.redactor
    except FreellmError:  # what keeps the keys from being read is a finding of its own
        redactor = Redactor(())
    text = redactor.clean(text)
    text = _ADDRESS_USER.sub("", text)
    text = _ADDRESS_QUERY.sub(r"\1?…", text)
    text = _EMAIL.sub("(e-mail)", text)
    text = _IPV4.sub("(ip)", text)
    for number, name in enumerate(_names(runtime), 1):
        text = _replaced(text, name, f"(name {number})")
    for private, word in _places(runtime):
        text = _replaced(text, private, word)
    return text


def _replaced(text: str, private: str, word: str) -> str:
    """Also as JSON writes it (a Windows path doubles its backslashes)."""
    for form in (private, json.dumps(private, ensure_ascii=False)[1:-1]):
        text = text.replace(form, word)
    return text


def _names(runtime: Runtime) -> list[str]:
    """Accounts and labels, longest first."""
    try:
        found = {name for item in runtime.credentials() for name in (item.account, item.label)}
        found |= {value for item in runtime.credentials() for value in item.extra.values()}
    except FreellmError:
        return []
    return sorted((name for name in found if len(name) > 2), key=len, reverse=True)


def _places(runtime: Runtime) -> list[tuple[str, str]]:
    """Folders and names of this person and machine, longest first."""
    import platform

    env = runtime.env
    paths = runtime.paths
    home = env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")
    user = env.get("USER") or env.get("USERNAME") or env.get("LOGNAME") or ""
    found = [
        (paths.config, "(config)"),
        (paths.state, "(state)"),
        (paths.cache, "(cache)"),
        (home, "~"),
        (platform.node(), "(host)"),
        (user, "(user)"),
    ]
    return sorted(((p, w) for p, w in found if len(p) > 3), key=lambda pair: -len(pair[0]))
