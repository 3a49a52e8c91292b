"""Keys in the system's keyring: moved whole, back again, and never in neither place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from freellm_cli.core.logins import Login
from freellm_cli.core.secret import Secret
from freellm_cli.services.doctor import examine
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

KEYS = ("AIzaSyCANARY-one-0123456789", "AIzaSyCANARY-two-0123456789")


class Drawer(KeyringBackend):
    """A keyring in memory that can be locked, or lock itself after so many writes."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False
        self.writes_left: int | None = None
        self.forgets = False

    def _open(self) -> None:
        if self.locked:
            raise KeyringLocked("locked")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise KeyringLocked("locked in between")
            self.writes_left -= 1
        if not self.forgets:
            self.held[(service, username)] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    before = keyring.get_keyring()
    mine = Drawer()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", *KEYS)


def file_text(home: Household) -> str:
    return (home.folder / "config" / "credentials.toml").read_text()


def places(home: Household, drawer: Drawer) -> list[tuple[bool, bool]]:
    """(in the file, in the keyring) of each key."""
    return [(key in file_text(home), key in drawer.held.values()) for key in KEYS]


def test_every_key_moves_and_answers_as_before(home: Household, drawer: Drawer) -> None:
    outcome = home.run("config", "set", "secrets", "keyring")
    assert (outcome.code, places(home, drawer)) == (0, [(False, True), (False, True)])
    assert "2 secrets moved" in outcome.out
    assert home.run("config", "get", "secrets").out == "keyring\n"
    home.forget()
    assert home.ask("hello", model=FLASH).completion().text


def test_back_again_nothing_stays_in_the_keyring(home: Household, drawer: Drawer) -> None:
    home.run("config", "set", "secrets", "keyring")
    assert home.run("config", "set", "secrets", "file").code == 0
    assert places(home, drawer) == [(True, False), (True, False)]
    home.run("config", "set", "secrets", "keyring")
    assert home.run("config", "unset", "secrets").code == 0
    assert places(home, drawer) == [(True, False), (True, False)]


def test_a_keyring_that_locks_in_between_leaves_each_key_in_one_place(
    home: Household, drawer: Drawer
) -> None:
    drawer.writes_left = 1
    outcome = home.run("config", "set", "secrets", "keyring")
    assert outcome.code == 3
    assert "gemini-2 stays where it is" in outcome.err
    assert places(home, drawer) == [(False, True), (True, False)]
    assert home.run("config", "get", "secrets").out == "file\n"
    home.forget()
    assert {item.enabled for item in home.runtime.credentials()} == {True}


def test_a_keyring_that_keeps_nothing_is_found_out(home: Household, drawer: Drawer) -> None:
    drawer.forgets = True
    outcome = home.run("config", "set", "secrets", "keyring")
    assert outcome.code == 3
    assert places(home, drawer) == [(True, False), (True, False)]


def test_a_locked_keyring_is_said_and_the_other_keys_are_used(
    home: Household, drawer: Drawer, sim: Simulator
) -> None:
    home.runtime.vault.move_secret("gemini-1", "keyring")
    home.forget()
    drawer.locked = True
    assert home.ask("hello", model=FLASH).completion().text
    assert [seen.fingerprint for seen in sim.seen] == [Secret(KEYS[1]).fingerprint()]
    assert sum("keyring cannot be used" in notice for notice in home.notices) == 1
    listed = home.run("keys", "list").out
    assert "its secret is not in the keyring" in listed


def test_a_keyring_that_is_unlocked_later_serves_the_same_process(
    home: Household, drawer: Drawer
) -> None:
    home.run("config", "set", "secrets", "keyring")
    home.forget()
    drawer.locked = True
    assert not any(item.enabled for item in home.runtime.vault.list())
    drawer.locked = False
    assert all(item.enabled for item in home.runtime.vault.list())


def test_a_locked_keyring_gives_nothing_back_and_loses_nothing(
    home: Household, drawer: Drawer
) -> None:
    home.run("config", "set", "secrets", "keyring")
    drawer.locked = True
    outcome = home.run("config", "set", "secrets", "file")
    assert outcome.code == 3
    assert places(home, drawer) == [(False, True), (False, True)]
    drawer.locked = False
    assert home.run("config", "set", "secrets", "file").code == 0
    assert places(home, drawer) == [(True, False), (True, False)]


def test_a_new_key_goes_where_the_setting_says(home: Household, drawer: Drawer) -> None:
    home.run("config", "set", "secrets", "keyring")
    new = "AIzaSyCANARY-three-0123456789"
    assert home.run("keys", "add", "gemini", "--stdin", stdin=new).code == 0
    assert new in drawer.held.values()
    assert new not in file_text(home)


def test_a_new_key_is_kept_in_the_file_when_the_keyring_is_locked(
    home: Household, drawer: Drawer
) -> None:
    home.config('secrets = "keyring"')
    drawer.locked = True
    new = "AIzaSyCANARY-three-0123456789"
    outcome = home.run("keys", "add", "gemini", "--stdin", stdin=new)
    assert outcome.code == 0
    assert "gemini-3 is kept in the file instead" in outcome.err
    assert new in file_text(home)


def test_a_removed_key_leaves_the_keyring_too(home: Household, drawer: Drawer) -> None:
    home.run("config", "set", "secrets", "keyring")
    assert home.run("keys", "remove", "gemini-1", "--yes").code == 0
    assert list(drawer.held.values()) == [KEYS[1]]


def test_two_households_do_not_share_entries(
    home: Household, drawer: Drawer, sim: Simulator, tmp_path: Path
) -> None:
    other = Household(tmp_path / "other", sim).keys("gemini", "AIzaSyCANARY-four-0123456789")
    home.run("config", "set", "secrets", "keyring")
    other.run("config", "set", "secrets", "keyring")
    assert len(drawer.held) == 3
    other.forget()


def test_the_doctor_names_a_key_that_the_keyring_does_not_give(
    home: Household, drawer: Drawer
) -> None:
    home.run("config", "set", "secrets", "keyring")
    drawer.locked = True
    home.forget()
    findings = examine(home.runtime, online=False, ask_keys=False)
    assert any("not in the keyring" in item.text and item.fix for item in findings)


# Logins


def login(home: Household) -> Login:
    fresh = Login(
        "gemini_cli",
        access_token=Secret("ya29.CANARY-access-0123456789"),
        refresh_token=Secret("1//CANARY-refresh-0123456789"),
        email="me@example.org",
        expires_at=4_000_000_000.0,
    )
    return home.runtime.logins.files.add(fresh)


def login_file(home: Household) -> str:
    return (home.folder / "config" / "oauth" / "gemini_cli_1.json").read_text()


def test_a_login_s_tokens_move_too_and_come_back(home: Household, drawer: Drawer) -> None:
    stored = login(home)
    home.forget()
    assert home.run("config", "set", "secrets", "keyring").code == 0
    assert "CANARY" not in login_file(home)
    assert "me@example.org" in login_file(home)
    home.forget()
    found = home.runtime.logins.get("gemini_cli-1")
    assert found is not None
    assert found.refresh_token == stored.refresh_token
    assert home.run("config", "set", "secrets", "file").code == 0
    assert "1//CANARY-refresh" in login_file(home)
    assert drawer.held == {}


def test_refreshed_tokens_stay_where_the_old_ones_were(home: Household, drawer: Drawer) -> None:
    stored = login(home)
    home.runtime.logins.files.move(stored, "keyring")
    home.runtime.logins.put(stored._replace(access_token=Secret("ya29.CANARY-new-0123456789")))
    assert "CANARY" not in login_file(home)
    home.forget()
    found = home.runtime.logins.get("gemini_cli-1")
    assert found is not None
    assert found.access_token == Secret("ya29.CANARY-new-0123456789")


def test_refreshed_tokens_are_never_lost_to_a_locked_keyring(
    home: Household, drawer: Drawer
) -> None:
    stored = login(home)
    home.runtime.logins.files.move(stored, "keyring")
    drawer.locked = True
    home.runtime.logins.put(stored._replace(access_token=Secret("ya29.CANARY-new-0123456789")))
    home.forget()
    found = home.runtime.logins.get("gemini_cli-1")
    assert found is not None
    assert found.access_token == Secret("ya29.CANARY-new-0123456789")


def test_a_login_behind_a_locked_keyring_does_not_stop_the_keys(
    home: Household, drawer: Drawer
) -> None:
    home.runtime.logins.files.move(login(home), "keyring")
    home.forget()
    drawer.locked = True
    assert home.ask("hello", model=FLASH).completion().text
    assert any("keyring cannot be used" in notice for notice in home.notices)


def test_a_login_that_cannot_be_moved_back_is_said(home: Household, drawer: Drawer) -> None:
    home.run("config", "set", "secrets", "keyring")
    home.runtime.logins.files.move(login(home), "keyring")
    home.forget()
    drawer.locked = True
    assert home.run("config", "set", "secrets", "file").code == 3
    assert home.run("config", "get", "secrets").out == "keyring\n"


def test_a_removed_login_leaves_the_keyring_too(home: Household, drawer: Drawer) -> None:
    stored = login(home)
    home.runtime.logins.files.move(stored, "keyring")
    home.runtime.logins.files.remove(stored)
    assert drawer.held == {}
