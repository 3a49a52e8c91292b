"""A secret that cannot print itself."""

from __future__ import annotations


class Secret:
    """Holds a key or token. Only `reveal()` gives the text; it is called where headers are written."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def fingerprint(self) -> str:
        """Eight hex digits that tell two secrets apart and give nothing of them away."""
        from hashlib import sha256  # costs 2 ms, which most commands need not pay

        return sha256(b"freellm:" + self._text.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def masked(self) -> str:
        """The shape a person recognises: the first and last characters of a long secret, else dots."""
        text = self._text
        if len(text) < 16:
            return "…" * 3
        return f"{text[:4]}…{text[-4:]}"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is never pickled")
