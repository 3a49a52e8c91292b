"""Who may ask what: keys, the accounts they belong to, and models that are missing, retired or closed."""

from __future__ import annotations

import threading
from typing import NamedTuple, Self

from freellm_cli.core.limits import CONCURRENT, REQUESTS, TOKENS, Window
from freellm_cli.core.secret import Secret
from freellm_cli.simulator.limits import MINUTE, OPEN, LimitBook, LimitRule

# What may be wrong with a key: how providers refuse it (refusals.refuse).
KEY_TROUBLES = ("bad_key", "suspended", "out_of_credit", "forbidden")


class Pot:
    """Things that are counted together: a key, an account, an address or a provider.

    Every method adds a limit and returns the pot, so that calls chain:
    `sim.key("k1").account("acme").rpm(10).rpd(250)`. `model` is a shell pattern; with it each matching
    model is counted apart, without it all models together.
    """

    def __init__(self, book: LimitBook, scope: str, owner: str | None) -> None:
        self._book = book
        self._scope = scope
        self._owner = owner

    def rpm(self, amount: int, *, model: str | None = None, published: bool = True) -> Self:
        """Requests in any 60 seconds."""
        return self.limit(REQUESTS, MINUTE, amount, model=model, published=published)

    def tpm(
        self,
        amount: int,
        *,
        model: str | None = None,
        tokens: str = "input",
        published: bool = True,
    ) -> Self:
        """Tokens in any 60 seconds; `tokens`: "input", "total" or "reserved" (limits.LimitRule)."""
        return self.limit(TOKENS, MINUTE, amount, model=model, tokens=tokens, published=published)

    def rpd(self, amount: int, *, zone: str = "UTC", model: str | None = None) -> Self:
        """Requests in a calendar day of `zone`."""
        return self.limit(REQUESTS, Window("day", zone=zone), amount, model=model)

    def tpd(self, amount: int, *, zone: str = "UTC", model: str | None = None) -> Self:
        """Tokens in a calendar day of `zone`."""
        return self.limit(TOKENS, Window("day", zone=zone), amount, model=model, tokens="total")

    def per_24h(self, amount: int, *, model: str | None = None) -> Self:
        """Requests in the 24 hours that start with the first one."""
        return self.limit(REQUESTS, Window("first_use", 86_400.0), amount, model=model)

    def concurrent(self, amount: int, *, model: str | None = None) -> Self:
        """Requests that are being answered at the same time."""
        return self.limit(CONCURRENT, OPEN, amount, model=model)

    def limit(
        self,
        unit: str,
        window: Window,
        amount: int,
        *,
        model: str | None = None,
        provider: str | None = None,
        tokens: str = "input",
        count_refused: bool = False,
        count_failed: bool = True,
        published: bool = True,
    ) -> Self:
        """Any limit that `limits.LimitRule` can say."""
        self._book.add(
            LimitRule(
                self._scope,
                unit,
                window,
                amount,
                provider,
                self._owner,
                model or "*",
                each_model=model is not None,
                tokens=tokens,
                count_refused=count_refused,
                count_failed=count_failed,
                published=published,
            )
        )
        return self


class Key(Pot):
    """A key that the simulator knows by its text."""

    def __init__(self, book: LimitBook, text: str) -> None:
        super().__init__(book, "key", text)
        self.text = text
        self.owner = text
        self.trouble = ""
        self.closed_models: frozenset[str] = frozenset()

    def account(self, name: str) -> Key:
        """Counts together with all other keys of the account `name`."""
        self.owner = name
        return self

    def good(self) -> Key:
        self.trouble = ""
        return self

    def bad(self) -> Key:
        """Refused as a wrong key, in the provider's own way."""
        return self._is("bad_key")

    def suspended(self) -> Key:
        return self._is("suspended")

    def out_of_credit(self) -> Key:
        return self._is("out_of_credit")

    def forbidden(self) -> Key:
        """Right, but not allowed here: region, tier, key limit."""
        return self._is("forbidden")

    def no_access(self, *models: str) -> Key:
        """These models exist, but not for this key."""
        self.closed_models = self.closed_models | frozenset(models)
        return self

    def _is(self, trouble: str) -> Key:
        self.trouble = trouble
        return self


class Model:
    """A model that the simulator was told something about. `trouble`: "", "no_model" or "retired"."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.trouble = ""
        self.context_tokens: int | None = None

    def missing(self) -> Model:
        """Answers as for a name that nobody knows."""
        self.trouble = "no_model"
        return self

    def retired(self) -> Model:
        """Answers as for a model that has reached its end."""
        self.trouble = "retired"
        return self

    def back(self) -> Model:
        self.trouble = ""
        return self

    def context(self, tokens: int) -> Model:
        """Refuses longer prompts."""
        self.context_tokens = tokens
        return self


class Identity(NamedTuple):
    """`name`: the key's text when the simulator was told of it, else its fingerprint."""

    text: str
    name: str
    fingerprint: str
    account: str
    trouble: str
    closed_models: frozenset[str]


class Registry:
    """The keys and models that somebody introduced. Unknown keys are good and their own account."""

    def __init__(self, book: LimitBook) -> None:
        self._book = book
        self._keys: dict[str, Key] = {}
        self._models: dict[tuple[str | None, str], Model] = {}
        self._lock = threading.Lock()

    def key(self, text: str) -> Key:
        with self._lock:
            return self._keys.setdefault(text, Key(self._book, text))

    def model(self, name: str, provider: str | None = None) -> Model:
        with self._lock:
            return self._models.setdefault((provider, name), Model(name))

    def identify(self, text: str) -> Identity:
        known = self._keys.get(text)
        print_ = Secret(text).fingerprint() if text else ""
        if known is None:
            return Identity(text, print_, print_, text, "", frozenset())
        return Identity(text, text, print_, known.owner, known.trouble, known.closed_models)

    def about(self, name: str, provider: str) -> Model:
        return self._models.get((provider, name)) or self._models.get((None, name)) or Model(name)
