"""Finding the project and the tier of a Code Assist login: requests and replies as values.

https://github.com/google-gemini/gemini-cli packages/core/src/code_assist/setup.ts and types.ts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from freellm_cli.core.http import HttpRequest
from freellm_cli.core.secret import Secret
from freellm_cli.providers.code_assist import API_VERSION

FREE_TIER, LEGACY_TIER, STANDARD_TIER = "free-tier", "legacy-tier", "standard-tier"
PAID_TIERS = (
    "standard-tier",
    "g1-pro-tier",
    "g1-ultra-tier",
    "g1-ultra-lite-tier",
    "gcp-standard-tier",
)
_METADATA = {
    "ideType": "IDE_UNSPECIFIED",
    "platform": "PLATFORM_UNSPECIFIED",
    "pluginType": "GEMINI",
}


class Ineligible(NamedTuple):
    """Why an account gets no tier. `url`: a page where its owner can do something about it."""

    reason: str
    message: str
    tier: str = ""
    url: str = ""


class Loaded(NamedTuple):
    """What loadCodeAssist says. `tier`: the one in force, "" before onboarding."""

    tier: str
    tier_name: str
    project: str
    allowed: tuple[tuple[str, bool], ...]
    """(tier id, whether it is the default)"""
    ineligible: tuple[Ineligible, ...]


class Operation(NamedTuple):
    name: str
    done: bool
    project: str
    error: str = ""


class ApiFault(NamedTuple):
    """An error body: `reason` is ErrorInfo's, such as "SERVICE_DISABLED"."""

    status: int
    reason: str
    message: str
    url: str = ""


def load_request(base_url: str, token: Secret, project: str) -> HttpRequest:
    metadata: dict[str, Any] = dict(_METADATA)
    body: dict[str, Any] = {"metadata": metadata}
    if project:
        body = {
            "cloudaicompanionProject": project,
            "metadata": {**metadata, "duetProject": project},
        }
    return _post(base_url, "loadCodeAssist", token, body)


def onboard_request(base_url: str, token: Secret, tier: str, project: str) -> HttpRequest:
    """The free tier makes a project of its own and refuses one that is given (HTTP 412)."""
    body: dict[str, Any] = {"tierId": tier, "metadata": dict(_METADATA)}
    if project and tier != FREE_TIER:
        body["cloudaicompanionProject"] = project
        body["metadata"]["duetProject"] = project
    return _post(base_url, "onboardUser", token, body)


def operation_request(base_url: str, token: Secret, name: str) -> HttpRequest:
    return HttpRequest("GET", f"{base_url}/{API_VERSION}/{name}", {}, _auth(token))


def quota_request(base_url: str, token: Secret, project: str) -> HttpRequest:
    return _post(base_url, "retrieveUserQuota", token, {"project": project} if project else {})


def _post(base_url: str, method: str, token: Secret, body: dict[str, Any]) -> HttpRequest:
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    return HttpRequest("POST", f"{base_url}/{API_VERSION}:{method}", headers, _auth(token), data)


def _auth(token: Secret) -> tuple[tuple[str, str, Secret], ...]:
    return (("Authorization", "Bearer ", token),)


def read_loaded(tree: Mapping[str, Any]) -> Loaded:
    current, paid = _table(tree.get("currentTier")), _table(tree.get("paidTier"))
    in_force = paid if paid.get("id") else current
    tier = str(in_force.get("id") or (STANDARD_TIER if current else ""))
    allowed = tuple(
        (str(item["id"]), bool(item.get("isDefault")))
        for item in _tables(tree.get("allowedTiers"))
        if item.get("id")
    )
    return Loaded(
        tier if current else "",
        str(in_force.get("name") or ""),
        _project(tree.get("cloudaicompanionProject")),
        allowed,
        tuple(_ineligible(item) for item in _tables(tree.get("ineligibleTiers"))),
    )


def _ineligible(item: Mapping[str, Any]) -> Ineligible:
    message = item.get("validationErrorMessage") or item.get("reasonMessage") or ""
    url = str(item.get("validationUrl") or "")
    return Ineligible(
        str(item.get("reasonCode") or "UNKNOWN"),
        " ".join(str(message).split()),
        str(item.get("tierName") or item.get("tierId") or ""),
        url if url.startswith("https://") else "",
    )


def read_operation(tree: Mapping[str, Any]) -> Operation:
    response = _table(tree.get("response"))
    error = _table(tree.get("error"))
    return Operation(
        str(tree.get("name") or ""),
        bool(tree.get("done")),
        _project(response.get("cloudaicompanionProject")),
        " ".join(str(error.get("message") or "").split()),
    )


def read_fault(status: int, body: bytes) -> ApiFault:
    """The error in an answer; the body may be an object, or an array of one."""
    try:
        tree = json.loads(body)
    except ValueError:
        tree = None
    if isinstance(tree, list):
        tree = tree[0] if tree else None
    error = _table(_table(tree).get("error"))
    reason, url = str(error.get("status") or ""), ""
    for detail in _tables(error.get("details")):
        reason = str(detail.get("reason") or reason)
        metadata = _table(detail.get("metadata"))
        links = [str(link.get("url") or "") for link in _tables(detail.get("links"))]
        links += [
            str(metadata.get(name) or "")
            for name in ("validation_url", "validation_link", "appeal_url", "activationUrl")
        ]
        url = url or next((link for link in links if link.startswith("https://")), "")
    message = " ".join(str(error.get("message") or f"HTTP {status}").split())[:400]
    return ApiFault(status, reason, message, url)


class Bucket(NamedTuple):
    """What is left of a model's requests. `left`: a share from 0 to 1, None when it is not said;
    `amount`: requests left, None when it is not said; `resets`: an ISO date or ""."""

    model: str
    left: float | None
    amount: int | None
    resets: str


def read_buckets(tree: Mapping[str, Any]) -> tuple[Bucket, ...]:
    found = []
    for item in _tables(tree.get("buckets")):
        left, amount = item.get("remainingFraction"), str(item.get("remainingAmount") or "")
        if item.get("tokenType", "REQUESTS") != "REQUESTS" or not item.get("modelId"):
            continue
        share = float(left) if isinstance(left, int | float) and 0 <= left <= 1 else None
        count = int(amount) if amount.isdecimal() else None
        found.append(Bucket(str(item["modelId"]), share, count, str(item.get("resetTime") or "")))
    return tuple(found)


def _project(value: object) -> str:
    """An id, or an object that holds one."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
