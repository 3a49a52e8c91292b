"""The page at `/` as HTTP: who may use it, what it is told, what it may change."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path

import pytest

from freellm_cli.core.secret import Secret
from freellm_cli.server.page.desk import Desk
from freellm_cli.server.page.handlers import preferred
from freellm_cli.server.page.live import MOST_PAGES, Live
from tests.support.page_client import OpenPage, page_pass, post
from tests.support.serving import HELLO, MODEL, Served, key_text, served
from tests.support.upstream import simulator

PAGE = "https://page.example"
NEW_KEY = "key-of-a-new-account-9d3f7b21"
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
CHANGES = [
    ("/page/keys", {"provider": "acme", "key": NEW_KEY}),
    ("/page/keys/check", {"id": "acme-1"}),
    ("/page/ask", QUESTION),
]


@pytest.fixture
def house(house: Served) -> Served:
    """The usual one, whose page is told of changes fifty times a second."""
    house.app.page = Desk(house.app, tick_s=0.02)
    return house


# Who may use it


def test_the_page_takes_nothing_from_elsewhere_and_runs_no_inline_script(house: Served) -> None:
    reply = house.ask("/", headers={"Accept": "text/html"})
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["cache-control"] == "no-store"
    html = reply.body.decode()
    assert not re.search(r"<script(?![^>]*src=\"/page/)|<style|\son\w+=|style=|\{\{", html)
    for address in re.findall(r'(?:src|href)="([^"#]+)"', html):
        assert house.ask(address).status == 200, address


@pytest.mark.parametrize(
    "path",
    ["/page/", "/page/../app.py", "/page/page.html", "/page/nothing.js", "/page/texts.en.json"],
)
def test_only_the_pages_own_files_are_served(house: Served, path: str) -> None:
    assert house.ask(path).status == 404


@pytest.mark.parametrize(("path", "body"), CHANGES)
@pytest.mark.parametrize("shows", ["", "0" * 48])
def test_nothing_is_changed_without_the_pages_pass(
    house: Served, path: str, body: dict[str, str], shows: str
) -> None:
    reply = post(house, path, body, shows=shows)
    assert (reply.status, reply.json["error"]["code"]) == (403, "stale_page")
    assert not house.sim.seen
    assert len(house.runtime.vault.list()) == 3


@pytest.mark.parametrize(("path", "body"), CHANGES)
@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1:1", "http://localhost"])
def test_no_other_site_may_change_anything_even_with_the_pass(
    house: Served, path: str, body: dict[str, str], origin: str
) -> None:
    reply = post(house, path, body, Origin=origin)
    assert (reply.status, reply.json["error"]["code"]) == (403, "foreign_origin")
    assert not house.sim.seen


def test_a_browser_that_names_another_site_is_refused(house: Served) -> None:
    for site in ("cross-site", "same-site"):
        assert post(house, "/page/ask", QUESTION, Sec_Fetch_Site=site).status == 403
    assert post(house, "/page/ask", QUESTION, Sec_Fetch_Site="same-origin").status == 200


def test_the_servers_own_page_may(house: Served) -> None:
    own = f"http://127.0.0.1:{house.port}"
    assert post(house, "/page/ask", QUESTION, Origin=own).status == 200


def test_a_site_that_may_ask_models_can_neither_read_the_page_nor_use_its_paths(
    tmp_path: Path,
) -> None:
    with simulator() as sim, served(sim, tmp_path, cors_origins=("*",)) as house:
        assert house.ask(body=HELLO, headers={"Origin": PAGE}).status == 200
        for path in ("/", "/v1", "/page/page.js", "/page/events"):
            reply = house.ask(path, headers={"Origin": PAGE})
            assert reply.status == 403
            assert "access-control-allow-origin" not in reply.headers
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
        assert house.ask("/page/keys", method="OPTIONS", headers=asked).status == 403


def test_a_rebound_name_gets_no_page(house: Served) -> None:
    assert house.ask("/", headers={"Host": "evil.example"}).status == 403


def test_a_locked_server_shows_its_page_and_nothing_of_the_pool(tmp_path: Path) -> None:
    token = "sesame-0123456789"
    with simulator() as sim, served(sim, tmp_path, token=Secret(token)) as house:
        html = house.ask("/").body.decode()
        assert 'name="freellm-locked" content="yes"' in html
        assert token not in html
        for path, body in (("/page/events", None), *CHANGES):
            headers = {"x-freellm-page": page_pass(house)}
            assert house.ask(path, body, headers=headers).status == 401, path
        assert not sim.seen
        with OpenPage(house, token=token) as page:
            assert "key/acme-1" in page.until(lambda parts: "order" in parts)


def test_each_start_has_a_pass_of_its_own(tmp_path: Path) -> None:
    passes = set()
    for name in ("one", "two"):
        with simulator() as sim, served(sim, tmp_path / name) as house:
            passes |= {page_pass(house), page_pass(house)}
    assert len(passes) == 2
    assert all(len(text) == 48 for text in passes)


# What it is told


def test_an_open_page_is_told_who_answered_and_how_fast(house: Served) -> None:
    with OpenPage(house) as page:
        page.until(lambda parts: parts.get("order") == ["acme-1", "acme-2", "other-1"])
        assert not [name for name in page.parts if name.startswith("recent/")]
        house.ask(body=HELLO)
        row = page.until(lambda parts: "recent/1" in parts)["recent/1"]
        assert (row["answered"], row["credential"], row["status"]) == (MODEL, "acme-1", 200)
        assert row["first_ms"] <= row["ms"]
        assert row["tokens"] > 0
        assert "how are you" not in json.dumps(page.parts)


def test_only_what_has_changed_is_sent(house: Served) -> None:
    with OpenPage(house) as page:
        page.next()
        whole = page.bytes
        house.ask(body=HELLO)
        page.until(lambda parts: "recent/1" in parts)
    changed = {name for event in page.events[1:] for name in event["set"]}
    assert page.events[0]["whole"]
    assert not any(event["whole"] for event in page.events[1:])
    assert {"recent/1"} <= changed <= {"recent/1", "key/acme-1", "server"}
    assert page.bytes - whole < whole / 2


def test_a_key_that_rests_is_shown_resting_until_it_wakes(house: Served) -> None:
    with OpenPage(house) as page:
        page.next()
        house.runtime.ledger.rest(
            "credential:acme-1", until=None, kind="auth_invalid", reason="wrong key"
        )
        row = page.until(lambda parts: parts["key/acme-1"]["state"] != "good")["key/acme-1"]
        assert (row["state"], row["rest"]["reason"]) == ("refused", "wrong key")
        house.runtime.ledger.wake("credential:acme-1")
        page.until(lambda parts: parts["key/acme-1"]["state"] == "good")


def test_the_list_of_requests_is_bounded(house: Served) -> None:
    with OpenPage(house) as page:
        for _ in range(40):
            house.ask(body=HELLO)
        page.until(lambda parts: "recent/40" in parts)
        numbers = sorted(int(name[7:]) for name in page.parts if name.startswith("recent/"))
    assert numbers == list(range(11, 41))


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("this is = = no toml")
    with simulator() as sim, served(sim, tmp_path) as house, OpenPage(house) as page:
        assert "config.toml" in page.until(lambda parts: "problem" in parts)["problem"]


# Threads and sockets


def test_open_pages_hold_no_worker(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, threads=2, queue=2) as house:
        pages = [OpenPage(house) for _ in range(12)]
        for page in pages:
            assert page.next() is not None
        assert house.ask(body=HELLO).status == 200
        assert [thread.name for thread in threading.enumerate()].count("page") == 1
        assert house.app.gauges()["connections"] >= 12
        for page in pages:
            page.close()
        assert house.wait_for(lambda: house.app.page.live.pages == 0)
        assert house.wait_for(lambda: house.app.gauges()["connections"] <= 1)


def test_there_are_only_so_many_open_pages(house: Served) -> None:
    pages = [OpenPage(house) for _ in range(MOST_PAGES)]
    assert {page.status for page in pages} == {200}
    with OpenPage(house) as late:
        assert late.status == 503
    for page in pages:
        page.close()


def test_the_end_of_the_server_ends_the_stream(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path) as house:
        page = OpenPage(house)
        assert page.next() is not None
    assert page.next() is None
    page.close()


class FakeConnection:
    """Takes `room` bytes, then nothing more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.closed = False

    def receive(self) -> bool:
        return False

    def send_at_once(self, data: bytes) -> int:
        taken = min(self.room, len(data))
        self.room -= taken
        return taken

    def close(self) -> None:
        self.closed = True


def test_a_page_that_reads_nothing_is_let_go_and_the_others_go_on() -> None:
    turns = iter(range(1, 10_000))
    left: list[int] = []
    live = Live(
        lambda: {"text": f"{next(turns)}" * 50_000},
        lambda: left.append(1),
        now=lambda: 0.0,
        monotonic=time.monotonic,
        tick_s=0.001,
    )
    stuck, reading = FakeConnection(100), FakeConnection(1 << 60)
    live.take(stuck)  # type: ignore[arg-type]
    live.take(reading)  # type: ignore[arg-type]
    patience = threading.Event()
    while not stuck.closed:
        patience.wait(0.01)
    assert not reading.closed
    assert left == [1]
    live.stop()
    assert reading.closed
    assert left == [1, 1]


# What it may change


def test_a_key_is_added_checked_and_never_shown(house: Served, tmp_path: Path) -> None:
    with OpenPage(house) as page:
        page.next()
        body = {"provider": "acme", "key": f"  {NEW_KEY}\n", "label": "mine"}
        reply = post(house, "/page/keys", body)
        assert reply.status == 200
        assert (reply.json["id"], reply.json["check"]) == ("acme-3", "good")
        assert reply.headers["cache-control"] == "no-store"
        row = page.until(lambda parts: "key/acme-3" in parts)["key/acme-3"]
        assert row["label"] == "mine"
        shown = reply.body.decode() + json.dumps(page.events) + "".join(house.log)
    assert not re.search(r"9d3f7b21|key-of-a", shown)
    assert house.runtime.vault.list()[-1].label == "mine"


def test_a_key_that_its_provider_refuses_is_not_stored(house: Served) -> None:
    house.sim.key(NEW_KEY).bad()
    reply = post(house, "/page/keys", {"provider": "acme", "key": NEW_KEY})
    assert (reply.status, reply.json["id"], reply.json["check"]) == (200, None, "bad")
    assert NEW_KEY not in reply.body.decode()
    assert len(house.runtime.vault.list()) == 3


def test_a_provider_that_repeats_a_new_key_cannot_show_it(house: Served) -> None:
    text = {"error": {"message": f"no such key: {NEW_KEY}"}}
    house.sim.fail("status", status=401, body=text, on="any", times=None)
    reply = post(house, "/page/keys", {"provider": "acme", "key": NEW_KEY})
    assert reply.json["id"] is None
    assert NEW_KEY not in reply.body.decode()


@pytest.mark.parametrize(
    "pasted", [f"Bearer {NEW_KEY}", f'"{NEW_KEY}"', f"ACME_API_KEY={NEW_KEY};"]
)
@pytest.mark.parametrize("before", ["no such key: ", "x" * 185])
def test_nor_can_it_when_the_key_was_pasted_with_more_or_its_end_is_cut_off(
    house: Served, pasted: str, before: str
) -> None:
    text = {"error": {"message": before + NEW_KEY}}
    house.sim.fail("status", status=401, body=text, on="any", times=None)
    reply = post(house, "/page/keys", {"provider": "acme", "key": pasted})
    assert reply.json["message"] == before + "…"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"provider": "acme"},
        {"provider": "acme", "key": "   "},
        {"provider": "acme", "key": 7},
        {"provider": "acme", "key": "x" * 9000},
        {"provider": "acme", "key": "k", "settings": [1]},
        {"provider": "nobody", "key": NEW_KEY},
        {"provider": "acme", "key": key_text("acme", 1)},
    ],
)
def test_what_is_no_new_key_is_refused_in_words(house: Served, body: object) -> None:
    reply = post(house, "/page/keys", body)
    assert reply.status in (400, 404), reply
    assert reply.json["error"]["message"]
    assert key_text("acme", 1) not in reply.body.decode()
    assert len(house.runtime.vault.list()) == 3


def test_a_stored_key_is_checked(house: Served) -> None:
    reply = post(house, "/page/keys/check", {"id": "acme-1"})
    assert reply.json == {"id": "acme-1", "check": "good", "message": "accepted"}
    house.sim.key(key_text("acme", 1)).bad()
    assert post(house, "/page/keys/check", {"id": "acme-1"}).json["check"] == "bad"
    assert post(house, "/page/keys/check", {"id": "nobody-1"}).status == 404


def test_the_play_box_streams_and_says_who_answered(house: Served) -> None:
    reply = post(house, "/page/ask", {**QUESTION, "stream": True})
    assert reply.headers["x-freellm-credential"] == "acme-1"
    assert reply.events[-1] == "[DONE]"


def test_the_log_tells_what_the_page_does_and_not_what_it_is_made_of(house: Served) -> None:
    assert house.ask("/page/page.js").status == 200
    assert house.ask("/page/nothing.js").status == 404
    post(house, "/page/ask", QUESTION)
    assert house.wait_for(lambda: "POST /page/ask 200" in "".join(house.log))
    told = "".join(house.log)
    assert "GET /page/nothing.js 404" in told
    assert "page.js 200" not in told


# Its words


FILES = Path(__file__).parents[2] / "freellm_cli" / "server" / "page" / "files"
TEXTS = json.loads((FILES / "texts.en.json").read_text(encoding="utf-8"))


def test_every_word_that_the_page_uses_is_in_the_file_and_no_other() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in FILES.glob("*.js"))
    html = (FILES / "page.html").read_text(encoding="utf-8")
    used = set(re.findall(r'data-text="([^"]+)"', html)) | {"title", "no_script", "clients"}
    used |= set(re.findall(r'(?:word|say)\("([a-z_.]+)"', code))
    counted = {
        f"{name}.{form}"
        for name in re.findall(r'counted\("([a-z_.]+)"', code)
        for form in ("one", "other")
    }
    begins = tuple(re.findall(r"`([a-z]+(?:\.[a-z]+)*\.)\$\{", code))
    quoted = {name for name in TEXTS if f'"{name}"' in code}
    assert used | counted <= set(TEXTS)
    over = {
        name
        for name in TEXTS
        if name not in used | counted | quoted and not name.startswith(begins)
    }
    assert not over


def test_no_word_for_people_is_in_the_markup() -> None:
    html = (FILES / "page.html").read_text(encoding="utf-8")
    said = re.sub(r"<[^>]*>|\{\{\w+\}\}", " ", html).split()
    assert said == ["freellm"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,pt-BR;q=0.5", "pt-br"),
        ("xx", "en"),
        ("en-GB,de", "en"),
    ],
)
def test_the_language_is_the_first_that_there_is(accepted: str, language: str) -> None:
    assert preferred(accepted, ["en", "de", "pt-br"]) == language


def test_the_lines_for_clients_are_those_of_the_documentation() -> None:
    page = (FILES.parents[3] / "docs" / "clients.md").read_text(encoding="utf-8")
    said = " ".join(page.split())
    for client in TEXTS["clients"]:
        for line in client["lines"]:
            filled = line.replace("{root}", "http://127.0.0.1:8000").replace("{key}", "any")
            assert " ".join(filled.split()) in said, (client["name"], filled)


def test_the_page_is_in_the_package() -> None:
    import tomllib

    project = tomllib.loads((FILES.parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["freellm_cli"]
    assert not {"exclude", "only-include"} & set(wheel)
