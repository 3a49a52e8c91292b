"""What OpenRouter says of a key's free requests today: `GET /key`, at start and after a refusal.

`data.free_model_daily_requests` {used, limit, remaining} is its only exact meter of a day; it is often
missing, and then `is_free_tier` tells 50 a day from 1,000
(https://openrouter.ai/docs/api-reference/limits).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import Timeouts
from freellm_cli.core.limits import REQUESTS, Limit, Window
from freellm_cli.services.pool import Pool, meter_owner

if TYPE_CHECKING:
    from freellm_cli.core.credentials import Credential
    from freellm_cli.core.http import HttpRequest
    from freellm_cli.services.runtime import Runtime

PROVIDER = "openrouter"
AGAIN_S = 600.0
_TIMEOUTS = Timeouts(connect=5, first_token=5, idle=5, total=10)
_FREE_DAY, _PAID_DAY = 50, 1000
_DAY = Window("day", zone="UTC")


def read_all(runtime: Runtime) -> None:
    """For every usable key; one that cannot be asked is passed over."""
    for credential in Pool(runtime).credentials():
        if credential.provider == PROVIDER and credential.enabled:
            read(runtime, credential)


def read(runtime: Runtime, credential: Credential) -> bool:
    """Asks for one key, unless that was done in the last ten minutes, and tells the ledger."""
    provider = runtime.catalog.provider(PROVIDER)
    owner = meter_owner(provider, credential.id, credential.account or credential.id)
    evidence = f"GET /key of {credential.id}"
    now = runtime.clock.now()
    asked = [each.at for each in runtime.ledger.learned() if each.evidence == evidence]
    if credential.secret is None or (asked and abs(now - max(asked)) < AGAIN_S):
        return False
    request = runtime.dialect(provider).check_key(
        provider, provider.base_url.rstrip("/"), credential.secret
    )
    found = None if request is None else _limit_and_used(_ask(runtime, request))
    if found is None:
        return False
    amount, used = found
    limit = Limit(f"{owner}|{_subject(runtime)}", REQUESTS, _DAY, amount, "learned")
    runtime.ledger.learn(limit, evidence=evidence, used=used)
    return True


def read_soon(runtime: Runtime, credential: Credential, asked: dict[str, float]) -> None:
    """`read` in the background: nobody waits for it. `asked`: when it was last tried, by credential."""
    import threading

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


def _ask(runtime: Runtime, request: HttpRequest) -> Any:
    try:
        response = runtime.transport.send(request, _TIMEOUTS)
        try:
            body = response.read(65_536)
        finally:
            response.close()
        return json.loads(body) if response.status == 200 else None
    except (TransportFault, ValueError):
        return None


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
