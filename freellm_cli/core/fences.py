"""Fenced blocks of Markdown: reading and making them.

https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations


def first_fenced_block(text: str) -> str:
    """The inside of the first fenced block; the whole text when there is none."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        mark = opening_mark(line)
        if mark:
            inside = []
            for following in lines[start + 1 :]:
                if closes(following, mark):
                    break
                inside.append(following)
            return "\n".join(inside)
    return text


def opening_mark(line: str) -> str:
    """The run of ``` or ~~~ that opens a block here; "" when none does."""
    bare = line.lstrip()
    for sign in "`~":
        length = len(bare) - len(bare.lstrip(sign))
        if length >= 3:
            return "" if sign == "`" and "`" in bare[length:] else sign * length
    return ""


def closes(line: str, mark: str) -> bool:
    """Whether this line ends the block that `mark` has opened."""
    bare = line.strip()
    return len(bare) >= len(mark) and not bare.strip(mark[0])


def fenced(text: str, name: str) -> str:
    """A text as a block that tells its file's name; the fence is longer than any inside."""
    longest, run = 2, 0
    for sign in text:
        run = run + 1 if sign == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{name}\n{fence}\n{text}{end}{fence}"
