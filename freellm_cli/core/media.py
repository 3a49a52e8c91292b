"""What a file is, by its first bytes, whatever its name says.

Signatures: https://www.iana.org/assignments/media-types, https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
and the formats' own specifications.
"""

from __future__ import annotations

IMAGE, AUDIO, PDF, TEXT, OTHER = "image", "audio", "pdf", "text", "other"

# Where the signature stands, the signature, what it is. The first row that fits decides.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mp3"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypM4A", "audio/m4a"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"MZ\x90", "application/x-executable"),
)
# What models take, of what can be told apart.
SENDABLE = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/heic", "image/heif",
        "application/pdf",
        "audio/wav", "audio/mp3", "audio/flac", "audio/ogg", "audio/m4a",
    }
)  # fmt: skip
_NAMED = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp", "heic": "image/heic", "bmp": "image/bmp", "tif": "image/tiff",
    "tiff": "image/tiff", "avif": "image/avif", "pdf": "application/pdf", "wav": "audio/wav",
    "mp3": "audio/mp3", "flac": "audio/flac", "ogg": "audio/ogg", "m4a": "audio/m4a",
    "mp4": "video/mp4", "webm": "video/webm", "docx": "application/zip", "xlsx": "application/zip",
    "pptx": "application/zip", "zip": "application/zip",
}  # fmt: skip
_SPOKEN = {
    "image/png": "a PNG image", "image/jpeg": "a JPEG image", "image/gif": "a GIF image",
    "image/webp": "a WebP image", "image/heic": "a HEIC image", "image/heif": "a HEIF image",
    "image/bmp": "a BMP image", "image/tiff": "a TIFF image", "image/avif": "an AVIF image",
    "application/pdf": "a PDF file", "audio/wav": "a WAV recording", "audio/mp3": "an MP3 recording",
    "audio/flac": "a FLAC recording", "audio/ogg": "an Ogg recording",
    "audio/m4a": "an M4A recording", "video/mp4": "a video", "video/webm": "a video",
    "video/x-msvideo": "a video", "application/zip": "an archive or an Office document",
    "application/gzip": "a compressed archive", "application/msword": "an old Office document",
    "text/plain": "text",
}  # fmt: skip


def type_by_content(data: bytes) -> str:
    """The MIME type that the bytes show: "text/plain" for text, "application/octet-stream" when unknown."""
    for place, signature, mime in _SIGNATURES:
        if data.startswith(signature, place):
            return mime
    if data[:1] == b"\xff" and len(data) > 2 and data[1] & 0xE6 == 0xE2:  # MPEG audio, layer III
        return "audio/mp3"
    if data[:2] == b"BM" and len(data) > 14 and data[6:10] == b"\x00\x00\x00\x00":
        return "image/bmp"
    return "text/plain" if is_text(data) else "application/octet-stream"


def type_by_name(name: str) -> str:
    """What a file's name promises; "" when it promises nothing that is told apart here."""
    return _NAMED.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def kind_of(mime: str) -> str:
    """IMAGE, AUDIO, PDF, TEXT or OTHER (nothing that a model takes)."""
    if mime == "text/plain":
        return TEXT
    if mime not in SENDABLE:
        return OTHER
    return PDF if mime == "application/pdf" else mime.partition("/")[0]


def spoken(mime: str) -> str:
    """The type as a person says it, with its article."""
    return _SPOKEN.get(mime, "a binary file")


def is_text(data: bytes) -> bool:
    """Without zero bytes, or beginning with the mark of UTF-16 (https://www.unicode.org/faq/utf_bom.html)."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return len(data) % 2 == 0
    if b"\x00" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        strange = sum(byte < 9 or 13 < byte < 32 or byte == 127 for byte in data[:4096])
        return strange == 0
    return True


def decoded(data: bytes) -> tuple[str, bool]:
    """The text, and whether it was plainly UTF-8 or UTF-16; else it was read as Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), True
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), False
