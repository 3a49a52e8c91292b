"""Events of a stream that differ from the one before in their text alone, read without parsing JSON.

Most hosts send hundreds of events of one make. Where the bytes before and behind the text are those of an
event that was parsed whole, parsing again can only give the same again with another text.
"""

from __future__ import annotations

from json import JSONEncoder

_encode = JSONEncoder(ensure_ascii=False).encode
_MANY = 4
"""So many events that came together are read as a run: a whole answer may come at once."""
_RUN = 100
_KEYS = (b'"content":"', b'"content": "')


class Template:
    """The bytes around an event's text."""

    __slots__ = ("_after", "_before", "_least", "_runs", "around")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self._least = len(before) + len(after)
        self.around = b"data: " + before, after + b"\n\n"
        """What stands before and behind the text where an event is a piece of the stream by itself."""
        self._runs = True

    def read(self, lines: list[bytes], at: int) -> tuple[str, int]:
        """The text of events of this make from `lines[at]` on, and how many they are, perhaps not all;
        ("", 0) when that event is to be parsed. No line holds a line break."""
        text = self.text_of(lines[at])
        if text is None:
            return "", 0
        if len(lines) - at < _MANY or not self._runs:
            return text, 1
        more, count = self.run_of(lines[at + 1 : at + _RUN])
        return text + more, 1 + count

    def is_of(self, data: bytes) -> bool:
        """Whether an event is of this make, whatever its text."""
        return data.startswith(self._before) and data.endswith(self._after)

    def text_of(self, data: bytes) -> str | None:
        """The text of an event of this make, not empty; None if `data` is of another make, or if its text has
        escapes in it."""
        return text_between(data, self._before, self._after) or None

    def run_of(self, lines: list[bytes]) -> tuple[str, int]:
        """The text of the events of this make that `lines` begins with, and how many they are: up to the
        first that is to be parsed. ("", 0) when they must be looked at one by one, and all later ones too."""
        before, after, least = self._before, self._after, self._least
        start, end = len(before), -len(after)
        texts = []
        for line in lines:
            if not (line.startswith(before) and line.endswith(after) and len(line) > least):
                break
            text = line[start:end]
            if b'"' in text or b"\\" in text:
                break
            texts.append(text)
        said = b"".join(texts).decode("utf-8", "replace")
        if said.isprintable():
            return said, len(texts)
        self._runs = False
        return "", 0


def text_between(data: bytes, before: bytes, after: bytes) -> str:
    """The text of an event between the bytes of its make; empty if `data` is of another make, or if the text
    has escapes in it.

    One look at what most pieces are: each step of a stream finds the processor cold, and every function
    that it goes through counts.
    """
    if not (data.startswith(before) and data.endswith(after)):
        return ""
    text = data[len(before) : -len(after)].decode("utf-8", "replace")
    return "" if '"' in text or "\\" in text or not text.isprintable() else text


def template_of(data: bytes, text: str) -> Template | None:
    """The make of an event in which `text` was found as the content of its message; None if the bytes do not
    show clearly where it stands."""
    written = _encode(text)[1:-1].encode("utf-8", "replace")
    for key in _KEYS:
        whole = key + written + b'"'
        if data.count(whole) == 1:
            at = data.index(whole) + len(key)
            return Template(data[:at], data[at + len(written) :])
    return None
