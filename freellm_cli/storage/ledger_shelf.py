"""Where spare leases lie (`storage.ledger_spares`), and how many of them are worth having."""

from __future__ import annotations

from collections import Counter, deque
from math import inf, isqrt
from typing import NamedTuple

from freellm_cli.core.rotation import Candidate

MOST = 64
"""Spares for one list of candidates."""

_WORTH = 2
"""Fewer than so many are not taken ahead."""


class Spare(NamedTuple):
    """`place`: on the owner's board. `opened`, `expires`: steady."""

    id: int
    place: int
    candidate: Candidate
    tokens: int
    opened: float
    expires: float


class Shelf:
    """The spares for one list of candidates, and what was asked of it lately.

    `tokens`, `lasts`: what a spare must reserve, and for how many seconds. `good`: what `Spares.take` must
    be told, from when and until when, for the spares to be as good as a look.
    """

    __slots__ = (
        "_lately",
        "asked",
        "candidates",
        "good",
        "has_one_credential",
        "lasts",
        "spares",
        "tokens",
        "wanted",
    )

    def __init__(self, candidates: tuple[Candidate, ...]) -> None:
        self.candidates = candidates
        self.has_one_credential = len({each.credential for each in candidates}) == 1
        self.spares: list[Spare] = []
        self.good: tuple[object, float, float] = (None, inf, -inf)
        self.wanted = 0
        self.tokens = 0
        self.lasts = 0.0
        self.asked = 0
        self._lately: deque[tuple[str | None, int, float]] = deque(maxlen=MOST)

    def note(self, credential: str | None, tokens: int, lasts: float) -> None:
        """Somebody asks. Threads may lose each other's notes: they are guesses about those to come."""
        self.asked += 1
        self._lately.append((credential, tokens, lasts))

    @property
    def is_due(self) -> bool:
        """Whether so many have come since the last `expect` that it is worth a new look."""
        return self.asked >= max(_WORTH, self.wanted // 2)

    def expect(self) -> None:
        """As many as came since the last time will come again; ever fewer when nobody comes."""
        self.wanted = max(self.asked, self.wanted * 3 // 4)
        if self.wanted < _WORTH:
            self.wanted = 0
        self.asked = 0
        if self.wanted:
            lately = list(self._lately)
            # Nine of ten fit: one that is huge shall not make the others' spares as large.
            self.tokens = sorted(tokens for _, tokens, _ in lately)[len(lately) * 9 // 10]
            self.lasts = max(lasts for _, _, lasts in lately)

    def missing(self) -> list[str | None]:
        """For each spare to add the credential that it should have, None for whichever is best."""
        lately = list(self._lately)[-self.wanted :] if self.wanted else ()
        likely = Counter(credential for credential, _, _ in lately)
        held: Counter[str | None] = Counter(spare.candidate.credential for spare in self.spares)
        held[None] = sum(amount for credential, amount in held.items() if credential not in likely)
        found: list[str | None] = []
        for credential, amount in likely.items():
            found += [credential] * (amount + isqrt(amount) + 1 - held[credential])
        return found[: max(0, MOST - len(self.spares))]
