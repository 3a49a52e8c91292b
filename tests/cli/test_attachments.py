"""Files, addresses and the pipe as parts of a question: sent to who can take them, refused with a reason."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from freellm_cli.services.attachments import LARGEST
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

DEAF = "groq/openai/gpt-oss-120b"  # takes text alone


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n%%EOF\n"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 40
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 30


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1").keys("groq", "g1").config(f'default_model = "{FLASH}"')


@pytest.fixture
def put(tmp_path: Path) -> Any:
    def write(name: str, data: bytes | str) -> str:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    return write


def parts(sim: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sim.seen[-1].body["contents"][-1]["parts"]
    return found


@pytest.mark.parametrize(
    ("name", "data", "mime"),
    [
        ("red.png", png(), "image/png"),
        ("paper.pdf", PDF, "application/pdf"),
        ("voice.wav", WAV, "audio/wav"),
    ],
)
def test_media_is_sent_as_what_it_is(
    home: Household, sim: Simulator, put: Any, name: str, data: bytes, mime: str
) -> None:
    outcome = home.run("chat", "-a", put(name, data), "what is this?")
    assert (outcome.code, outcome.err) == (0, "")
    first, second = parts(sim)
    assert first["inlineData"]["mimeType"] == mime
    assert base64.b64decode(first["inlineData"]["data"]) == data
    assert second == {"text": "what is this?"}


def test_a_text_file_is_fenced_under_its_name(home: Household, sim: Simulator, put: Any) -> None:
    path = put("notes.md", "a ``` fence\n````\ninside")
    assert home.run("chat", "-a", path, "summarise").code == 0
    (only,) = parts(sim)
    assert only["text"] == "notes.md\n`````\na ``` fence\n````\ninside\n`````\n\nsummarise"


def test_several_go_together_and_a_question_may_be_missing(
    home: Household, sim: Simulator, put: Any
) -> None:
    one, two = put("a.txt", "alpha"), put("b.txt", "beta")
    assert home.run("chat", "-a", one, "-a", two).code == 0
    assert parts(sim)[0]["text"] == "a.txt\n```\nalpha\n```\n\nb.txt\n```\nbeta\n```"


def test_the_pipe_can_be_attached(home: Household, sim: Simulator) -> None:
    assert home.run("chat", "-a", "-", "what is this?", stdin=png()).code == 0
    assert parts(sim)[0]["inlineData"]["mimeType"] == "image/png"
    assert home.run("chat", "-a", "-", "-a", "-", "twice", stdin=png()).code == 2


def test_a_conversation_goes_on_with_its_picture(home: Household, sim: Simulator, put: Any) -> None:
    assert home.run("chat", "-a", put("red.png", png()), "what is this?").code == 0
    assert home.run("chat", "-c", "which colour?").code == 0
    first = sim.seen[-1].body["contents"][0]["parts"]
    assert base64.b64decode(first[0]["inlineData"]["data"]) == png()
    assert "red.png" in home.run("history", "show").out


def test_a_model_that_cannot_take_it_is_not_asked(
    home: Household, sim: Simulator, put: Any
) -> None:
    for name, data, word in (
        ("a.png", png(), "vision"),
        ("a.pdf", PDF, "pdf"),
        ("a.wav", WAV, "audio"),
    ):
        outcome = home.run("chat", "-m", DEAF, "-a", put(name, data), "hm?")
        assert (outcome.code, f"takes no {word}" in outcome.err) == (7, True)
    assert not sim.seen


def test_the_route_leads_past_models_that_cannot_take_it(
    home: Household, sim: Simulator, put: Any
) -> None:
    home.config(f'[aliases]\nsmart = ["{DEAF}", "{FLASH}"]')
    assert home.run("chat", "-m", "smart", "-a", put("a.png", png()), "hm?").code == 0
    assert [seen.provider for seen in sim.seen] == ["gemini"]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("empty.png", b"", "is empty"),
        ("noise.dat", bytes(range(256)), "a binary file, which no model takes"),
        ("letter.docx", b"PK\x03\x04" + b"\x00" * 40, "an archive or an Office document"),
        ("film.mp4", b"\x00\x00\x00\x20ftypisom" + b"\x00" * 40, "a video"),
        ("old.bmp", b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00" * 2, "a BMP image"),
        ("error.png", b"<html>404</html>", "is not a PNG image as its name says: it holds text"),
        ("paper.pdf", png(), "is not a PDF file as its name says: it is a PNG image"),
    ],
)
def test_what_cannot_be_sent_is_told_before_anything_is(
    home: Household, sim: Simulator, put: Any, name: str, data: bytes, told: str
) -> None:
    outcome = home.run("chat", "-a", put(name, data), "hm?")
    assert (outcome.code, told in outcome.err) == (2, True), outcome.err
    assert not sim.seen


def test_missing_and_huge_files_are_told(home: Household, sim: Simulator, tmp_path: Path) -> None:
    missing = home.run("chat", "-a", str(tmp_path / "gone.png"), "hm?")
    assert (missing.code, "No such file" in missing.err) == (2, True)
    folder = home.run("chat", "-a", str(tmp_path), "hm?")
    assert (folder.code, "is a folder" in folder.err) == (2, True)
    with open(tmp_path / "huge.txt", "wb") as file:
        file.truncate(LARGEST + 1)
    huge = home.run("chat", "-a", str(tmp_path / "huge.txt"), "hm?")
    assert (huge.code, "larger than 20 MiB" in huge.err) == (2, True)
    assert not sim.seen


def test_a_picture_under_another_pictures_name_is_sent_as_what_it_is(
    home: Household, sim: Simulator, put: Any
) -> None:
    outcome = home.run("chat", "-a", put("photo.png", JPEG), "hm?")
    assert (outcome.code, "is a JPEG image, whatever its name says" in outcome.err) == (0, True)
    assert parts(sim)[0]["inlineData"]["mimeType"] == "image/jpeg"


def test_text_in_other_encodings_is_read(home: Household, sim: Simulator, put: Any) -> None:
    assert home.run("chat", "-a", put("a.txt", "Grüße".encode("utf-16")), "hm?").code == 0
    assert "Grüße" in parts(sim)[0]["text"]
    outcome = home.run("chat", "-a", put("b.txt", "Grüße".encode("cp1252")), "hm?")
    assert "was read as Windows-1252" in outcome.err
    assert "Grüße" in parts(sim)[0]["text"]


# Addresses


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = b"<title>Sky</title><script>x()</script><p>is &amp; stays blue"
        pages: dict[str, tuple[int, str, bytes]] = {
            "/red.png": (200, "image/png", png()),
            "/page": (200, "text/html; charset=utf-8", page),
            "/moved": (302, "/red.png", b""),
            "/circle": (302, "/circle", b""),
            "/elsewhere": (302, "file:///etc/passwd", b""),
            "/huge": (200, "text/plain", b""),
        }  # fmt: skip
        status, kind, body = pages.get(self.path, (404, "text/plain", b"no"))
        self.send_response(status)
        if status == 302:
            self.send_header("location", kind)
        else:
            self.send_header("content-type", kind)
        size = LARGEST + 1 if self.path == "/huge" else len(body)
        self.send_header("content-length", str(size))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["/red.png", "/moved"])
def test_an_address_is_read_by_us(home: Household, sim: Simulator, site: str, path: str) -> None:
    assert home.run("chat", "-a", site + path, "hm?").code == 0
    assert base64.b64decode(parts(sim)[0]["inlineData"]["data"]) == png()


def test_a_web_page_is_sent_as_its_text(home: Household, sim: Simulator, site: str) -> None:
    assert home.run("chat", "-a", f"{site}/page", "hm?").code == 0
    text = parts(sim)[0]["text"]
    assert f"{site}/page\n```\nSky\nis & stays blue\n```" in text
    assert "x()" not in text


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/gone", "answers 404"),
        ("/circle", "leads on and on"),
        ("/elsewhere", "only http and https addresses are read"),
        ("/huge", "larger than 20 MiB"),
    ],
)
def test_an_address_that_gives_nothing_is_told(
    home: Household, sim: Simulator, site: str, path: str, told: str
) -> None:
    outcome = home.run("chat", "-a", site + path, "hm?")
    assert (outcome.code, told in outcome.err) == (2, True), outcome.err
    assert not sim.seen


def test_an_address_where_nobody_is_costs_no_question(home: Household, sim: Simulator) -> None:
    outcome = home.run("chat", "-a", "http://127.0.0.1:9/x.png", "hm?")
    assert outcome.code == 6
    assert not sim.seen


def test_json_tells_nothing_of_the_bytes(home: Household, put: Any) -> None:
    outcome = home.run("chat", "--json", "-a", put("red.png", png()), "hm?")
    assert base64.b64encode(png()).decode()[:40] not in json.dumps(json.loads(outcome.out))
