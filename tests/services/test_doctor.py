"""`freellm doctor` finds what is wrong, says what mends it, and publishes nothing private."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from freellm_cli.core.http import Headers
from freellm_cli.core.secret import Secret
from freellm_cli.services.doctor import Finding, examine, examined
from freellm_cli.services.doctor_bundle import bundle
from freellm_cli.services.doctor_network import _clock_finding, _offset, without_user
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

CANARY = "AIzaSyCANARY0123456789CANARY0123456789x"


@pytest.fixture
def home(home: Household) -> Household:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    return home.config(f"[serve]\nport = {free}\n").keys("gemini", CANARY)


def look(home: Household, *, online: bool = False, ask_keys: bool = True) -> list[Finding]:
    home.forget()
    return examine(home.runtime, online=online, ask_keys=ask_keys)


def of(findings: list[Finding], area: str, state: str = "") -> list[Finding]:
    return [item for item in findings if item.area == area and state in ("", item.state)]


def test_a_sound_household_has_nothing_to_mend(home: Household, sim: Simulator) -> None:
    os.chmod(home.folder / "config" / "config.toml", 0o600)
    findings = look(home, online=True)
    assert [item for item in findings if item.state in ("warn", "bad")] == []
    assert examined(findings).exit_code == 0
    assert of(findings, "keys")[0].text == "gemini-1: accepted"
    assert of(findings, "clock", "good")
    assert all(seen.operation != "chat" for seen in sim.seen)


def test_whatever_is_wrong_comes_with_its_fix(home: Household, sim: Simulator) -> None:
    sim.key(CANARY).bad()
    home.config(f"unknown_word = 1\n[serve]\nport = {home.sim.port}\n")
    (home.folder / "config" / "credentials.toml").chmod(0o644)
    findings = look(home)
    judged = [item for item in findings if item.state in ("warn", "bad")]
    assert {item.area for item in judged} >= {"configuration", "ports", "keys"}
    assert all(item.fix for item in judged)
    assert of(findings, "keys", "bad")[0].fix.endswith("freellm keys add gemini")
    assert examined(findings).exit_code in (3, 4)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_key_file_that_others_can_read_is_bad_and_chmod_is_named(home: Household) -> None:
    path = home.folder / "config" / "credentials.toml"
    path.chmod(0o644)
    finding = of(look(home, ask_keys=False), "files", "bad")[0]
    assert finding.fix == f"chmod 600 '{path}'"


def test_broken_settings_are_the_first_thing_to_mend(home: Household) -> None:
    (home.folder / "config" / "config.toml").write_text("rotation = 5\nwait = 3\n")
    findings = look(home)
    assert len(of(findings, "configuration", "bad")) == 2
    assert findings[-1].text.startswith("not looked at")


def test_a_damaged_ledger_is_found_before_it_is_opened(home: Household) -> None:
    assert home.ask().completion().text
    home.forget()
    ledger = home.folder / "state" / "ledger.db"
    for rest in ledger.parent.glob("ledger.db-*"):
        rest.unlink()
    ledger.write_bytes(b"\xff" * 8192)
    finding = of(look(home, ask_keys=False), "ledger", "bad")[0]
    assert "damaged" in finding.text
    assert "move" in finding.fix


def test_offline_nothing_is_sent(home: Household, sim: Simulator) -> None:
    look(home, ask_keys=False)
    assert sim.counts.requests == 0


def test_a_provider_that_does_not_answer_is_named(home: Household) -> None:
    home.provider("gemini", "http://127.0.0.1:9/v1beta")
    assert "127.0.0.1" in of(look(home, online=True, ask_keys=False), "network", "bad")[0].text


def test_a_clock_that_is_off_is_bad() -> None:
    date = "Sat, 21 Nov 2026 04:00:00 GMT"
    right = 1_795_233_600.0
    assert _offset(date, right, right + 0.2) == 0.0
    assert _offset(date, right + 120, right + 120.2) == pytest.approx(120, abs=1)
    assert _offset("yesterday", right, right) is None
    assert _clock_finding(120.0).state == "bad"
    assert _clock_finding(3.0).state == "good"
    assert Headers({"Date": date})["date"] == date


def test_a_proxy_s_password_is_never_shown(home: Household) -> None:
    home.env["HTTPS_PROXY"] = "http://me:hunter2secret@proxy.example:3128"
    finding = next(item for item in look(home, ask_keys=False) if "PROXY" in item.text)
    assert "hunter2secret" not in finding.text
    assert without_user("socks5://a:b@h:1") == "socks5://h:1"


def test_the_bundle_holds_nothing_private(home: Household, sim: Simulator) -> None:
    home.env |= {"HOME": "/home/quentin", "USER": "quentin"}
    home.env["HTTPS_PROXY"] = ""
    home.runtime.vault.update("gemini-1", label="Quentin's key", account="secret-project-77")
    home.config(
        '[serve]\ntoken = "tok-canary-0123456789"\n[providers.mine]\n'
        'base_url = "http://10.1.2.3:9/v1"\n'
        'auth_url = "http://quentin:hunter2secret@10.1.2.3:9/v1?api-key=querycanary99"\n'
        '[providers.mine.headers]\nX-Title = "headercanary"\n'
    )
    home.keys("groq", "gsk_CANARY0123456789CANARY0123456789")
    assert home.ask("PROMPTCANARY", model=FLASH).completion().text
    home.runtime.ledger.rest(
        "account:gemini/secret-project-77",
        until=None,
        reason=f"said of quentin@example.org with {CANARY}",
        kind="auth_invalid",
    )
    (home.folder / "state" / "crash.log").write_text(f"at /home/quentin/x with {CANARY}")
    text = bundle(home.runtime, look(home, ask_keys=False))
    data = json.loads(text)
    assert data["credentials"][0]["id"] == "gemini-1"
    assert data["requests"]
    for private in (
        CANARY, "gsk_CANARY", "tok-canary", "hunter2secret", "querycanary", "headercanary",
        "quentin", "Quentin", "secret-project-77", "PROMPTCANARY", "10.1.2.3", "example.org",
        str(home.folder),
    ):  # fmt: skip
        assert private not in text, private
    assert Secret(CANARY).fingerprint() not in text


def test_the_bundle_never_overwrites(home: Household, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    first = home.run("doctor", "--offline", "--bundle", str(target))
    assert first.code == 0
    assert "all is well" in first.out or "to know" in first.out
    again = home.run("doctor", "--offline", "--bundle", str(target))
    assert again.code == 2
    assert "exists" in again.err
