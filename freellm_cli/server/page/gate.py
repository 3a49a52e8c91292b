"""Who may use the page: the page itself, and nothing that another site can make a browser send."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping

from freellm_cli.core.faces.errors import HttpRefusal

PASS_HEADER = "x-freellm-page"
# Everything comes from the server and no text becomes markup or code
# (https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
FIELDS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_OWN_SITES = ("same-origin", "none")


class Gate:
    """`page_pass`: what the page must show with every question but the one for itself; None makes one. It
    is in the page, which no other site can read, and lasts as long as the server."""

    def __init__(self, page_pass: str | None = None) -> None:
        self.page_pass = page_pass or os.urandom(24).hex()

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raises HttpRefusal (403) for any site but the server's own, also for those in
        `serve.cors_origins`: they may ask models, not change keys.

        The Host header has been checked before, so an origin of the same name is the server itself.
        """
        origin = headers.get("origin")
        if origin is None:
            return
        _, mark, authority = origin.lower().partition("://")
        if not mark or authority != headers.get("host", "").strip().lower():
            raise _refusal("only the server's own page may use this address", "foreign_origin")

    def check_pass(self, headers: Mapping[str, str]) -> None:
        """Raises HttpRefusal (403). A foreign page can neither know the pass nor send this header without
        being asked for its origin first."""
        if headers.get("sec-fetch-site", "none").lower() not in _OWN_SITES:
            raise _refusal("only the server's own page may use this address", "foreign_origin")
        given = headers.get(PASS_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.page_pass.encode()):
            raise _refusal(
                "this page is older than the server: load it anew", "stale_page", "reload the page"
            )


def _refusal(message: str, code: str, hint: str = "") -> HttpRefusal:
    return HttpRefusal(message, status=403, code=code, hint=hint)
