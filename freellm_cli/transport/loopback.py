"""The listener to which a login page redirects the browser: loopback only, one answer, then closed.

RFC 8252 (https://www.rfc-editor.org/rfc/rfc8252), section 7.3. The state is compared in constant time;
a browser's own requests (`/favicon.ico`) get a 404 and change nothing; a second answer is refused, since
extensions and virus scanners repeat requests and a code can be spent only once
(https://github.com/google-gemini/gemini-cli/issues/29069).
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import html
import os
import queue
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from freellm_cli.core.errors import ConfigError

LOGIN_S = 300.0
_VERDICT_S = 90.0
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>freellm: {title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:18px/1.5 system-ui,sans-serif;max-width:36em;margin:12vh auto;padding:0 1em}}
@media(prefers-color-scheme:dark){{body{{background:#111;color:#eee}}}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


class Redirect(NamedTuple):
    """What the login page sent with the browser. One of `code` and `error` is ""; `forged`: the state is
    not the one of this login, so nothing else in it was believed."""

    code: str = ""
    error: str = ""
    description: str = ""
    forged: bool = False


def read_redirect(query: str, state: str) -> Redirect | None:
    """The answer in a redirect's query; None when it holds none."""
    fields = {name: values[-1] for name, values in parse_qs(query).items()}
    if "code" not in fields and "error" not in fields:
        return None
    if not hmac.compare_digest(fields.get("state", "").encode(), state.encode()):
        return Redirect(forged=True)
    if "error" in fields:
        return Redirect(error=fields["error"], description=fields.get("error_description", ""))
    return Redirect(code=fields["code"])


class RedirectListener:
    """Listens from `__enter__` to `__exit__`. `port` 0 takes a free one; `host` is what the redirect's
    address says: "localhost" listens on 127.0.0.1 and, where there is one, on ::1."""

    def __init__(self, path: str, state: str, *, port: int = 0, host: str = "127.0.0.1") -> None:
        self.path = path
        self.state = state
        self.host = host
        self._wanted_port = port
        self._servers: list[ThreadingHTTPServer] = []
        self._answers: queue.SimpleQueue[Redirect] = queue.SimpleQueue()
        self._once = threading.Lock()
        self._answered = False
        self._finished = threading.Event()
        self._page = ("The login was not finished", "Go back to the terminal.", False)

    @property
    def port(self) -> int:
        return int(self._servers[0].server_address[1])

    @property
    def redirect_uri(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"

    def __enter__(self) -> RedirectListener:
        """Raises ConfigError when the port is taken."""
        self._servers.append(self._bind("127.0.0.1", self._wanted_port))
        if self.host == "localhost" and socket.has_ipv6:
            # A machine without IPv6, or a stranger there: browsers try 127.0.0.1 as well.
            with contextlib.suppress(OSError, ConfigError):
                self._servers.append(self._bind("::1", self.port))
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def wait(self, timeout_s: float = LOGIN_S) -> Redirect | None:
        """The one answer, or None when none came in time."""
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def finish(self, title: str, text: str, *, good: bool) -> None:
        """What the waiting browser is shown, now that the outcome is known."""
        self._page = (title, text, good)
        self._finished.set()

    def _bind(self, address: str, port: int) -> ThreadingHTTPServer:
        listener = self

        class Handler(_Handler):
            owner = listener

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = False
            block_on_close = True
            # Elsewhere than on Windows this keeps strangers out all the same, and lets a second login
            # follow the first on a fixed port.
            allow_reuse_address = os.name != "nt"

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser that hangs up is no event; nothing of a request is ever printed."""

        try:
            return Server((address, port), Handler)
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES, 10013, 10048):
                raise ConfigError(
                    f"port {port} of this machine is taken, and the login page must come back to it",
                    hint="close the program that uses it, or choose another one with --port",
                ) from exc
            raise

    def _take(self, query: str) -> tuple[int, str, str]:
        """(status, title, text) for the page."""
        redirect = read_redirect(query, self.state)
        if redirect is None:
            return 400, "Nothing to do", "This address holds no answer of a login page."
        with self._once:
            if self._answered:
                return 410, "Already answered", "This login has been answered once; once is enough."
            self._answered = True
        self._answers.put(redirect)
        self._finished.wait(_VERDICT_S)
        title, text, good = self._page
        return 200 if good else 400, title, text


class _Handler(BaseHTTPRequestHandler):
    owner: RedirectListener
    server_version = "freellm"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path != self.owner.path:
            self._show(404, "Not found", "There is nothing here.")
            return
        self._show(*self.owner._take(split.query))

    def _show(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """The request line holds the code: it goes nowhere."""
