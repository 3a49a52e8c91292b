"""What a person types, and what comes back: exit code, stdout and stderr as one."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from freellm_cli.simulator.profiles import PROFILES
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household

GROQ_KEY = "gsk_good_0123456789012345678901234567890123"


@pytest.fixture
def home(home: Household) -> Household:
    return home.provider("groq").provider("gemini")


# keys


def test_a_key_from_a_pipe_is_checked_without_a_question_and_stored(
    home: Household, sim: Simulator
) -> None:
    outcome = home.run("keys", "add", "groq", "--stdin", "--label", "mine", stdin=GROQ_KEY + "\n")
    assert outcome.code == 0
    assert "stored groq-1" in outcome.out
    assert [seen.operation for seen in sim.seen] == ["models"]
    assert "groq-1" in home.run("keys").out


def test_several_keys_come_one_a_line_and_a_refused_one_is_not_stored(
    home: Household, sim: Simulator
) -> None:
    sim.key("gsk_bad_01234567890123456789012345678901234").bad()
    lines = f"{GROQ_KEY}\n\ngsk_bad_01234567890123456789012345678901234\n"
    outcome = home.run("keys", "add", "groq", "--stdin", stdin=lines)
    assert outcome.code == 4
    assert "stored groq-1" in outcome.out
    assert "not stored" in outcome.out
    assert home.run("keys", "list").out.count("groq-") == 1


def test_a_key_with_a_blank_is_refused_and_so_are_those_beside_it(
    home: Household, sim: Simulator
) -> None:
    outcome = home.run("keys", "add", "groq", "--stdin", stdin=f"{GROQ_KEY}\ngsk_abc def ghi\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert "the key holds a blank (character 8)" in outcome.err
    assert sim.counts.requests == 0
    assert "groq-1" not in home.run("keys").out


def key_state(home: Household) -> str:
    (key,) = json.loads(home.run("keys", "list", "--json").out)["keys"]
    return str(key["state"])


def test_a_key_that_was_never_checked_is_not_called_ready_before_it_has_proved_good(
    home: Household,
) -> None:
    home.run("keys", "add", "groq", "--stdin", "--no-check", stdin=GROQ_KEY)
    assert key_state(home) == "not checked"
    home.run("keys", "disable", "groq-1")
    assert key_state(home) == "disabled"
    home.run("keys", "enable", "groq-1")
    assert home.run("keys", "check").code == 0
    assert key_state(home) == "ready"


def test_a_key_whose_provider_was_out_of_reach_is_not_called_ready_before_it_has_answered(
    home: Household, sim: Simulator
) -> None:
    sim.fail("cut_before_headers", provider="groq", on="models", times=None)
    added = home.run("keys", "add", "groq", "--stdin", stdin=GROQ_KEY)
    assert "stored groq-1" in added.out
    assert "could not be reached" in added.out
    assert key_state(home) == "not checked"
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hello").code == 0
    assert key_state(home) == "ready"


def test_without_a_terminal_no_key_is_forgotten_unless_it_is_said(home: Household) -> None:
    home.keys("groq", GROQ_KEY, f"{GROQ_KEY}x")
    refused = home.run("keys", "remove", "groq-1", "groq-2")
    assert (refused.code, refused.out) == (2, "")
    assert "`freellm keys remove groq-1 groq-2 --yes`" in refused.err
    assert home.run("keys", "list").out.count("groq-") == 2
    assert home.run("keys", "remove", "groq-1", "groq-2", "--yes").code == 0
    assert "groq-" not in home.run("keys", "list").out.replace("keys add", "")


def test_a_key_of_a_variable_is_taken_and_an_empty_one_refused(home: Household) -> None:
    taken = home.run("keys", "add", "groq", "--env", "MINE", env={"MINE": GROQ_KEY})
    assert taken.code == 0
    empty = home.run("keys", "add", "groq", "--env", "MINE")
    assert (empty.code, empty.out) == (2, "")
    assert "MINE is empty or not set" in empty.err
    assert "export MINE" in empty.err


def test_a_key_on_the_command_line_is_refused_and_why_is_said(
    home: Household, sim: Simulator
) -> None:
    outcome = home.run("keys", "add", "groq", GROQ_KEY)
    assert (outcome.code, outcome.out) == (2, "")
    assert "not taken from the command line" in outcome.err
    assert "making a new one" in outcome.err
    assert sim.counts.requests == 0


def test_without_a_terminal_nobody_is_asked(home: Household) -> None:
    outcome = home.run("keys", "add", "groq")
    assert outcome.code == 2
    assert "--stdin" in outcome.err


def test_the_same_key_twice_is_named_as_what_it_is(home: Household) -> None:
    home.run("keys", "add", "groq", "--stdin", stdin=GROQ_KEY)
    outcome = home.run("keys", "add", "groq", "--stdin", stdin=f'"{GROQ_KEY}"')
    assert outcome.code == 2
    assert "already stored as groq-1" in outcome.err


def test_a_key_is_labelled_switched_off_and_on_and_removed(home: Household) -> None:
    home.keys("groq", GROQ_KEY)
    assert home.run("keys", "label", "groq-1", "work").code == 0
    assert home.run("keys", "disable", "work").code == 0
    assert "disabled" in home.run("keys", "list").out
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi").code == 3
    assert home.run("keys", "enable", "work").code == 0
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi").code == 0
    assert home.run("keys", "remove", "work", "--yes").code == 0
    assert "no key stored" in home.run("keys", "list").out


def test_when_one_of_several_names_is_wrong_nothing_is_removed(home: Household) -> None:
    home.keys("groq", GROQ_KEY)
    outcome = home.run("keys", "remove", "groq-1", "groq-2", "--yes")
    assert outcome.code == 2
    assert "did you mean groq-1?" in outcome.err
    assert "groq-1" in home.run("keys", "list").out


def test_keys_travel_through_a_file(home: Household, tmp_path: Path) -> None:
    home.keys("groq", GROQ_KEY)
    revealed = home.run("keys", "export", "--reveal").out
    assert GROQ_KEY in revealed
    assert GROQ_KEY not in home.run("keys", "export").out
    file = tmp_path / "keys.toml"
    file.write_text(revealed)
    home.run("keys", "remove", "groq-1", "--yes")
    assert "stored as groq-" in home.run("keys", "import", str(file), "--no-check").out
    assert "already stored" in home.run("keys", "import", str(file), "--no-check").out
    home.run("keys", "remove", "groq-2", "--yes")
    assert "stored as groq-" in home.run("keys", "import", "-", "--no-check", stdin=revealed).out


def test_a_masked_export_is_told_from_a_file_without_keys(home: Household) -> None:
    home.keys("groq", GROQ_KEY, f"{GROQ_KEY}x")
    masked = home.run("keys", "export").out
    refused = home.run("keys", "import", "-", stdin=masked)
    assert refused.code == 2
    assert "masked or missing, and 1 more" in refused.err
    assert "`freellm keys export --reveal`" in refused.err
    assert "GEMINI_API_KEY_1=…" in home.run("keys", "import", "-", stdin="nothing").err


def test_what_is_odd_about_an_imported_key_is_said_as_of_a_typed_one(home: Household) -> None:
    imported = home.run("keys", "import", "-", "--no-check", stdin="GROQ_API_KEY_7=n0t-a-groq-key")
    assert "stored as groq-1" in imported.out
    assert "GROQ_API_KEY_7: keys of groq usually look different" in imported.err


def test_nobody_is_sent_to_a_service_that_has_closed(home: Household) -> None:
    added = home.run("keys", "add", "iflow", "--stdin", stdin="sk-0123456789abcdef0123456789abcdef")
    assert "iFlow has closed" in added.out
    assert "try it" not in added.out
    home.run("keys", "remove", "iflow-1", "--yes")
    shown = home.run("models", "show", "iflow/kimi-k2").out
    assert "use instead" in shown
    assert "keys add" not in shown
    assert "freellm keys add mistral" in home.run("models", "show", "mistral/codestral-latest").out


def test_a_key_of_the_environment_is_used_and_shown_as_such(home: Household) -> None:
    env = {"GROQ_API_KEY": GROQ_KEY}
    assert "groq-env" in home.run("keys", env=env).out
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi", env=env).code == 0
    refused = home.run("keys", "remove", "groq-env", "--yes", env=env)
    assert refused.code == 2
    assert "unset GROQ_API_KEY" in refused.err


# models


def test_models_are_filtered_as_one_chooses(home: Household) -> None:
    def names(*words: str) -> list[str]:
        outcome = home.run("models", *words, "--names")
        assert outcome.code == 0, outcome.err
        return outcome.out.split()

    everything = names()
    assert len(everything) > 100
    assert set(names("--recommended")) < set(everything) < set(names("--all"))
    assert all(name.startswith("groq/") for name in names("groq"))
    assert "gemini/gemini-2.5-flash" in names("--vision", "--tools", "--min-context", "500000")
    assert not set(names("--thinking")) & set(names("--no-thinking"))
    assert len({name.split("/")[0] for name in names("--family", "kimi-k2")}) > 1
    assert names("--for", "fast")
    assert names("--available") == []
    home.keys("groq", GROQ_KEY)
    assert {name.split("/")[0] for name in names("--available")} == {"groq"}


def test_models_are_found_by_a_part_of_their_name(home: Household) -> None:
    found = home.run("models", "kimi-k2", "--names").out.split()
    assert found
    assert all("kimi-k2" in name.lower() for name in found)
    assert home.run("models", "llama 3.3", "--names").out
    assert home.run("models", "gemini", "--names").out.startswith("gemini/")


def test_a_fetched_list_is_kept_for_later(home: Household, sim: Simulator) -> None:
    home.keys("groq", GROQ_KEY)
    assert "models" in home.run("models", "groq", "--refresh").err
    before = sim.counts.requests
    assert "openai/gpt-oss-20b" in home.run("models", "groq").out
    assert sim.counts.requests == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["models", "gemni"], "did you mean gemini?"),
        (["models", "show", "kimi-k22"], "kimi-k2"),
        (["models", "show", "smart"], '`freellm route "smart"` shows which'),
        (["models", "--family", "kimik2"], "no family"),
        (["models", "--for", "speed"], "long-context"),
        (["models", "groq", "gemini"], "say one provider"),
        (["keys", "add", "gogle"], "no provider"),
        (["chat", "-m", "gemini/gemini-2.5-flahs", "hi"], "did you mean gemini/gemini-2.5-flash"),
        (["chta", "-m", "auto", "hi there"], "did you mean `freellm chat -m auto 'hi there'`?"),
        (["kyes"], "did you mean `freellm keys`?"),
        (["keys", "ad", "groq"], "did you mean `freellm keys add`?"),
        (["keys", "add"], "for example `echo"),
        (["hist", "list"], "did you mean `freellm history list`?"),
        (["chat", "--modle", "x", "hi"], "did you mean --model?"),
        (["Why is it so?", "-m", "auto"], "did you mean `freellm chat 'Why is it so?' -m auto`?"),
        (["-m", "auto", "hello"], "try `freellm chat -m …`"),
        (["logs"], "did you mean `freellm history`?"),
        (["keys", "set", "groq"], "did you mean `freellm keys add`?"),
        (["keys", "rm"], "did you mean `freellm keys remove`?"),
        (["history", "rm"], "did you mean `freellm history delete`?"),
        (["models", "--recomended"], "did you mean --recommended?"),
        (["serve", "--ports", "80"], "did you mean --port?"),
        (["chat", "--hlep"], "→ see `freellm chat --help`"),
        (["history", "show", "--limit", "5"], "→ see `freellm history show --help`"),
        (["keys", "export", "--format", "env"], "→ see `freellm keys export --help`"),
        (["chat", "--temperature", "warm", "hi"], "'warm' is no number"),
        (["serve", "--port", "80x"], "'80x' is no whole number"),
        (["completion", "instal"], "did you mean `freellm completion install`?"),
        (["config", "get", "serve.prot"], "serve.port"),
        (["config", "set", "serve.prot", "1"], "serve.port"),
        (["config", "set", "aliases", "auto"], "`freellm config get aliases` shows them"),
        (["config", "set", "providers.groq", "x"], "write one like providers.groq.NAME"),
        (["config", "set", "serve.port", "many"], "serve.port"),
        (["completion", "tcsh"], "bash, zsh, fish, powershell"),
        (["why", "req_none"], "no request"),
        (["limits", "why"], "`freellm limits why gemini-1`"),
        (["limits", "plan"], "`freellm limits plan --model auto --requests 500`"),
        (["limits", "plan", "-n", "5", "--tokens", "-5"], "--tokens wants the tokens of one"),
        (["limits", "gemini", "groq"], "see `freellm limits --help`"),
        (["route", "kimi-k2x"], "kimi-k2"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_slip_is_answered_with_what_was_probably_meant(
    words: list[str], said: str, home: Household
) -> None:
    outcome = home.run(*words)
    assert (outcome.code, outcome.out) == (2 if "many" not in words else 3, "")
    assert said in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense", "--json"],
        ["keys", "ad", "--json"],
        ["keys", "label", "x", "--foo", "--json"],
        ["--jsn", "keys", "--json"],
        ["serve", "--port", "80x", "--json"],
    ],
)
def test_a_slip_before_the_wish_for_json_is_told_as_json_too(
    words: list[str], home: Household
) -> None:
    outcome = home.run(*words)
    assert outcome.code == 2
    assert json.loads(outcome.out)["error"]["exit_code"] == 2
    assert outcome.err.startswith("error: ")


# limits, why, route


def test_what_is_used_is_shown_and_what_rests_can_be_woken(home: Household, sim: Simulator) -> None:
    home.limits("groq", requests_per_minute=5).keys("groq", GROQ_KEY)
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi").code == 0
    shown = home.run("limits")
    assert "5 requests" in shown.out
    assert shown.err == ""
    sim.key(GROQ_KEY).suspended()
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi").code == 4
    assert "groq-1" in home.run("limits", "why", "groq-1").out
    assert "woken" in home.run("limits", "reset", "groq-1").out
    sim.key(GROQ_KEY).good()
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi").code == 0


def test_one_request_is_no_requests(home: Household) -> None:
    home.limits("groq", requests_per_minute=1).keys("groq", GROQ_KEY)
    home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi")
    assert re.search(r"1 request +minute", home.run("limits").out)
    assert "1 request per minute (1 used" in home.run("limits", "why", "groq-1").out


def test_the_last_request_is_told_with_every_target_that_was_tried(
    home: Household, sim: Simulator
) -> None:
    assert "nothing was asked yet" in home.run("why").out
    home.keys("groq", GROQ_KEY, "gsk_other_012345678901234567890123456789012")
    sim.fail("server_error", provider="groq")
    assert home.run("chat", "-m", "groq/openai/gpt-oss-20b", "hi").code == 0
    told = home.run("why").out
    assert "server_error" in told
    assert "answered by" in told


def test_a_route_is_shown_and_nothing_is_sent(home: Household, sim: Simulator) -> None:
    home.keys("groq", GROQ_KEY)
    shown = home.run("route", "gpt-oss-20b")
    assert "groq-1/groq/openai/gpt-oss-20b" in shown.out
    assert sim.counts.requests == 0


# config


def test_a_setting_is_set_read_and_taken_back_and_comments_stay(
    home: Household, tmp_path: Path
) -> None:
    file = tmp_path / "config" / "config.toml"
    file.write_text("# mine\n" + file.read_text())
    assert home.run("config", "set", "serve.port", "9000").code == 0
    assert home.run("config", "get", "serve.port").out == "9000\n"
    assert "9000" in home.run("config", "show").out
    assert home.run("config", "unset", "serve.port").code == 0
    assert home.run("config", "get", "serve.port").out == "8000\n"
    assert file.read_text().startswith("# mine\n")


def test_a_table_of_settings_is_read_as_a_whole(home: Household) -> None:
    assert home.run("config", "get", "aliases").out == "nothing is set in aliases\n"
    home.run("config", "set", 'aliases."gpt-4.1"', "auto")
    home.run("config", "set", "providers.groq.first_token", "3")
    assert 'aliases."gpt-4.1"  ["auto"]  file' in home.run("config", "get", "aliases").out
    (one,) = json.loads(home.run("config", "get", "aliases", "--json").out)["settings"]
    assert one == {"key": 'aliases."gpt-4.1"', "value": ["auto"], "source": "file"}
    groq = home.run("config", "get", "providers.groq").out
    assert "providers.groq.first_token" in groq
    assert "gemini" not in groq
    served = home.run("config", "get", "serve").out.splitlines()[1:]
    assert len(served) > 9
    assert all(line.startswith("serve.") for line in served)


def test_a_refused_value_says_what_the_setting_is_and_usually_holds(home: Household) -> None:
    refused = home.run("config", "set", "providers.groq.first_token", "-3")
    assert refused.code == 3
    assert "from 0.01 to 86400" in refused.err
    assert "→ Until the first byte of an answer; where it is not set, timeouts" in refused.err


def test_without_a_setting_it_is_said_that_none_is_set_and_what_lists_them(
    home: Household, tmp_path: Path
) -> None:
    (tmp_path / "config" / "config.toml").unlink()
    shown = home.run("config").out
    assert shown == (
        "every setting is at its default; `freellm config show --json` lists them all\n"
    )
    assert "default_model" in home.run("config", "show", "--json").out


def test_the_first_key_is_begun_the_same_way_wherever_there_is_none(home: Household) -> None:
    for argv in (["keys"], ["limits"]):
        assert "`freellm setup` leads to a first one" in home.run(*argv).out
    assert "`freellm setup` leads to a first key" in home.run("chat", "hello").err


@pytest.mark.skipif(os.name == "nt", reason="the editor there has a window of its own")
@pytest.mark.parametrize("words", [["config", "edit"], ["templates", "edit", "mine"]], ids=" ".join)
def test_no_editor_is_opened_where_nobody_sees_it(home: Household, words: list[str]) -> None:
    outcome = home.run(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert "there is no terminal to edit on" in outcome.err
    assert "EDITOR" in outcome.err


@pytest.mark.parametrize("words", [["limits"], ["config", "check"]], ids=" ".join)
def test_a_wrong_variable_is_mended_where_it_is_set_and_not_in_the_file(
    home: Household, words: list[str]
) -> None:
    outcome = home.run(*words, env={"FREELLM_SERVE_PORT": "many"})
    said = outcome.out + outcome.err
    assert outcome.code == 3
    assert "FREELLM_SERVE_PORT must be a whole number" in said
    assert "config edit" not in said
    assert ("unset it" in said) == (words == ["limits"])


def test_an_edit_that_breaks_the_file_is_refused_and_the_old_one_stays(
    home: Household, tmp_path: Path
) -> None:
    before = (tmp_path / "config" / "config.toml").read_text()
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "[serve" >> "$1"\n')
    editor.chmod(0o755)
    outcome = home.run("config", "edit", env={"EDITOR": str(editor), "PATH": "/usr/bin:/bin"})
    assert outcome.code == 3
    assert (tmp_path / "config" / "config.toml").read_text() == before


def test_help_is_a_word_too(home: Household) -> None:
    assert home.run("help").out == home.run("--help").out
    assert home.run("help", "keys", "add").out == home.run("keys", "add", "--help").out


def test_completion_is_put_where_the_shell_looks(home: Household, tmp_path: Path) -> None:
    outcome = home.run("completion", "fish", "--install", env={"HOME": str(tmp_path)})
    assert outcome.code == 0
    written = tmp_path / ".config" / "fish" / "completions" / "freellm.fish"
    assert written.read_text() == home.run("completion", "fish").out
    assert home.run("completion", env={"SHELL": "/usr/bin/zsh"}).out.startswith("#compdef freellm")
    assert home.run("completion", env={"SHELL": "/bin/tcsh"}).code == 2


def test_what_completion_asks_is_answered_without_a_database_and_without_a_word_of_complaint(
    home: Household, tmp_path: Path
) -> None:
    assert "gemini\n" in home.run("_complete", "providers", "ge").out
    assert not (tmp_path / "state").exists()
    (tmp_path / "config" / "config.toml").write_text("[broken")
    for kind in ("names", "credentials", "nonsense"):
        assert home.run("_complete", kind, "g") == (0, "", "")


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("groq", "did you mean groq/openai/gpt-oss-120b?"),
        ("no-such-model-at-all", "no model, family or alias is called 'no-such-model-at-all'"),
        ("kimi-k3", ""),
        ("auto", ""),
    ],
)
def test_a_default_that_stands_for_nothing_is_set_with_a_doubt(
    home: Household, name: str, doubt: str
) -> None:
    outcome = home.run("config", "set", "default_model", name)
    assert (outcome.code, home.run("config", "get", "default_model").out) == (0, f"{name}\n")
    assert doubt in outcome.out
    assert ("but " in outcome.out) is bool(doubt)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["serve", "--simulate"], "freellm serve"),
        (["--quiet", "keys", "add", "groq", "--label"], "freellm keys add"),
        (["--config-dir"], "freellm"),
    ],
)
def test_an_option_without_its_value_leads_to_the_help_of_its_command(
    home: Household, words: list[str], command: str
) -> None:
    outcome = home.run(*words)
    assert outcome.code == 2
    assert f"see `{command} --help`" in outcome.err


def test_every_simulation_is_named_where_one_looks_for_it(
    home: Household, capsys: pytest.CaptureFixture[str]
) -> None:
    home.run("serve", "--help")
    shown = "".join(capsys.readouterr().out.split())
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
    for profile in PROFILES.values():
        assert re.search(rf"[:,]{profile.name}[,.]", shown), profile.name
        assert f"| `{profile.name}` | {profile.says}" in page


@pytest.mark.parametrize(
    ("host", "said"),
    [("", "serve.host is empty"), (" ", "serve.host is empty"), ("0.0.0.0", "let everybody in")],
)
def test_a_server_for_others_wants_a_key_and_one_for_nobody_a_host(
    home: Household, host: str, said: str
) -> None:
    home.keys("groq", GROQ_KEY)
    outcome = home.run("serve", "--host", host, "--port", "0")
    assert outcome.code == 3
    assert said in outcome.err
