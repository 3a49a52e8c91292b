from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freellm_cli.transport.chunks import BadChunk, ChunkDecoder

CONTENTS = st.lists(
    st.sampled_from(
        [b"a", b"data: x\n\n", b"\r\n", b"a\r\nb", b"0\r\n\r\n", b"5\r\n", b"x" * 5000]
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"0\r\n\r\n", b"0\r\nX-A: 1\r\n\r\n", b"00\r\n\r\n", b"0\n\n"])


def coded(contents: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in contents)


@given(CONTENTS, ENDS, st.sampled_from([b"", b"more", b"HTTP/1.1 200 OK\r\n\r\n"]), st.integers(0))
@example([b"data: x\n\n"] * 9, b"0\r\n\r\n", b"", 0)
@example([b"a"] * 9, b"00\r\n\r\n", b"", 0)
def test_however_the_bytes_are_cut_the_same_comes_out(
    contents: list[bytes], end: bytes, rest: bytes, cut: int
) -> None:
    raw = coded(contents) + end + rest
    at = cut % (len(raw) + 1)
    for pieces in ([raw], [raw], [raw[:at], raw[at:]]):  # sizes are known from the second time on
        decoder = ChunkDecoder()
        data = b""
        behind = b""
        for piece in pieces:
            if decoder.ended:
                behind += piece
            else:
                data += decoder.feed(piece)
        assert data == b"".join(contents)
        assert decoder.ended
        assert decoder.rest + behind == rest


@pytest.mark.parametrize("bad", [b"5\r\nhello!\r\n", b"7\r\nhello\r\n1\r\na\r\n", b"x\r\n"])
def test_a_wrong_size_among_many_chunks_is_noticed(bad: bytes) -> None:
    many = coded([b"hello"] * 9)
    for raw in (many + bad, many + bad + many, bad + many):
        with pytest.raises(BadChunk):
            ChunkDecoder().feed(raw)
