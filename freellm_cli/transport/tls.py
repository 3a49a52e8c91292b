"""Trust: one SSL context for the process, made when the first https request needs it.

`ssl.create_default_context()` parses every root certificate of the machine, some 20 to 100 ms. Where those
roots also lie in a folder that names each by the hash of its subject (Debian, Alpine, Arch, SUSE:
https://docs.openssl.org/3.0/man1/openssl-rehash/), OpenSSL reads only the one that it needs, and making the
context costs half a millisecond. Verification and the check of the host name are never off.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from freellm_cli.core.errors import ConfigError

if TYPE_CHECKING:
    import socket
    import ssl

# A folder with a few hashed certificates is somebody's addition to a bundle, not the machine's store.
FULL_STORE = 50
_HEX = "0123456789abcdef"
# Where systems keep all roots in one file: Debian, Fedora, openSUSE, RHEL, Alpine and macOS
# (https://go.dev/src/crypto/x509/root_linux.go, root_bsd.go). OpenSSL knows the place of the system that it
# was built for, which need not be the one that runs it: the one-file program brings its own.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

# X509_V_ERR_* numbers: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_NOT_TRUSTED_HINT = (
    "if a company proxy or a private server signs with its own authority, name that authority's PEM file "
    "in SSL_CERT_FILE"
)
_CERTIFICATE_REASONS = {
    9: ("is not valid yet", "check the clock of this machine"),
    10: ("has expired", "check the clock of this machine; else the server's owner must renew it"),
    18: ("is self-signed", _NOT_TRUSTED_HINT),
    19: ("comes from an authority that signed itself and is not trusted here", _NOT_TRUSTED_HINT),
    20: ("comes from an authority that is not trusted here", _NOT_TRUSTED_HINT),
    21: ("cannot be traced to an authority that is trusted here", _NOT_TRUSTED_HINT),
    23: ("has been revoked", ""),
    62: (
        "is for another host name",
        "check base_url; a network that intercepts TLS also does this",
    ),
    64: ("is for another address", "use the host name in base_url instead of its address"),
}


class Trust:
    """Whom to believe. `env` may name certificates: SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE.

    They replace the machine's store, as in curl and Go. `store` is the machine's folder of hashed
    certificates; None: wherever this system keeps it.
    """

    def __init__(self, env: Mapping[str, str], *, store: str | None = None) -> None:
        self._env = env
        self._store = store
        self._lock = allocate_lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The same context every time. Raises ConfigError if a variable names no certificates."""
        if self._context is None:
            with self._lock:
                if self._context is None:
                    self._context = self._make()
        return self._context

    def wrap(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        """Shakes hands; raises OSError (ssl.SSLError, TimeoutError) as the socket does. `host` is ASCII."""
        name = host.partition("%")[0].encode()  # text would import what international names need
        return self.context().wrap_socket(sock, server_hostname=name)

    def _make(self) -> ssl.SSLContext:
        import ssl

        named = self._named()
        folder = None if named else self._hashed_folder(ssl)
        if named:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for variable, path in named:
                _load(context, variable, path)
        elif folder:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(capath=folder)
        else:
            context = ssl.create_default_context()
            _fill_if_empty(context, ssl)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _named(self) -> list[tuple[str, str]]:
        named = [(name, self._env.get(name, "")) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
        found = [(name, path) for name, path in named if path]
        bundle = self._env.get("REQUESTS_CA_BUNDLE", "")
        if not found and bundle:
            return [("REQUESTS_CA_BUNDLE", bundle)]
        return found

    def _hashed_folder(self, ssl_module: object) -> str | None:
        if self._store is not None:
            return self._store if is_hashed_store(self._store) else None
        if sys.platform in {"win32", "darwin"}:
            return None
        paths = ssl_module.get_default_verify_paths()  # type: ignore[attr-defined]
        for folder in (paths.openssl_capath, "/etc/ssl/certs"):
            if folder and is_hashed_store(folder):
                return str(folder)
        return None


def is_hashed_store(folder: str) -> bool:
    """Whether the folder is a whole store: many links such as 002c0b4f.0, and they lead somewhere."""
    try:
        hashed = [name for name in os.listdir(folder) if _is_hashed(name)]
    except OSError:
        return False
    return len(hashed) >= FULL_STORE and os.path.isfile(os.path.join(folder, hashed[0]))


def _holds_certificates(folder: str | None) -> bool:
    """Whether OpenSSL would find anything there."""
    try:
        return bool(folder) and any(_is_hashed(name) for name in os.listdir(folder))
    except OSError:
        return False


def _is_hashed(name: str) -> bool:
    return name[8:9] == "." and name[9:].isdigit() and not name[:8].strip(_HEX)


def _load(context: ssl.SSLContext, variable: str, path: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as exc:
        raise ConfigError(
            f"{variable} names {path}, which cannot be read as certificates"
            f" ({exc.strerror or 'not PEM'}).",
            hint=f"unset {variable}, or let it name a PEM file or a folder of hashed certificates",
        ) from exc


def _fill_if_empty(
    context: ssl.SSLContext, ssl_module: object, bundles: Sequence[str] = BUNDLES
) -> None:
    """For an OpenSSL that looks where there is nothing: the system's roots, else those of certifi, as for a
    Python from python.org for macOS before its own script has run, or a container without roots."""
    paths = ssl_module.get_default_verify_paths()  # type: ignore[attr-defined]
    if context.cert_store_stats()["x509_ca"] or _holds_certificates(paths.capath):
        return
    for bundle in bundles:
        if os.path.isfile(bundle):
            context.load_verify_locations(cafile=bundle)
            return
    try:
        import certifi
    except ImportError:
        return
    context.load_verify_locations(cafile=certifi.where())


def explain(exc: OSError, host: str) -> tuple[str, str]:
    """What went wrong in a handshake, and a hint, for a person. `exc` may be an ssl.SSLError."""
    code = getattr(exc, "verify_code", None)
    if isinstance(code, int) and code:
        reason, hint = _CERTIFICATE_REASONS.get(
            code, (f"is not valid: {getattr(exc, 'verify_message', '')}", _NOT_TRUSTED_HINT)
        )
        return f"The certificate of {host} {reason}.", hint
    word = getattr(exc, "reason", None) or ""
    if word in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return f"{host} does not speak TLS.", "use http:// in base_url if that is what it is"
    if word in {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"}:
        return f"{host} offers nothing newer than TLS 1.1.", ""
    plain = word.replace("_", " ").lower() or exc.strerror or type(exc).__name__
    return f"TLS with {host} failed: {plain}.", ""
