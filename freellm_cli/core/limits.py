"""What a limit is. Windows, meters and the strictest of several."""

from __future__ import annotations

from typing import NamedTuple

REQUESTS, TOKENS, CONCURRENT = "requests", "tokens", "concurrent"


class Window(NamedTuple):
    """`kind`: "sliding" (the last `seconds`), "day" or "month" (calendar, in `zone`),
    "first_use" (`seconds` from the first request), "open" (concurrency: while a lease is open)."""

    kind: str
    seconds: float = 0.0
    zone: str = "UTC"


class Limit(NamedTuple):
    """At most `amount` of `unit` per `window`, counted on `meter`.

    `meter` names what is counted together: "<scope>:<owner>|<subject>", for example
    "credential:gemini-1|gemini-2.5-flash", "account:openrouter/main|*", "provider:groq|*",
    "address:openrouter|*", subject "group:pro" for a quota group.
    `source`: "published", "learned" or "set".
    """

    meter: str
    unit: str
    window: Window
    amount: int
    source: str = "published"
