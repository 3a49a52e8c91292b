"""Bad input and bad upstreams, as a person meets them: a clear message, the documented exit code, no key."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from freellm_cli.cli.quick_parse import chat_call
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

KEY = "AIzaSyCANARY0123456789CANARY0123456789x"


@pytest.fixture
def home(home: Household) -> Household:
    home.keys("gemini", KEY)
    home.config(f'default_model = "{FLASH}"\n[timeouts]\nfirst_token = 0.3\nidle = 0.3')
    return home


def chat(
    home: Household, *more: str, stdin: str | bytes = "", timeout: str = "3"
) -> tuple[int, str]:
    outcome = home.run("chat", "--timeout", timeout, *more, stdin=stdin)
    assert KEY not in outcome.out + outcome.err
    assert "Traceback" not in outcome.err
    return outcome.code, outcome.out + outcome.err


def test_the_answer_is_on_stdout_and_nothing_else(home: Household) -> None:
    outcome = home.run("chat", "hello")
    assert (outcome.code, outcome.err) == (0, "")
    assert "hello" in outcome.out


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        (["-v"], True),
        (["--usage"], True),
        ([], False),
        (["-v", "-q"], False),
        (["-v", "--json"], False),
    ],
)
def test_in_a_pipe_who_answered_is_told_to_those_who_ask(
    home: Household, words: list[str], is_told: bool
) -> None:
    outcome = home.run("chat", "hello", *words)
    assert (f"{FLASH} · gemini-1 · " in outcome.err) == is_told
    assert "gemini-1 ·" not in outcome.out


def test_a_pipe_is_the_prompt_or_is_joined_to_it(home: Household, sim: Simulator) -> None:
    assert chat(home, stdin="from the pipe")[0] == 0
    assert chat(home, "summarise", stdin="a long text\n")[0] == 0
    bodies = [seen.body["contents"][0]["parts"][0]["text"] for seen in sim.seen]
    assert bodies == ["from the pipe", "summarise\n\na long text\n"]


def test_nothing_to_ask_is_a_usage_error(home: Household) -> None:
    code, said = chat(home)
    assert code == 2
    assert "nothing to ask" in said


def test_a_host_that_cannot_be_reached_is_no_limit_and_leads_to_the_doctor(
    home: Household,
) -> None:
    home.provider("gemini", "http://127.0.0.1:9")
    for told in ("could answer", "rests after a failure"):
        code, said = chat(home, "hello")
        assert code in (5, 6)
        assert told in said
        assert "server error" in said or "127.0.0.1" in said
        assert "`freellm doctor --online`" in said
        assert "is limited" not in said


IMPOSSIBLE = {
    ("--timeout", "0"): "--timeout wants a number of seconds above 0, not 0",
    ("--timeout", "-1"): "--timeout wants a number of seconds above 0, not -1",
    ("--max-tokens", "-5"): "--max-tokens wants a whole number from 1 up, not -5",
    ("--max-tokens", "0"): "--max-tokens wants a whole number from 1 up, not 0",
    ("--temperature", "-0.1"): "--temperature wants a number from 0 up, not -0.1",
    ("--top-p", "1.5"): "--top-p wants a number from 0 to 1, not 1.5",
    ("-m", ""): "-m wants a model's name, not an empty one",
    ("--model", " "): "-m wants a model's name, not an empty one",
    ("-o", "n=2"): "-o: n must be 1: one answer a question",
    ("-o", 'temperature="hot"'): "-o: temperature must be a number",
    ("-o", "tools=5"): "-o: tools must be a list",
    ("-o", "model=x"): "-o takes no 'model'\n  → -m names the model",
    ("-o", "messages=[]"): "-o takes no 'messages'",
    ("-o", "stream=true"): "-o takes no 'stream'\n  → it is no part of the question",
    ("-t", ""): "-t wants a template's name, not an empty one",
    ("--save", ""): "--save wants a template's name, not an empty one",
    ("--conversation", ""): "--conversation wants a conversation's name, not an empty one",
    ("--json-schema", " "): "--json-schema wants a file's name, not an empty one",
}


@pytest.mark.parametrize("words", IMPOSSIBLE, ids=" ".join)
@pytest.mark.parametrize("parser", ["the quick one", "Typer"])
def test_a_value_that_cannot_be_is_refused_whoever_parses_it(
    home: Household, sim: Simulator, words: tuple[str, str], parser: str
) -> None:
    joined = ["-xv"] if parser == "Typer" else ["-x", "-v"]
    assert (chat_call(["chat", *words, *joined, "hi"]) is None) == (parser == "Typer")
    outcome = home.run("chat", *words, *joined, "hi")
    assert (outcome.code, outcome.out, sim.counts.requests) == (2, "", 0)
    assert outcome.err.startswith(f"error: {IMPOSSIBLE[words]}")


@pytest.mark.parametrize(
    "words", [("--temperature", "2.5"), ("--temperature", "0"), ("--max-tokens", "1")], ids=" ".join
)
def test_a_value_at_the_edge_is_the_providers_matter(
    home: Household, words: tuple[str, str]
) -> None:
    assert chat(home, *words, "hi")[0] == 0


@pytest.mark.parametrize("words", [["batch", "-"], ["limits", "plan"]], ids=" ".join)
def test_no_command_takes_an_empty_model_for_the_default(home: Household, words: list[str]) -> None:
    outcome = home.run(*words, "-m", "", stdin="hello\n")
    assert outcome.code == 2
    assert "-m wants a model's name" in outcome.err


def test_binary_on_stdin_is_refused(home: Household, sim: Simulator) -> None:
    code, said = chat(home, stdin=b"\x89PNG\r\n\x1a\n\x00\x00")
    assert code == 2
    assert "binary" in said
    assert not sim.seen


def test_an_unknown_model_offers_the_nearest(home: Household) -> None:
    code, said = chat(home, "-m", "gemini/gemini-2.5-flahs", "hi")
    assert code == 2
    assert FLASH in said


def test_an_unknown_option_names_the_help(home: Household) -> None:
    code, said = chat(home, "--temprature", "1", "hi")
    assert code == 2
    assert "--temperature" in said or "--help" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default_model = \n", "config.toml"),
        ("[serve]\nport = 'x'\n", "serve.port"),
        ("[timeouts]\nfirst_tokn = 3\n", "first_token"),
    ],
)
def test_wrong_toml_is_named_with_its_place(home: Household, text: str, expected: str) -> None:
    config = Path(home.env["FREELLM_CONFIG_DIR"], "config.toml")
    known = config.read_text(encoding="utf-8").replace("first_token", "first_tokn")
    config.write_text(known if "tokn" in text else text, encoding="utf-8")
    home.forget()
    code, said = chat(home, "hi")
    assert expected in said
    assert code == (0 if "tokn" in text else 3)


def test_a_corrupt_credentials_file_is_named_and_left_alone(home: Household) -> None:
    path = Path(home.env["FREELLM_CONFIG_DIR"], "credentials.toml")
    path.write_text("this is { not toml", encoding="utf-8")
    home.forget()
    code, said = chat(home, "hi")
    assert code == 3
    assert "credentials.toml" in said
    added = home.run("keys", "add", "groq", "--stdin", "--no-check", stdin="gsk_" + "x" * 30)
    assert added.code == 3
    assert path.read_text() == "this is { not toml"


def test_a_corrupt_ledger_is_set_aside_and_the_answer_comes(home: Household) -> None:
    assert chat(home, "hi")[0] == 0
    home.forget()
    state = Path(home.env["FREELLM_STATE_DIR"])
    for leftover in state.glob("ledger.db*"):
        if leftover.is_file():
            leftover.write_bytes(b"this is no database" * 100)
    code, said = chat(home, "hi")
    assert code == 0
    assert "the ledger begins anew" in said
    assert list(state.glob("ledger.db.broken-*"))


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(home: Household) -> None:
    state = Path(home.env["FREELLM_STATE_DIR"])
    home.forget()
    for leftover in sorted(state.rglob("*"), reverse=True):
        leftover.rmdir() if leftover.is_dir() else leftover.unlink()
    if state.exists():
        state.rmdir()
    state.write_text("a file in the way")
    code, said = chat(home, "hi")
    assert code == 3
    assert str(state) in said


@pytest.mark.parametrize(
    ("fault", "exit_code", "words"),
    [
        ("html_502", 6, "502"),
        ("truncated_json", 6, ""),
        ("error_in_200", 6, ""),
        ("cut_before_headers", 6, ""),
        ("cut_midstream", 6, "broke off"),
        ("empty_body", 6, ""),
        ("redirect", 6, "redirects"),
        ("garbage", 6, ""),
        ("stall_before_headers", 6, ""),
        ("stall_midstream", 6, ""),
        ("bad_key", 4, "keys check"),
        ("rate_day", 5, "limited"),
        ("too_long", 7, "long"),
    ],
)
def test_an_upstream_that_fails_every_time_ends_in_words(
    home: Household, sim: Simulator, fault: str, exit_code: int, words: str
) -> None:
    sim.fail(fault, times=None)
    code, said = chat(home, "hi", timeout="1.2")
    assert code == exit_code, said
    assert words in said
    assert "error: " in said


def test_a_bad_certificate_says_what_is_wrong(tmp_path: Path, sim: Simulator) -> None:
    from tests.support.certificates import Authority
    from tests.support.raw_server import RawServer

    pytest.importorskip("cryptography")
    context = Authority(tmp_path).server("127.0.0.1", self_signed=True)
    with RawServer(lambda peer: None, tls=context) as server:
        home = Household(tmp_path / "home", sim).provider(
            "gemini", f"https://127.0.0.1:{server.port}"
        )
        home.keys("gemini", KEY)
        code, said = chat(home, "-m", FLASH, "hi", timeout="2")
        home.forget()
    assert code == 6
    assert "certificate" in said


def test_a_closed_port_is_named(home: Household) -> None:
    home.provider("localai", "http://127.0.0.1:9")
    code, said = chat(home, "-m", "localai/llama", "hi", timeout="1")
    assert code == 6
    assert "127.0.0.1:9" in said


def test_json_says_everything_and_errors_are_json_too(home: Household, sim: Simulator) -> None:
    data = json.loads(home.run("chat", "--json", "hi").out)
    assert data["model"] == FLASH
    assert data["credential"] == "gemini-1"
    assert data["usage"]["total_tokens"] > 0
    sim.fail("bad_key", times=None)
    failed = home.run("chat", "--json", "hi")
    assert failed.code == 4
    assert json.loads(failed.out)["error"]["slug"] == "credential-refused"


def test_extract_prints_the_first_fenced_block(home: Household, sim: Simulator) -> None:
    sim.reply("Here:\n```python\nprint(1)\n```\nand\n```\nno\n```\n")
    assert home.run("chat", "-x", "hi").out == "print(1)\n"


def test_usage_goes_to_stderr(home: Household) -> None:
    outcome = home.run("chat", "--usage", "hi")
    assert "gemini-1" in outcome.err
    assert "tokens" in outcome.err


def test_options_reach_the_request(home: Household, sim: Simulator) -> None:
    home.run(
        "chat",
        "--temperature",
        "0.5",
        "--max-tokens",
        "200",
        "-o",
        "top_k=7",
        "-s",
        "be brief",
        "hi",
    )
    body = sim.seen[-1].body
    assert body["generationConfig"]["temperature"] == 0.5
    assert body["generationConfig"]["maxOutputTokens"] == 200
    assert body["generationConfig"]["topK"] == 7
    assert body["systemInstruction"]["parts"][0]["text"] == "be brief"


def test_no_proxy_variable_is_needed_for_loopback(home: Household) -> None:
    outcome = home.run("chat", "hi", env={"HTTP_PROXY": "http://127.0.0.1:9", "PATH": os.defpath})
    assert outcome.code == 0
