"""config.toml: a person's file. Comments and order stay, mistakes have a line and a column."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freellm_cli.core.errors import ConfigError, StoreError, UsageError
from freellm_cli.storage.config_file import ConfigFile
from tests.support.stepping_clock import SteppingClock

DOCUMENT = """\
# What I like
default_model = "smart"  # for now

[serve]            # beside the game
port = 8000        # it insists
think = 'off'

[providers.gemini]
rotation = "balanced" # or "sequential"
models.allow = ["*"]  # all
models.deny = []

[[providers.gemini.limits]]
model = "gemini-2.5-flash"
requests_per_day = 250

# the end
"""


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    return ConfigFile(str(tmp_path / "config.toml"), SteppingClock())


def written(file: ConfigFile, text: str | bytes) -> ConfigFile:
    Path(file.path).write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def problem(file: ConfigFile) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        file.table()
    return caught.value


def test_no_file_is_an_empty_table(file: ConfigFile) -> None:
    assert file.table() == {}
    assert file.text() == ""
    assert file.locate(("serve",)) is None
    with pytest.raises(KeyError):
        file.get("serve.port")


def test_a_file_is_read(file: ConfigFile) -> None:
    written(file, DOCUMENT)
    assert file.table() == tomllib.loads(DOCUMENT)
    assert file.get("serve.port") == 8000
    assert file.get("providers.gemini.models.allow") == ["*"]
    assert file.locate(("serve", "port")) == 5
    with pytest.raises(KeyError):
        file.get("serve.port.deeper")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = \n", "line 2, column 5"),
        ("a = 1\n[serve\nport = 1", "line 2"),
        ('a = "open', "line 1, column 10"),
        ("a = 1\na = 2", "line 2"),
        ("a = [1,\n", "line 1, column 8"),
        ("\tport 5", "line 1, column 7"),
        ("port = 08", "line 1"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(file: ConfigFile, text: str, place: str) -> None:
    error = problem(written(file, text))
    assert error.message.startswith(f"{file.path}, {place}")
    assert "column" in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a = 1\nb = '\xe9'", "line 2: not UTF-8"),
        ("a = 1\n".encode("utf-16"), "is written in UTF-16"),
    ],
)
def test_other_encodings_are_named(file: ConfigFile, data: bytes, words: str) -> None:
    error = problem(written(file, data))
    assert words in error.message
    assert "UTF-8" in error.hint


def test_a_byte_order_mark_does_no_harm(file: ConfigFile) -> None:
    written(file, b"\xef\xbb\xbfa = 1\n")
    assert file.table() == {"a": 1}
    file.set("b", 2)
    assert file.table() == {"a": 1, "b": 2}


def test_changing_a_value_changes_nothing_else(file: ConfigFile) -> None:
    written(file, DOCUMENT)
    file.set("serve.port", 9000)
    assert file.text() == DOCUMENT.replace("8000 ", "9000 ")


def test_new_keys_join_their_table(file: ConfigFile) -> None:
    written(file, DOCUMENT)
    file.set("serve.host", "127.0.0.2")
    file.set("providers.gemini.idle", 5)
    file.set('aliases."gpt-4.1"', ["a", "b"])
    table = file.table()
    assert table["serve"]["host"] == "127.0.0.2"
    assert table["providers"]["gemini"]["idle"] == 5
    assert table["aliases"] == {"gpt-4.1": ["a", "b"]}
    for comment in (
        "# What I like",
        "# for now",
        "# beside the game",
        "# it insists",
        "# all",
        "# the end",
    ):
        assert comment in file.text()


def test_setting_in_no_file_makes_a_private_one(file: ConfigFile) -> None:
    file.set("serve.port", 9000)
    assert file.text() == "[serve]\nport = 9000\n"
    if sys.platform != "win32":
        assert stat.S_IMODE(Path(file.path).stat().st_mode) == 0o600


def test_unset_takes_a_key_away_and_says_whether_it_was_there(file: ConfigFile) -> None:
    written(file, DOCUMENT)
    assert file.unset("serve.port") is True
    assert file.unset("serve.port") is False
    assert file.unset("nowhere.at.all") is False
    assert "port" not in file.table()["serve"]
    assert "# beside the game" in file.text()


def test_a_windows_file_keeps_its_line_ends(file: ConfigFile) -> None:
    written(file, DOCUMENT.replace("\n", "\r\n"))
    file.set("serve.host", "h")
    data = Path(file.path).read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")


def test_a_broken_file_is_not_changed(file: ConfigFile) -> None:
    written(file, "a = \n")
    with pytest.raises(ConfigError):
        file.set("serve.port", 1)
    assert Path(file.path).read_text() == "a = \n"


def test_a_key_below_a_value_is_refused(file: ConfigFile) -> None:
    written(file, "serve = 5\n")
    with pytest.raises(ConfigError, match="serve is no table"):
        file.set("serve.port", 1)
    assert file.text() == "serve = 5\n"


def test_a_malformed_key_is_refused(file: ConfigFile) -> None:
    with pytest.raises(UsageError):
        file.set("serve..port", 1)
    assert not Path(file.path).exists()


def test_a_whole_new_text_is_checked_first(file: ConfigFile) -> None:
    written(file, DOCUMENT)
    with pytest.raises(ConfigError, match="line 1"):
        file.replace("a = ")
    assert file.text() == DOCUMENT
    file.replace("a = 1 # new\n")
    assert file.table() == {"a": 1}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    file = ConfigFile(str(tmp_path / "config" / "config.toml"), SteppingClock())
    with pytest.raises(StoreError, match="a part of its path is a file"):
        file.set("a", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_linked_file_is_changed_where_it_is(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "config.toml"
    real.parent.mkdir()
    real.write_text("a = 1 # kept\n")
    (tmp_path / "config.toml").symlink_to(real)
    ConfigFile(str(tmp_path / "config.toml"), SteppingClock()).set("b", 2)
    assert real.read_text() == "a = 1 # kept\nb = 2\n"


KEYS = st.sampled_from(
    ["a", "t.a", "t.b", "t.u.a", "providers.x.a", "providers.y.b", "providers.x.m.z", '"odd key".a']
)
VALUES = st.one_of(
    st.integers(-5, 5), st.booleans(), st.text("aä\"\\\n'#", max_size=4), st.just(["p", "q"])
)
STARTS = st.sampled_from(
    [
        "",
        DOCUMENT,
        "a = 0\nt.a = 1\nt.u.a = 2 # c\n",
        "t = { a = 1, u = { a = 2 } }\n",
        "[t]\na = 1\n[other]\nz = 1\n[t.u]\na = 2\n",
        "[providers.x]\na = 1\n[t]\n[providers.y]\nb = 2 # c\n",
        "[[t2]]\nq = 1\n[[t2]]\n[t]\nb = 1\n",
    ]
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(STARTS, st.lists(st.tuples(KEYS, st.one_of(st.none(), VALUES)), max_size=5))
def test_any_changes_end_in_what_was_meant_or_in_nothing(
    file: ConfigFile, start: str, changes: list[tuple[str, Any]]
) -> None:
    """None removes. A change that tomlkit cannot make is refused, and then the file is untouched."""
    written(file, start)
    comments = [line.partition("#")[2] for line in start.splitlines() if "#" in line]
    for key, value in changes:
        before = file.text()
        try:
            if value is None:
                file.unset(key)
            else:
                file.set(key, value)
        except ConfigError:
            assert file.text() == before
            continue
        if value is None:
            with pytest.raises(KeyError):
                file.get(key)
        else:
            assert file.get(key) == value
    if not any(value is None for _, value in changes):
        assert all(comment in file.text() for comment in comments)
