"""What OpenRouter says of a key's free requests today: `GET /key`, when a server starts, when keys are
checked and after a refusal.

`data.free_model_daily_requests` {used, limit, remaining} is its only exact meter of a day; it is often
missing, and then `is_free_tier` tells 50 a day from 1,000
(https://openrouter.ai/docs/api-reference/limits).
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import FreellmError, TransportFault
from freellm_cli.core.http import Timeouts
from freellm_cli.core.limits import REQUESTS, Limit, Window
from freellm_cli.services.pool import Pool, meter_owner
from freellm_cli.transport.base import Cancel

if TYPE_CHECKING:
    from freellm_cli.core.credentials import Credential
    from freellm_cli.core.http import HttpRequest
    from freellm_cli.services.runtime import Runtime

PROVIDER = "openrouter"
AGAIN_S = 600.0
_TIMEOUTS = Timeouts(connect=5, first_token=5, idle=5, total=10)
_FREE_DAY, _PAID_DAY = 50, 1000
_DAY = Window("day", zone="UTC")


def read_all(runtime: Runtime, cancel: Cancel | None = None) -> None:
    """For every usable key; one that cannot be asked is passed over. `cancel` ends it early."""
    for credential in Pool(runtime).credentials():
        if cancel is not None and cancel.cancelled:
            return
        if credential.provider == PROVIDER and credential.enabled:
            read(runtime, credential, cancel)


def read(runtime: Runtime, credential: Credential, cancel: Cancel | None = None) -> bool:
    """Asks for one key, unless that was done in the last ten minutes, and tells the ledger."""
    provider = runtime.catalog.provider(PROVIDER)
    evidence = _evidence(credential)
    now = runtime.clock.now()
    asked = [each.at for each in runtime.ledger.learned() if each.evidence == evidence]
    if credential.secret is None or (asked and abs(now - max(asked)) < AGAIN_S):
        return False
    request = runtime.dialect(provider).check_key(
        provider, provider.base_url.rstrip("/"), credential.secret
    )
    return request is not None and learn_from(runtime, credential, _ask(runtime, request, cancel))


def learn_from(runtime: Runtime, credential: Credential, body: bytes) -> bool:
    """Tells the ledger what an answer of `GET /key` says. Returns whether it says anything."""
    try:
        found = _limit_and_used(json.loads(body))
    except ValueError:
        return False
    if found is None:
        return False
    amount, used = found
    provider = runtime.catalog.provider(PROVIDER)
    owner = meter_owner(provider, credential.id, credential.account or credential.id)
    limit = Limit(f"{owner}|{_subject(runtime)}", REQUESTS, _DAY, amount, "learned")
    runtime.ledger.learn(limit, evidence=_evidence(credential), used=used)
    return True


class Reading:
    """`read_all` in the background of a server: nobody waits for it, and what goes wrong is the doctor's to
    tell."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._cancel = Cancel()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Neither a thread nor a connection where no key has such a meter."""
        if any(item.provider == PROVIDER and item.enabled for item in self._runtime.credentials()):
            self._thread = threading.Thread(target=self._run, name="openrouter-meter", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Safe to repeat; ends a call that still waits."""
        self._cancel.cancel()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        with suppress(FreellmError):
            read_all(self._runtime, self._cancel)


def read_soon(runtime: Runtime, credential: Credential, asked: dict[str, float]) -> None:
    """`read` in the background: nobody waits for it. `asked`: when it was last tried, by credential."""
    now = runtime.clock.monotonic()
    if now - asked.get(credential.id, -AGAIN_S) < AGAIN_S:
        return
    asked[credential.id] = now
    threading.Thread(target=read, args=(runtime, credential), daemon=True).start()


def _subject(runtime: Runtime) -> str:
    """What the catalog counts together in a day: all free models."""
    for limit in runtime.catalog.provider(PROVIDER).limits:
        if limit.unit == REQUESTS and limit.window.startswith("day"):
            return limit.subject
    return "*"


def _evidence(credential: Credential) -> str:
    return f"GET /key of {credential.id}"


def _ask(runtime: Runtime, request: HttpRequest, cancel: Cancel | None) -> bytes:
    try:
        response = runtime.transport.send(request, _TIMEOUTS, cancel=cancel)
        try:
            body = response.read(65_536)
        finally:
            response.close()
        return body if response.status == 200 else b""
    except TransportFault:
        return b""


def _limit_and_used(tree: Any) -> tuple[int, int | None] | None:
    data = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(data, dict):
        return None
    daily = data.get("free_model_daily_requests")
    if isinstance(daily, dict) and isinstance(daily.get("limit"), int):
        used = daily.get("used")
        if not isinstance(used, int) and isinstance(daily.get("remaining"), int):
            used = daily["limit"] - daily["remaining"]
        return daily["limit"], used if isinstance(used, int) and used >= 0 else None
    if isinstance(data.get("is_free_tier"), bool):
        return (_FREE_DAY if data["is_free_tier"] else _PAID_DAY), None
    return None
