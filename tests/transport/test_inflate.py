from __future__ import annotations

import gzip
import random
import zlib

import pytest

from freellm_cli.transport.inflate import STEP, Inflater, Undecodable

TEXT = bytes(random.Random(7).choices(b"abcdef ", k=3000))


def raw_deflate(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


BODIES = {
    "gzip": ("gzip", gzip.compress(TEXT, mtime=0)),
    "members": ("gzip", gzip.compress(TEXT[:1000], mtime=0) + gzip.compress(TEXT[1000:], mtime=0)),
    "padded": ("gzip", gzip.compress(TEXT, mtime=0) + b"\0" * 9),
    "zlib": ("deflate", zlib.compress(TEXT)),
    "raw": ("deflate", raw_deflate(TEXT)),
}


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 10_000])
@pytest.mark.parametrize(("coding", "coded"), BODIES.values(), ids=BODIES)
def test_the_body_is_the_same_however_it_is_cut(coding: str, coded: bytes, size: int) -> None:
    inflater = Inflater(coding)
    pieces = [coded[start : start + size] for start in range(0, len(coded), size)]
    assert b"".join(part for piece in pieces for part in inflater.feed(piece)) == TEXT
    assert inflater.is_complete()


@pytest.mark.parametrize(("coding", "coded"), BODIES.values(), ids=BODIES)
def test_a_body_without_its_end_is_not_complete(coding: str, coded: bytes) -> None:
    inflater = Inflater(coding)
    list(inflater.feed(coded[:200]))
    assert not inflater.is_complete()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_not_compressed_is_undecodable(coding: str) -> None:
    with pytest.raises(Undecodable):
        list(Inflater(coding).feed(b"\xff plain text \xff"))


def test_no_piece_is_larger_than_the_step_and_none_is_lost_when_the_reader_leaves() -> None:
    inflater = Inflater("gzip")
    coded = gzip.compress(b"x" * (STEP * 5 + 1), mtime=0)
    sizes = [len(next(inflater.feed(coded)))]
    sizes += [len(piece) for piece in inflater.feed(b"")]
    assert sum(sizes) == STEP * 5 + 1
    assert max(sizes) == STEP
