"""What a file is, by its first bytes."""

from __future__ import annotations

import pytest

from freellm_cli.core.media import decoded, is_text, kind_of, type_by_content, type_by_name


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe1", "image/jpeg"),
        (b"GIF89a\x01", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"%PDF-1.4", "application/pdf"),
        (b"ID3\x04", "audio/mp3"),
        (b"\xff\xfb\x90\x64\x00", "audio/mp3"),
        (b"OggS\x00", "audio/ogg"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/m4a"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"PK\x03\x04\x14", "application/zip"),
        (b"\x00\x01\x02", "application/octet-stream"),
        (b"plain words", "text/plain"),
        ("Grüße, 日本".encode(), "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        ("Grüße".encode("cp1252"), "text/plain"),
        (b"BM is also how a text may begin", "text/plain"),
        (b"MZ is also how a text may begin", "text/plain"),
        (b"\xe9\x01\x02\x03", "application/octet-stream"),
    ],
)
def test_the_bytes_decide(data: bytes, mime: str) -> None:
    assert type_by_content(data) == mime


def test_what_models_take_has_a_kind() -> None:
    found = [kind_of(mime) for mime in ("image/png", "audio/wav", "application/pdf", "text/plain")]
    assert found == ["image", "audio", "pdf", "text"]
    assert {kind_of(mime) for mime in ("video/mp4", "image/bmp", "application/zip")} == {"other"}


def test_a_name_promises_only_what_can_be_told_apart() -> None:
    assert type_by_name("a/b.PNG") == "image/png"
    assert type_by_name("notes.md") == type_by_name("Makefile") == ""


def test_text_is_decoded_and_a_guess_is_told() -> None:
    assert decoded(b"\xef\xbb\xbfwith a mark") == ("with a mark", True)
    assert decoded("Grüße".encode("cp1252")) == ("Grüße", False)
    assert not is_text(b"zero \x00 byte")
