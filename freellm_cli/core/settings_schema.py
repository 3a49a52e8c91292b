"""Every setting of config.toml as one row: name, kind, default, what is allowed, what it does.

The rows are a constant that the compiler folds, so reading them costs nothing at start. `<name>`
stands for a provider's or an alias's name. Kinds are the keys of `core.settings_values.CHECKS`;
"allowed" is the tuple of words of a choice, or the smallest and largest number.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

_SECONDS = (0.01, 86_400)
_MANY = (0, 1_000_000_000)
_SCOPES = ("", "credential", "account", "provider", "address")

# fmt: off
ROWS: tuple[tuple[str, str, Any, tuple[Any, ...], str], ...] = (
    ("default_model", "text", "", (),
     "Model, family or alias asked when none is named; empty: the best that your credentials reach."),
    ("rotation", "choice", "balanced", ("balanced", "sequential", "fastest"),
     "Which credential goes first: most headroom, the same until spent, or quickest measured answer."),
    ("wait", "choice", "any", ("any", "first"),
     'When the first choice is limited: take a later one that is free ("any") or wait ("first").'),
    ("max_wait", "seconds_or_off", None, _SECONDS,
     "Longest wait for a limit to free up; off: as long as timeouts.total allows."),
    ("hedge", "seconds_or_off", None, _SECONDS,
     "No first token after this long: also ask the next target that has slack; first to speak wins."),
    ("sticky", "bool", True, (),
     "Keep a conversation on the credential it began with, for the provider's prompt cache."),
    ("reroute_closed", "bool", True, (),
     "Ask the same family elsewhere when a closed provider's model is named, and say so."),
    ("private", "bool", False, (),
     "Never send a prompt to a provider that may train on it."),
    ("think", "choice", "", ("", "off", "minimal", "low", "medium", "high", "auto"),
     "How long models may think when a request does not say; empty: as the provider likes."),
    ("history", "bool", True, (), "Keep conversations in history.db."),
    ("secrets", "choice", "file", ("file", "keyring"), "Where keys and logins are kept."),
    ("aliases.<name>", "text_or_texts", (), (),
     'A name of your own for a model or a chain of them; "*" catches every name that nobody serves.'),
    ("timeouts.connect", "seconds", 10.0, _SECONDS, "Until a connection stands."),
    ("timeouts.first_token", "seconds", 30.0, _SECONDS, "Until the first byte of an answer."),
    ("timeouts.idle", "seconds", 60.0, _SECONDS, "Between two pieces of an answer."),
    ("timeouts.total", "seconds", 600.0, _SECONDS, "For one request with all its attempts."),
    ("retry.attempts", "int", 12, (1, 1000), "Most attempts for one request, over all targets."),
    ("retry.budget", "int", 20, (0, 100_000),
     "Repeats of a faulty target that may be owed; each answer earns one back."),
    ("discovery.enabled", "bool", True, (), "Ask for model lists unbidden; off: only --refresh does."),
    ("discovery.max_age", "seconds", 86_400.0, (0, 31_536_000), "Age at which `models PROVIDER` asks anew."),
    ("oauth.refresh_interval", "seconds", 600.0, (10, 86_400),
     "How often the server looks for logins that expire soon."),
    ("batch.reserve", "share", 0.0, (0, 0.99),
     "Share of each limit that a batch leaves for other requests, such as \"20%\"."),
    ("batch.width", "int", 0, (0, 10_000), "Most requests of a batch at once; 0: what the limits allow."),
    ("serve.host", "text", "127.0.0.1", (), "Address to listen on; any but loopback needs serve.token."),
    ("serve.port", "int", 8000, (0, 65_535), "Port to listen on; 0: any free one."),
    ("serve.token", "secret", None, (), "Key that clients must send; unset: any key or none, on loopback."),
    ("serve.think", "choice", "", ("", "off", "minimal", "low", "medium", "high", "auto"),
     "The same as think, for the server's clients; off also drops reasoning from answers."),
    ("serve.profile", "choice", "", ("", "game"), "A bundle of choices for one kind of client."),
    ("serve.cors_origins", "texts", (), (), "Web pages that may call the server, such as https://a.example."),
    ("serve.allowed_hosts", "texts", (), (), "Host names, besides loopback's, that requests may name."),
    ("serve.lane", "choice", "interactive", ("interactive", "batch"),
     "Whether clients go before batches or beside them."),
    ("serve.max_body", "int", 33_554_432, (1024, 1_073_741_824), "Largest request body in bytes."),
    ("serve.max_header", "int", 65_536, (4096, 1_048_576), "Largest request head in bytes."),
    ("serve.header_timeout", "seconds", 10.0, _SECONDS, "Until a client has sent its request's head."),
    ("serve.idle_timeout", "seconds", 75.0, _SECONDS, "Until a silent connection is closed."),
    ("serve.threads", "int", 256, (1, 10_000), "Most requests that are answered at once."),
    ("serve.processes", "int", 2, (1, 2),
     "2: a second process helps while one processor is not enough (Linux, macOS)."),
    ("serve.queue", "int", 512, (0, 100_000), "Most requests that wait for a thread; more get 503."),
    ("serve.drain", "seconds", 30.0, (0, 3600), "Time that running answers get when the server stops."),
    ("serve.log_content", "bool", False, (), "Write prompts and answers to the access log."),
    ("routes", "routes", (), (), "Rules that choose by prompt size and need ([[routes]] tables)."),
    ("providers.<name>.enabled", "bool", True, (), "Use this provider at all."),
    ("providers.<name>.base_url", "text", "", (), "Where its API is: a relay, or a host of your own."),
    ("providers.<name>.dialect", "choice", "", ("", "openai", "google", "code_assist"),
     "The wire format it speaks; a host of your own speaks openai."),
    ("providers.<name>.title", "text", "", (), "Its name for people."),
    ("providers.<name>.priority", "int", 0, (-1000, 1000),
     "Among hosts of one family, the higher goes first."),
    ("providers.<name>.rotation", "choice", "", ("", "balanced", "sequential", "fastest"),
     "Like rotation, for this provider."),
    ("providers.<name>.trains_on_prompts", "choice", "", ("", "yes", "no", "opt-out", "unknown"),
     "What you know better than the catalog (a paid plan, an opt-out)."),
    ("providers.<name>.connect", "seconds", None, _SECONDS, "Like timeouts.connect."),
    ("providers.<name>.first_token", "seconds", None, _SECONDS, "Like timeouts.first_token."),
    ("providers.<name>.idle", "seconds", None, _SECONDS, "Like timeouts.idle."),
    ("providers.<name>.total", "seconds", None, _SECONDS, "Like timeouts.total, for one attempt."),
    ("providers.<name>.models.allow", "texts", (), (), "Patterns of models to use; none: all."),
    ("providers.<name>.models.deny", "texts", (), (), "Patterns of models never to use."),
    ("providers.<name>.models.list", "models", (), (),
     "Models it serves: names, or tables with name, family, context, capabilities…"),
    ("providers.<name>.limits", "limits", (), (), "Limits that you know ([[providers.NAME.limits]])."),
    ("providers.<name>.catalog_limits", "bool", True, (), "Keep the published limits too."),
    ("providers.<name>.limit_scope", "choice", "", _SCOPES, "What its limits count by."),
    ("providers.<name>.reset_zone", "text", "", (), "Time zone of its day, such as America/Los_Angeles."),
    ("providers.<name>.account_id", "text", "", (), "Account that goes into its address (Cloudflare)."),
    ("providers.<name>.key_env", "text_or_texts", (), (), "Further environment variables with keys."),
    ("providers.<name>.key_check", "choice", "", ("", "list", "key", "none"),
     "How a key is checked without spending quota."),
    ("providers.<name>.auth", "choice", "", ("", "bearer", "x-goog-api-key", "none"),
     "How the key is sent."),
    ("providers.<name>.headers", "text_table", {}, (), "Further request headers, such as X-Title."),
    ("providers.<name>.list_path", "text", "", (), "Where its model list is, relative to base_url."),
    ("providers.<name>.list_public", "bool", False, (), "Its model list needs no key."),
    ("providers.<name>.local", "bool", False, (), "It runs on this machine and needs no key."),
    ("providers.<name>.terms", "text", "", (), "A note on its terms."),
    ("providers.<name>.quirks", "table", {}, (), "Switches of its dialect."),
    ("providers.<name>.auth_url", "text", "", (), "Login page of an OAuth provider."),
    ("providers.<name>.token_url", "text", "", (), "Where OAuth tokens are had."),
    ("providers.<name>.userinfo_url", "text", "", (), "Where the account's name is had."),
    ("providers.<name>.client_id", "text", "", (), "OAuth client."),
    ("providers.<name>.client_secret", "secret", None, (), "OAuth client secret."),
    ("providers.<name>.client_secrets", "text", "", (), "File with the OAuth client."),
    ("providers.<name>.redirect_port", "int", 0, (0, 65_535), "Port of the login's redirect; 0: its usual."),
    ("providers.<name>.project_id", "text", "", (), "Google Cloud project."),
)
# fmt: on

SYNONYMS = {
    "providers.<name>.api_key_env": "providers.<name>.key_env",
}
FREE_TABLES = ("aliases", "providers")
"""Tables whose keys are names that the user chooses."""


class Option(NamedTuple):
    name: str
    kind: str
    default: Any
    allowed: tuple[Any, ...]
    about: str


BY_NAME: dict[str, tuple[str, str, Any, tuple[Any, ...], str]] = {row[0]: row for row in ROWS}


def canonical(path: Sequence[str]) -> str:
    """The row's name for a key's path: `("providers", "gemini", "idle")` is
    `providers.<name>.idle`.
    """
    if len(path) > 1 and path[0] == "aliases":
        return "aliases.<name>"
    if len(path) > 1 and path[0] == "providers":
        name = ".".join(("providers", "<name>", *path[2:]))
        return SYNONYMS.get(name, name)
    return ".".join(path)


def option(path: Sequence[str]) -> Option | None:
    """The setting at this path, None when there is none."""
    row = BY_NAME.get(canonical(path))
    return Option(*row) if row else None


def is_table(path: Sequence[str]) -> bool:
    """Whether settings live below this path."""
    if len(path) <= 1 or path[0] not in FREE_TABLES:
        prefix = ".".join(path) + "."
    elif path[0] == "aliases":
        return False
    else:
        prefix = canonical(path) + "."
    return any(name.startswith(prefix) for name in BY_NAME)
