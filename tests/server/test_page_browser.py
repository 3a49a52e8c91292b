"""The page in a real browser: what a person sees, types and is protected from."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.secret import Secret
from freellm_cli.server.page.desk import Desk
from tests.support.browser import Browser, Page, chromium
from tests.support.page_client import page_pass
from tests.support.serving import HELLO, MODEL, Served, key_text, served
from tests.support.upstream import simulator

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page in a browser")]
TICK_S = 0.05
PLANTED = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
LIVE = "document.querySelector('#link')?.dataset.state === 'live'"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium(), tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Served]:
    """Two keys with limits of their own; the page is told of changes twenty times a second."""
    limits = {"providers.acme.limits": [{"requests_per_minute": 1_000_000}]}
    with (
        simulator() as sim,
        served(
            sim, tmp_path, providers={"acme": 2}, settings={"default_model": MODEL, **limits}
        ) as house,
    ):
        house.app.page = Desk(house.app, tick_s=TICK_S)
        yield house


@pytest.fixture
def visit(browser: Browser, house: Served) -> Iterator[Open]:
    """Opens the page and waits until it is live. At the end no page may have complained or looked
    anywhere but at its server."""
    pages = []

    def visit(**how: Any) -> Page:
        page = browser.open(f"{house.url}/", **how)
        pages.append(page)
        page.wait(LIVE)
        return page

    yield visit
    for page in pages:
        page.close()
        assert page.complaints == []
        assert [url for url in page.asked if not url.startswith(f"{house.url}/")] == []


def badge(key: str) -> str:
    return (
        "[...document.querySelectorAll('.key')]"
        f".find((key) => key.querySelector('.id').textContent === '{key}')"
        "?.querySelector('.badge').textContent"
    )


def test_it_loads_from_its_server_alone_and_shows_the_pool(house: Served, visit: Open) -> None:
    house.ask(body=HELLO)
    page = visit()
    page.wait("document.querySelectorAll('.bar').length === 2")
    assert "2 keys: 2 ready" in page.text()
    assert "1 of 1,000,000 requests a minute" in page.text()
    assert page.value("document.querySelector('.rows .who').textContent") == MODEL
    assert set(page.statuses.values()) == {200}


def test_a_pool_without_keys_says_how_to_begin(browser: Browser, tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, providers={"gemini": 0}) as house:
        page = browser.open(f"{house.url}/")
        page.wait(LIVE)
        assert "No keys yet" in page.text()
        page.click("#go-keys")
        page.wait("document.activeElement.id === 'key-provider'")
        page.close()


def test_what_is_wrong_with_the_settings_is_shown_at_the_top(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("this is = = no toml")
    with simulator() as sim, served(sim, tmp_path) as house:
        page = browser.open(f"{house.url}/")
        page.wait("document.querySelector('#problem').textContent.includes('config.toml')")
        assert "No keys yet" not in page.text()
        page.close()


def test_a_key_comes_to_rest_and_wakes(house: Served, visit: Open) -> None:
    page = visit()
    page.wait(f"{badge('acme-1')} === 'ready'")
    house.sim.fail("rate_minute", wait_s=2, key=key_text("acme", 1), times=1)
    house.ask(body=HELLO)
    page.wait(f"{badge('acme-1')} === 'resting'")
    page.wait("/[12] s left/.test(document.querySelector('#pool').innerText)")
    assert "too many requests in a minute" in page.text()
    assert page.value(badge("acme-2")) == "ready"
    page.wait(f"{badge('acme-1')} === 'ready'")


def test_the_play_box_sends_a_prompt_and_shows_who_answered(house: Served, visit: Open) -> None:
    page = visit()
    page.type("#play-prompt", "Where is the sea <b>blue</b>?")
    page.press("Enter", ctrl=True)
    page.wait("document.querySelector('#play-who').textContent.includes('done in')")
    assert f"{MODEL} with acme-1" in page.value("document.querySelector('#play-who').textContent")
    answer = page.value("document.querySelector('#play-answer').textContent")
    assert "Where is the sea <b>blue</b>?" in answer
    page.wait("document.querySelectorAll('#recent li').length === 1")


def test_an_answer_that_is_refused_or_stopped_says_so(house: Served, visit: Open) -> None:
    page = visit()
    who = "document.querySelector('#play-who').textContent"
    page.type("#play-prompt", "Hello")
    page.type("#play-model", "nobody/knows-this")
    page.click("#play-send")
    page.wait(f"{who}.startsWith('That did not work')")
    page.complaints.clear()  # the browser notes the 404
    page.value("document.querySelector('#play-model').value = ''")
    house.sim.fail("stall_before_first_token")
    page.click("#play-send")
    page.wait("!document.querySelector('#play-stop').hidden")
    assert house.sim.wait_for(lambda counts: counts.stalled == 1)
    page.click("#play-stop")
    page.wait(f"{who}.includes('stopped')")
    assert house.wait_for(lambda: house.app.answering == 0)


def test_a_key_is_added_and_leaves_no_trace_in_the_page(house: Served, visit: Open) -> None:
    key = "key-of-a-new-account-9d3f7b21"
    page = visit()
    page.wait("document.querySelectorAll('#key-provider option').length > 5")
    page.value(
        "(() => { const list = document.querySelector('#key-provider'); list.value = 'acme';"
        " list.dispatchEvent(new Event('change')); })()"
    )
    page.type("#key-text", key)
    page.type("#key-label", "the new one")
    page.click("#key-send")
    page.wait("document.querySelector('#key-told').textContent.includes('Stored as acme-3')")
    page.wait(f"{badge('acme-3')} === 'ready'")
    assert "the new one" in page.text()
    everywhere = page.value(
        "document.documentElement.outerHTML + JSON.stringify([...document.querySelectorAll('input')]"
        ".map((input) => input.value)) + JSON.stringify({...localStorage, ...sessionStorage})"
    )
    assert key[-8:] not in everywhere
    page.click(".key button")
    page.wait("document.querySelector('.key .told').textContent.includes('acme-1 is good')")


def test_scripts_planted_in_names_answers_and_errors_are_text(house: Served, visit: Open) -> None:
    page = visit()
    house.ask(body={**HELLO, "model": f"acme/{PLANTED}"})
    house.ask(body={**HELLO, "model": PLANTED})
    told = {"error": {"message": PLANTED, "code": "rate_limit_exceeded"}}
    house.sim.fail("status", status=429, body=told, times=1)
    house.ask(body=HELLO)
    page.type("#play-prompt", PLANTED)
    page.press("Enter", ctrl=True)
    page.wait("document.querySelector('#play-who').textContent.length > 0")
    page.wait("document.querySelectorAll('#recent li').length >= 3")
    shown = page.value("document.querySelector('#recent').innerText")
    assert shown.count(PLANTED) >= 2
    page.wait("document.querySelector('#pool').innerText.includes('<script>')")
    assert page.value("window.hit") is None
    assert page.value("document.images.length") == 1
    assert page.value("[...document.scripts].every((script) => script.src.includes('/page/'))")


INJECTIONS = (
    "document.body.innerHTML = '<b>x</b>'",
    "document.createElement('script').src = '/page/theme.js'",
    "document.createElement('script').text = 'window.hit = 1'",
    "document.write('<b>x</b>')",
    "eval('window.hit = 1')",
)


def test_the_policy_stops_what_would_get_through(visit: Open) -> None:
    """Were a text made markup one day, it would still run nothing."""
    page = visit()
    for code in INJECTIONS:
        tried = f"(() => {{ try {{ {code}; return 'done' }} catch (e) {{ return e.name }} }})()"
        assert page.value(tried) in ("TypeError", "EvalError"), code
    page.value("fetch('http://127.0.0.1:1/').catch(() => 0)")
    assert any("connect-src 'self'" in text for text in page.complaints)
    page.complaints.clear()


# Other sites

ATTACK = """(async () => {
  const tried = {};
  const attempt = async (name, work) => {
    try { const answer = await work(); tried[name] = answer.type === 'opaque' ? 'opaque' : answer.status; }
    catch { tried[name] = 'blocked'; }
  };
  const headers = {'x-freellm-page': PASS};
  const body = JSON.stringify({provider: 'acme', key: 'stolen-0123456789', model: 'acme/m',
    id: 'acme-1', messages: [{role: 'user', content: 'spend'}]});
  for (const path of ['/page/keys', '/page/keys/check', '/page/ask', '/v1/chat/completions']) {
    await attempt(path, () => fetch(TARGET + path, {method: 'POST', headers, body}));
    await attempt(path + ' simple', () => fetch(TARGET + path, {method: 'POST', mode: 'no-cors', body}));
  }
  await attempt('read', () => fetch(TARGET + '/'));
  await attempt('events', () => fetch(TARGET + '/page/events', {headers}));
  const frame = document.createElement('iframe');
  frame.src = TARGET + '/';
  document.body.append(frame);
  await new Promise((done) => { frame.onload = done; });
  tried.frame = frame.contentDocument === null ? 'foreign' : frame.contentDocument.body.innerText;
  const script = document.createElement('script');
  tried.script = await new Promise((done) => {
    script.onload = () => done('loaded'); script.onerror = () => done('blocked');
    script.src = TARGET + '/page/theme.js'; document.body.append(script);
  });
  return tried;
})()"""


def test_another_site_can_neither_post_nor_read_nor_frame(browser: Browser, house: Served) -> None:
    page = browser.open(f"{house.sim.url}/nothing-here")
    script = ATTACK.replace("TARGET", repr(house.url)).replace("PASS", repr(page_pass(house)))
    tried = page.value(script)
    simple = {name: how for name, how in tried.items() if name.endswith(" simple")}
    assert set(simple.values()) == {"opaque"}
    rest = {name: how for name, how in tried.items() if name not in simple}
    assert rest.pop("frame") in ("foreign", "")
    assert set(rest.values()) == {"blocked"}, rest
    refused = [text for text in page.complaints if "403" in text or "CORS" in text]
    assert len(refused) >= 8
    assert not [seen for seen in house.sim.seen if "chat" in seen.path]
    assert len(house.runtime.vault.list()) == 2
    assert house.app.page.live.pages == 0
    page.close()


# A locked server, a new start


def test_a_locked_server_asks_for_its_token(browser: Browser, tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, token=Secret("sesame-0123456789")) as house:
        page = browser.open(f"{house.url}/")
        page.wait("!document.querySelector('#lock').hidden")
        assert page.value("document.querySelector('#desk').hidden")
        page.type("#lock-token", "wrong")
        page.press("Enter")
        page.wait("document.querySelector('#lock-told').textContent === 'That is not the token.'")
        page.type("#lock-token", "sesame-0123456789")
        page.press("Enter")
        page.wait(LIVE)
        page.wait(f"{badge('acme-1')} === 'ready'")
        assert page.value("document.querySelector('#lock').hidden")
        assert "YOUR-TOKEN" in page.value("document.querySelector('#setup-lines').innerText")
        page.close()


def test_a_page_outlives_its_server(browser: Browser, tmp_path: Path) -> None:
    with simulator() as sim:
        with served(sim, tmp_path / "once") as house:
            page = browser.open(f"{house.url}/")
            page.wait(LIVE)
            port = house.port
            page.value("window.before = true")
        page.wait("document.querySelector('#link').textContent.includes('trying again')")
        with served(sim, tmp_path / "again", port=port):
            page.wait(f"!window.before && {LIVE}")
            page.close()


# Everybody


def test_every_control_has_a_name_and_every_part_a_heading(visit: Open) -> None:
    page = visit()
    page.wait(f"{badge('acme-1')} === 'ready'")
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and "role" in node
    ]
    controls = {"button", "textbox", "combobox", "link", "meter", "region", "heading"}
    assert not [role for role, name in roles if role in controls and not name.strip()]
    headings = [name for role, name in roles if role == "heading"]
    assert {"Pool", "Try it", "Last requests", "Add a key", "Use it from"} <= set(headings)
    assert {"main", "banner", "contentinfo"} <= {role for role, _ in roles}
    assert page.value("document.documentElement.lang") == "en"
    assert page.value("document.title") == "freellm: your pool"


def test_the_keyboard_reaches_everything(visit: Open) -> None:
    page = visit()
    page.wait(f"{badge('acme-1')} === 'ready'")
    page.press("Tab")
    assert page.value("document.activeElement.textContent") == "Skip to the pool"
    reached = []
    for _ in range(24):
        page.press("Tab")
        reached.append(page.value("document.activeElement.id || document.activeElement.tagName"))
    wanted = [
        "theme",
        "BUTTON",
        "play-prompt",
        "play-model",
        "play-send",
        "key-provider",
        "key-text",
        "key-label",
        "key-send",
        "setup-client",
    ]
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    page.value("document.querySelector('#play-model').focus()")
    page.press("Tab")
    assert page.value(outline) != "none"


def test_dark_and_light_follow_the_system_until_somebody_chooses(visit: Open) -> None:
    page = visit()
    ground = "getComputedStyle(document.body).backgroundColor"
    page.prefer("light")
    light = page.value(ground)
    page.prefer("dark")
    dark = page.value(ground)
    assert light != dark
    page.click("#theme")
    assert page.value(ground) == light
    page.call("Page.reload")
    page.wait(f"document.querySelector('#theme')?.textContent === 'Theme: light' && {LIVE}")
    assert page.value(ground) == light
    page.click("#theme")
    page.prefer("light")
    assert page.value(ground) == dark


CONTRASTS = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.disabled || element.className === 'skip') continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName} ${element.textContent} ${ratio}`);
  }
  return poor;
})()"""


def test_it_is_readable_from_360_pixels_to_wide_in_both_themes(house: Served, visit: Open) -> None:
    """Contrast of at least 4.5 (WCAG 2.2, 1.4.3), nothing beyond the right edge (1.4.10)."""
    house.ask(body=HELLO)
    house.ask(body={**HELLO, "model": "nobody/knows"})
    rest = house.runtime.ledger.rest
    rest("credential:acme-1", until=None, kind="key_suspended", reason="key suspended: gone")
    rest("credential:acme-2", until=time.time() + 60, kind="overloaded", reason="busy")
    page = visit()
    page.wait(f"{badge('acme-1')} === 'refused' && {badge('acme-2')} === 'resting'")
    page.call("Emulation.setScrollbarsHidden", hidden=True)
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        assert page.value(CONTRASTS) == []
        for width in (360, 800, 1600):
            page.size(width, 900)
            assert page.value("document.documentElement.scrollWidth") <= width


# Time


TRAFFIC = int(os.environ.get("PAGE_TRAFFIC", "700"))
"""Requests, most of them seen by the open page on their own; an hour of one a second is PAGE_TRAFFIC=3600."""
COUNTING = """
window.seen = 0;
new MutationObserver((changes) => {
  for (const change of changes) window.seen += change.addedNodes.length;
}).observe(document.querySelector('#recent'), {childList: true});
"""


def test_traffic_leaves_the_memory_of_the_page_and_the_servers_threads_flat(
    house: Served, visit: Open
) -> None:
    house.app.page = Desk(house.app, tick_s=0.002)
    page = visit()
    page.value(COUNTING)

    def ask(count: int) -> None:
        for _ in range(count):
            assert house.ask(body={**HELLO, "max_tokens": 5}).status == 200
        assert house.wait_for(lambda: house.app.requests_running == 0)

    ask(150)
    page.wait("document.querySelectorAll('#recent li').length === 12")
    bytes_before, nodes_before = page.memory()
    threads = threading.active_count()
    ask(TRAFFIC)
    threading.Event().wait(0.2)
    assert page.value("window.seen") > TRAFFIC / 2, "the page was told too little to count"
    bytes_after, nodes_after = page.memory()
    print(f"{bytes_before} -> {bytes_after} bytes, {nodes_before} -> {nodes_after} nodes")
    assert bytes_after < bytes_before * 1.15 + 100_000
    assert nodes_after < nodes_before + 100
    assert threading.active_count() <= threads + 1
