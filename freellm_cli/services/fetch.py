"""Reading a web address that the person has named, within a size and a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import TransportFault, UsageError
from freellm_cli.core.http import HttpRequest, Timeouts

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.transport.base import Response

MOST_REDIRECTS = 5
_TIMEOUTS = Timeouts(connect=10, first_token=30, idle=30, total=120)


class Page(NamedTuple):
    """`address` is where it was found in the end. `kind`: the content type, as the host says it."""

    address: str
    kind: str
    data: bytes


def fetch(runtime: Runtime, address: str, limit: int) -> Page:
    """The body at an http(s) address. Raises UsageError: not found, too large, leads in a circle; and
    TransportFault when the host does not answer.
    """
    from urllib.parse import urljoin

    seen = address
    for _ in range(MOST_REDIRECTS + 1):
        _check_scheme(seen)
        request = HttpRequest("GET", seen, {"accept": "*/*", "user-agent": "freellm"})
        try:
            response = runtime.transport.send(request, _TIMEOUTS)
        except TransportFault as fault:
            if fault.fault != "redirect" or not fault.location:
                raise
            seen = urljoin(seen, fault.location)
            continue
        return Page(seen, response.headers.get("content-type", ""), _body(response, address, limit))
    raise UsageError(f"{address} leads on and on: more than {MOST_REDIRECTS} redirects")


def _check_scheme(address: str) -> None:
    if not address.startswith(("http://", "https://")):
        scheme = address.split(":", 1)[0][:20]
        raise UsageError(f"only http and https addresses are read, not {scheme}:")


def _body(response: Response, address: str, limit: int) -> bytes:
    try:
        if response.status != 200:
            raise UsageError(f"{address} answers {response.status}", hint="open it in a browser")
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(address, limit)
        found = bytearray()
        for chunk in response.chunks():
            found += chunk
            if len(found) > limit:
                raise too_large(address, limit)
        return bytes(found)
    finally:
        response.close()


def too_large(name: str, limit: int) -> UsageError:
    return UsageError(
        f"{name} is larger than {limit // 1_048_576} MiB, the most that is sent with a request",
        hint="attach a part of it, or a smaller version",
    )
