"""Every error that freellm raises on purpose.

    FreellmError
    ├── UsageError            exit 2   HTTP 400   the call itself makes no sense
    │   └── UnknownName       exit 2   HTTP 404   provider, model, credential, alias: with the nearest names
    │       └── NotServed     exit 2   HTTP 404   its providers say that they have no such model
    ├── ConfigError           exit 3   HTTP 503   a file or setting is wrong; names file, line, key
    │   ├── NoCredential      exit 3   HTTP 503   nothing to call the model with
    │   ├── StoreError        exit 3   HTTP 503   credentials, ledger or cache unreadable, full or read-only
    │   ├── ProviderClosed    exit 3   HTTP 503   the service has shut down; names what to use instead
    │   └── OutputFault       exit 3   HTTP 503   standard output is closed, or what is behind it is full
    ├── CredentialRefused     exit 4   HTTP 502   the provider refused every credential that was tried
    ├── AllLimited            exit 5   HTTP 429   every target rests; says when the first is free
    ├── UpstreamError         exit 6   HTTP 502   the provider failed
    │   ├── UpstreamTimeout   exit 6   HTTP 504
    │   ├── Overloaded        exit 6   HTTP 503
    │   └── TransportFault    exit 6   HTTP 502   no answer came at all: connect, reset, TLS, cut
    ├── CallerGone            exit 130 HTTP 499   nobody waits for the answer any more
    └── RequestRefused        exit 7   HTTP 400   too long, filtered, bad parameter
        ├── BadField          exit 7   HTTP 400   a field of the wrong kind; `path` names it
        ├── WrongModel        exit 7   HTTP 400   the model cannot do what is asked: chat, or embed
        ├── ContextTooLong    exit 7   HTTP 400
        ├── ContentFiltered   exit 7   HTTP 400
        └── AnswerMismatch    exit 7   HTTP 400   the answer does not fit the JSON schema, corrected or not

`slug` names the entry in docs/errors.md; `hint` is the command or step that mends it. The faces map
exit codes and HTTP statuses in one place each; nothing else in the code knows them.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_CONFIG = 3
EXIT_CREDENTIAL = 4
EXIT_LIMITED = 5
EXIT_UPSTREAM = 6
EXIT_REFUSED = 7
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


class FreellmError(Exception):
    """Base of all. `message` is one or two plain sentences; it never holds a secret.

    `client_hint`: what a client of the server is told in place of `hint`, where that speaks of the command
    line.
    """

    slug = "internal"
    exit_code = EXIT_INTERNAL
    http_status = 500
    error_type = "server_error"
    code = "internal_error"

    def __init__(self, message: str, *, hint: str = "", client_hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.client_hint = client_hint or hint

    def __str__(self) -> str:
        return self.message


class UsageError(FreellmError):
    slug = "usage"
    exit_code = EXIT_USAGE
    http_status = 400
    error_type = "invalid_request_error"
    code = "invalid_request"


class UnknownName(UsageError):
    """`nearest` are the closest known names, best first."""

    slug = "unknown-name"
    http_status = 404
    code = "model_not_found"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        nearest: tuple[str, ...] = (),
        client_hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint, client_hint=client_hint)
        self.nearest = nearest

    def again(self) -> UnknownName:
        """The same, to be raised where this one was kept: a raised exception belongs to one request."""
        return UnknownName(
            self.message, hint=self.hint, nearest=self.nearest, client_hint=self.client_hint
        )


class NotServed(UnknownName):
    """A model that none of the providers which were asked for it has."""


class ConfigError(FreellmError):
    slug = "config"
    exit_code = EXIT_CONFIG
    http_status = 503
    code = "bad_configuration"


class NoCredential(ConfigError):
    slug = "no-credential"
    code = "no_credentials"


class StoreError(ConfigError):
    slug = "store"
    code = "store_unavailable"


class ProviderClosed(ConfigError):
    slug = "provider-closed"
    code = "provider_closed"


class OutputFault(ConfigError):
    slug = "output"
    code = "output_unwritable"


class CredentialRefused(FreellmError):
    slug = "credential-refused"
    exit_code = EXIT_CREDENTIAL
    http_status = 502
    code = "upstream_credentials"


class AllLimited(FreellmError):
    """`retry_after_s`: seconds until the first target is free, None when nobody knows.

    `daily`: True when the wait ends with a window of a day or longer.
    """

    slug = "all-limited"
    exit_code = EXIT_LIMITED
    http_status = 429
    error_type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after_s: float | None = None,
        daily: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
        self.daily = daily
        if daily:
            self.error_type = self.code = "insufficient_quota"


class UpstreamError(FreellmError):
    slug = "upstream"
    exit_code = EXIT_UPSTREAM
    http_status = 502
    code = "upstream_error"


class UpstreamTimeout(UpstreamError):
    slug = "upstream-timeout"
    http_status = 504
    code = "upstream_timeout"


class Overloaded(UpstreamError):
    slug = "overloaded"
    http_status = 503
    code = "overloaded"


class TransportFault(UpstreamError):
    """No usable HTTP answer. `fault` is one of the words in `core.http.FAULTS`.

    `sent`: False when not one byte of the request can have reached the provider.
    """

    slug = "transport"

    def __init__(self, message: str, *, fault: str, sent: bool = True, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.fault = fault
        self.sent = sent
        self.location = ""
        """Where a redirect leads, as the host said it; not for people, it may hold anything."""


class CallerGone(FreellmError):
    slug = "caller-gone"
    exit_code = EXIT_INTERRUPTED
    http_status = 499
    code = "caller_gone"


class RequestRefused(FreellmError):
    slug = "request-refused"
    exit_code = EXIT_REFUSED
    http_status = 400
    error_type = "invalid_request_error"
    code = "invalid_request"


class BadField(RequestRefused):
    """`path` names the field of the body that was refused, such as `messages[2].content`."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path} must be {expected}", hint="Correct the request, then send it.")
        self.path = path
        self.expected = expected


class WrongModel(RequestRefused):
    """A chat model that is asked for embeddings, or the other way round."""

    path = "model"


class ContextTooLong(RequestRefused):
    slug = "context-too-long"
    code = "context_length_exceeded"


class ContentFiltered(RequestRefused):
    slug = "content-filtered"
    code = "content_filter"


class AnswerMismatch(RequestRefused):
    slug = "answer-mismatch"
    code = "answer_mismatch"
