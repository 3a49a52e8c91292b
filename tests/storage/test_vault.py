"""credentials.toml as one story after another."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path

import pytest

from freellm_cli.core.credentials import Credential, DuplicateCredential
from freellm_cli.core.errors import StoreError, UnknownName, UsageError
from freellm_cli.core.secret import Secret
from freellm_cli.storage.vault import Vault
from tests.support.stepping_clock import SteppingClock

KEY_1 = "AQ.first-key-of-the-tests-0000000001"
KEY_2 = "AQ.second-key-of-the-tests-000000002"
NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "credentials.toml"


@pytest.fixture
def vault(path: Path) -> Vault:
    return Vault(str(path), SteppingClock(NOON))


def reopened(vault: Vault) -> Vault:
    return Vault(vault.path, SteppingClock(NOON))


class Keyring:
    """A secret store in memory; `works` is False while it is locked."""

    def __init__(self) -> None:
        self.kept: dict[str, Secret] = {}
        self.works = True

    def get(self, credential_id: str) -> Secret | None:
        return self.kept.get(credential_id) if self.works else None

    def put(self, credential_id: str, secret: Secret) -> None:
        if not self.works:
            raise StoreError("the keyring is locked")
        self.kept[credential_id] = secret

    def delete(self, credential_id: str) -> None:
        self.kept.pop(credential_id, None)


def test_no_file_means_no_credential(vault: Vault, path: Path) -> None:
    assert vault.list() == ()
    assert not path.exists()


def test_a_key_comes_back_as_it_was_stored(vault: Vault) -> None:
    stored = vault.add(
        "cloudflare", Secret(KEY_1), label="work", account="me@x", extra={"account_id": "ab12"}
    )
    assert stored == Credential(
        id="cloudflare-1",
        provider="cloudflare",
        label="work",
        account="me@x",
        added="2026-11-21",
        secret=Secret(KEY_1),
        extra={"account_id": "ab12"},
    )
    assert reopened(vault).list() == (stored,)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_the_file_and_its_folder_are_private(vault: Vault, path: Path) -> None:
    vault.add("gemini", Secret(KEY_1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert vault.privacy_warning() is None
    path.chmod(0o644)
    assert "0644" in str(vault.privacy_warning())


def test_ids_count_up_by_provider(vault: Vault) -> None:
    ids = [
        vault.add("gemini", Secret(KEY_1)).id,
        vault.add("groq", Secret(KEY_1)).id,
        vault.add("gemini", Secret(KEY_2)).id,
    ]
    assert ids == ["gemini-1", "groq-1", "gemini-2"]


def test_an_id_is_never_given_again(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    vault.remove("gemini-1")
    assert reopened(vault).add("gemini", Secret(KEY_1)).id == "gemini-2"


def test_an_id_is_not_given_again_even_when_the_numbers_are_lost(vault: Vault, path: Path) -> None:
    vault.add("gemini", Secret(KEY_1))
    text = path.read_text().replace("[numbers]\ngemini = 1\n", "")
    path.write_text(text)
    vault.remove("gemini-1")
    assert vault.add("gemini", Secret(KEY_1)).id == "gemini-2"


def test_the_same_key_is_refused_and_its_owner_named(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1), label="home")
    with pytest.raises(DuplicateCredential, match=r"gemini-1 \(home\)") as caught:
        vault.add("gemini", Secret(KEY_1))
    assert caught.value.existing.id == "gemini-1"
    assert KEY_1 not in caught.value.message
    assert len(vault.list()) == 1


def test_two_hosts_may_share_a_key(vault: Vault) -> None:
    vault.add("localai", Secret("dummy"))
    assert vault.add("vllm", Secret("dummy")).id == "vllm-1"


def test_a_login_has_an_entry_without_a_secret(vault: Vault) -> None:
    vault.add("gemini_cli", None, kind="oauth", account="ada@example.org")
    second = vault.add("gemini_cli", None, kind="oauth")
    assert (second.id, second.source, second.secret, second.fingerprint) == (
        "gemini_cli-2", "oauth", None, "",
    )  # fmt: skip


def test_label_account_and_extra_can_change(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1), label="old", account="a")
    vault.update("gemini-1", label="new", account="", extra={"x": "y"})
    found = reopened(vault).find("new")
    assert (found.label, found.account, found.extra) == ("new", "", {"x": "y"})


def test_disabling_keeps_the_reason_until_enabling_forgets_it(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    off = vault.update("gemini-1", enabled=False, disabled_reason="reported as leaked")
    assert (off.enabled, off.disabled_reason) == (False, "reported as leaked")
    on = vault.update("gemini-1", enabled=True)
    assert (on.enabled, on.disabled_reason) == (True, "")
    assert reopened(vault).list() == (on,)


def test_a_key_can_be_exchanged_but_not_for_another_entrys_key(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    vault.add("gemini", Secret(KEY_2))
    with pytest.raises(DuplicateCredential):
        vault.update("gemini-1", secret=Secret(KEY_2))
    changed = vault.update("gemini-1", secret=Secret("AQ.third-key-of-the-tests-00000003"))
    assert changed.secret == Secret("AQ.third-key-of-the-tests-00000003")
    vault.update("gemini-1", secret=changed.secret)  # its own key is no twin


def test_what_is_not_a_persons_to_change_is_refused(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    with pytest.raises(UsageError, match="id cannot be changed"):
        vault.update("gemini-1", id="gemini-9")


def test_it_is_found_by_id_label_and_fingerprint(vault: Vault) -> None:
    first = vault.add("gemini", Secret(KEY_1), label="home")
    vault.add("gemini", Secret(KEY_2))
    for name in ("gemini-1", "home", first.fingerprint, first.fingerprint[:4]):
        assert vault.find(name).id == "gemini-1"


def test_an_unknown_name_is_answered_with_the_nearest(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    for action in (vault.find, vault.remove):
        with pytest.raises(UnknownName) as caught:
            action("gemni-1")
        assert caught.value.nearest == ("gemini-1",)


def test_a_label_names_one_credential_only(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1), label="home")
    with pytest.raises(UsageError, match="taken by gemini-1"):
        vault.add("gemini", Secret(KEY_2), label="home")
    with pytest.raises(UsageError, match="taken by gemini-1"):
        vault.add("gemini", Secret(KEY_2), label="gemini-1")
    vault.update("gemini-1", label="home")


@pytest.mark.parametrize("label", ["two\nlines", "x" * 81, "\x1b[31mred"])
def test_a_label_fits_on_a_line(vault: Vault, label: str) -> None:
    with pytest.raises(UsageError, match="80 characters"):
        vault.add("gemini", Secret(KEY_1), label=label)


def test_two_vaults_on_one_file_see_each_others_changes(vault: Vault) -> None:
    other = reopened(vault)
    vault.add("gemini", Secret(KEY_1))
    assert [item.id for item in other.list()] == ["gemini-1"]
    other.add("gemini", Secret(KEY_2))
    assert [item.id for item in vault.list()] == ["gemini-1", "gemini-2"]
    vault.remove("gemini-1")
    assert [item.id for item in other.list()] == ["gemini-2"]


def test_what_a_newer_version_added_is_kept(vault: Vault, path: Path) -> None:
    vault.add("gemini", Secret(KEY_1))
    path.write_text(
        "colour = 'blue'\n"
        + path.read_text().replace("version = 1", "version = 7")
        + "mood = { today = 'good' }\n[future]\nx = 1\n"
    )
    vault.add("gemini", Secret(KEY_2))
    vault.update("gemini-1", label="home")
    kept = tomllib.loads(path.read_text())
    assert (kept["version"], kept["colour"], kept["future"]) == (7, "blue", {"x": 1})
    assert kept["credentials"][0]["mood"] == {"today": "good"}
    assert kept["credentials"][0]["label"] == "home"


CORRUPT = {
    "no TOML": (f'[[credentials]]\nid = "gemini-1"\nsecret = "{KEY_1}', "line 3"),
    "cut in the middle": ('version = 1\n[[credentials]]\nid = "gem', "line 3"),
    "zeros after a power cut": ("\0" * 64, "line 1"),
    "not a list": ("credentials = 3\n", "not a list"),
    "an entry without id": ('[[credentials]]\nprovider = "gemini"\n', "entry 1: it has no id"),
    "an entry without provider": (
        '[[credentials]]\nid = "gemini-1"\n',
        "entry 1: it has no provider",
    ),
    "an id twice": (
        '[[credentials]]\nid = "a-1"\nprovider = "a"\n' * 2,
        "entry 2: the id a-1 is there twice",
    ),
    "a secret that is a number": ('[[credentials]]\nid="a"\nprovider="a"\nsecret=5\n', "secret"),
    "enabled is a word": ('[[credentials]]\nid="a"\nprovider="a"\nenabled="no"\n', "enabled"),
    "extra is a text": ('[[credentials]]\nid="a"\nprovider="a"\nextra="x"\n', "extra"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_file_that_makes_no_sense_is_named_and_left_alone(
    vault: Vault, path: Path, name: str
) -> None:
    text, words = CORRUPT[name]
    path.parent.mkdir()
    path.write_bytes(text.encode())
    for action in (vault.list, lambda: vault.add("groq", Secret(KEY_2))):
        with pytest.raises(StoreError) as caught:
            action()
        assert str(path) in caught.value.message
        assert words in caught.value.message
        assert KEY_1 not in caught.value.message + caught.value.hint
        assert caught.value.__cause__ is None
    assert path.read_bytes() == text.encode()


def test_a_file_that_is_not_utf8_is_named_with_its_line(vault: Vault, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"version = 1\nx = '\xff'\n")
    with pytest.raises(StoreError, match="line 2: not UTF-8"):
        vault.list()


def test_an_empty_file_is_an_empty_vault(vault: Vault, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")
    assert vault.list() == ()
    assert vault.add("gemini", Secret(KEY_1)).id == "gemini-1"


def test_text_of_every_kind_survives(vault: Vault) -> None:
    odd = 'quote " backslash \\ äöü 🗝 end'
    vault.add("custom", Secret(odd), label=odd, extra={"note": "line\nbreak\ttab"})
    found = reopened(vault).list()[0]
    assert (found.secret, found.label, found.extra) == (
        Secret(odd), odd, {"note": "line\nbreak\ttab"},
    )  # fmt: skip


def test_a_refused_change_leaves_the_file_untouched(vault: Vault, path: Path) -> None:
    vault.add("gemini", Secret(KEY_1))
    before = (path.read_bytes(), path.stat().st_ino)
    with pytest.raises(DuplicateCredential):
        vault.add("gemini", Secret(KEY_1))
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_no_secret_shows_in_a_repr(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    assert KEY_1 not in repr(vault.list())
    assert KEY_1 not in repr(vault)


def test_a_secret_can_live_elsewhere_and_come_back(path: Path) -> None:
    keyring = Keyring()
    vault = Vault(str(path), SteppingClock(NOON), stores={"keyring": keyring})
    vault.add("gemini", Secret(KEY_1))
    moved = vault.move_secret("gemini-1", "keyring")
    assert moved.secret == Secret(KEY_1)
    assert KEY_1 not in path.read_text()
    assert vault.list() == (moved,)
    assert vault.move_secret("gemini-1", "file").secret == Secret(KEY_1)
    assert KEY_1 in path.read_text()
    assert keyring.kept == {}


def test_a_new_key_can_go_elsewhere_at_once(path: Path) -> None:
    keyring = Keyring()
    vault = Vault(str(path), SteppingClock(NOON), stores={"keyring": keyring})
    vault.add("gemini", Secret(KEY_1), place="keyring")
    assert KEY_1 not in path.read_text()
    with pytest.raises(DuplicateCredential):
        vault.add("gemini", Secret(KEY_1))
    vault.remove("gemini-1")
    assert keyring.kept == {}


def test_a_locked_store_disables_what_it_holds_and_says_why(path: Path) -> None:
    keyring = Keyring()
    vault = Vault(str(path), SteppingClock(NOON), stores={"keyring": keyring})
    vault.add("gemini", Secret(KEY_1), place="keyring")
    keyring.works = False
    found = Vault(str(path), SteppingClock(NOON), stores={"keyring": keyring}).list()[0]
    assert (found.enabled, found.disabled_reason) == (False, "its secret is not in the keyring")
    with pytest.raises(StoreError, match="no secret that could be moved"):
        vault.move_secret("gemini-1", "file")


def test_a_move_that_fails_leaves_the_secret_where_it_was(path: Path) -> None:
    keyring = Keyring()
    keyring.works = False
    vault = Vault(str(path), SteppingClock(NOON), stores={"keyring": keyring})
    vault.add("gemini", Secret(KEY_1))
    with pytest.raises(StoreError, match="locked"):
        vault.move_secret("gemini-1", "keyring")
    assert reopened(vault).list()[0].secret == Secret(KEY_1)


def test_an_unknown_place_is_refused(vault: Vault) -> None:
    vault.add("gemini", Secret(KEY_1))
    for action in (
        lambda: vault.move_secret("gemini-1", "attic"),
        lambda: vault.add("gemini", Secret(KEY_2), place="attic"),
    ):
        with pytest.raises(UsageError, match="attic"):
            action()


def test_an_unknown_kind_is_refused(vault: Vault) -> None:
    with pytest.raises(UsageError, match="key, oauth"):
        vault.add("gemini", Secret(KEY_1), kind="password")
