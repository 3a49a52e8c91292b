"""The canary: keys that no output and no file but credentials.toml may hold, whatever happens.

Not ten characters of a key in a row may be seen, so that a clumsy mask is found too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.cli.face import Face
from freellm_cli.cli.front import dispatch, guarded
from freellm_cli.simulator.faults import FAULTS
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household, Outcome

GEMINI = "AIzaSyQ7cAnArY9geminiZk3Wm5Xp8Rt2Vb6Nd4L"
GROQ = "gsk_c4n4ryGroq7Hq2Lw9Zx5Kd8Mf3Pb6Vt1Ys0Jr"
NIM = "nvapi-c4n4ryNim-2Gk8Tz5Wq9Xr3Mb7Vd1Ph6Lf4Js0"
MISTRAL = "c4n4ryMistral9Zt3Qw7Lx2Kb6Vp8Hd5Rf1"
FROM_ENV = "csk-c4n4ryEnv5Wd8Rk2Zq9Tb4Xm7Lp3Vh6Jf1"
TOKEN = "c4n4ryServeToken8Kd3Zt6Wq1Lx9Rb5"
CANARIES = (GEMINI, GROQ, NIM, MISTRAL, FROM_ENV, TOKEN)
WINDOW = 10
PIECES = {key[at : at + WINDOW] for key in CANARIES for at in range(len(key) - WINDOW + 1)}
SETTINGS = f"""
default_model = "all"
[aliases]
all = ["gemini/gemini-2.5-flash", "groq/openai/gpt-oss-20b"]
[timeouts]
connect = 1
first_token = 0.3
idle = 0.3
total = 3
[serve]
token = "{TOKEN}"
"""


def leaks(text: str) -> set[str]:
    return {piece for piece in PIECES if piece in text}


def assert_no_leak(outcome: Outcome, doing: str) -> None:
    assert leaks(outcome.out + outcome.err) == set(), doing
    assert "Traceback" not in outcome.out + outcome.err, doing


def assert_no_file_leaks(folder: Path) -> None:
    seen = 0
    for path in folder.rglob("*"):
        # The two files that a person's secrets are put into.
        if path.is_file() and path.name not in ("credentials.toml", "config.toml"):
            assert leaks(path.read_bytes().decode("latin-1")) == set(), path
            seen += 1
    assert seen, "nothing was looked at"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator("generous") as simulator:
        yield simulator


@pytest.fixture
def home(tmp_path: Path, sim: Simulator) -> Household:
    household = Household(tmp_path, sim)
    household.env["CEREBRAS_API_KEY"] = FROM_ENV
    household.config(SETTINGS).provider("cerebras")
    household.keys("gemini", GEMINI).keys("groq", GROQ).keys("nvidia_nim", NIM)
    return household


EVERY_COMMAND = [
    ["keys"],
    ["keys", "list"],
    ["keys", "list", "--json"],
    ["keys", "check"],
    ["keys", "check", "--json"],
    ["keys", "export"],
    ["keys", "export", "--json"],
    ["keys", "disable", "gemini-1"],
    ["keys", "enable", "gemini-1"],
    ["keys", "label", "groq-1", "mine", "--account", "acme"],
    ["models", "groq", "--refresh"],
    ["models", "show", "kimi-k2", "--json"],
    ["limits"],
    ["limits", "--json"],
    ["limits", "why", "gemini-1"],
    ["why"],
    ["why", "--json"],
    ["route", "kimi-k2", "--json"],
    ["config", "show", "--json"],
    ["config", "show"],
    ["config", "get", "serve.token"],
    ["config", "get", "serve.token", "--json"],
    ["config", "check"],
    ["chat", "hello", "--usage", "-v"],
    ["chat", "hello", "--json"],
    ["_complete", "credentials", ""],
    ["--json"],
]
WRONG = [
    ["keys", "add", "groq", GROQ],
    ["keys", "add", GROQ],
    ["keys", "check", GROQ],
    ["keys", "remove", GROQ],
    ["keys", "label", GROQ, "x"],
    ["chat", "-m", GROQ, "hi"],
    ["chat", f"--api-key={GROQ}", "hi"],
    ["chat", "--think", GROQ, "hi"],
    ["chat", "--temperature", GROQ, "hi"],
    ["models", GROQ],
    ["limits", "why", GROQ],
    ["limits", "reset", GROQ],
    ["route", GROQ],
    ["why", GROQ],
    [GROQ],
    ["keys", GROQ],
    ["config", "get", GROQ],
    ["config", "set", "serve.port", GROQ],
    ["config", "set", "serve.token", TOKEN],
    ["--config-dir"],
    ["completion", GROQ],
]


@pytest.mark.parametrize("argv", EVERY_COMMAND, ids=" ".join)
def test_no_command_shows_a_key(argv: list[str], home: Household, tmp_path: Path) -> None:
    assert home.run("chat", "-m", "all", "hello").code == 0
    outcome = home.run(*argv)
    assert outcome.code == 0, outcome.err
    assert_no_leak(outcome, " ".join(argv))
    assert_no_file_leaks(tmp_path)


@pytest.mark.parametrize("argv", WRONG, ids=range(len(WRONG)))
def test_no_mistake_repeats_a_known_key(argv: list[str], home: Household, tmp_path: Path) -> None:
    outcome = home.run(*argv)
    assert_no_leak(outcome, " ".join(argv))
    assert_no_leak(home.run(*argv, "--json"), " ".join(argv))


def test_adding_importing_and_removing_keys_shows_none(home: Household, tmp_path: Path) -> None:
    home.provider("mistral")
    for argv, stdin in (
        (["keys", "add", "mistral", "--stdin"], MISTRAL),
        (["keys", "add", "mistral", "--stdin"], f"Bearer {MISTRAL}"),
        (["keys", "add", "mistral", "--stdin", "--json"], f'"{MISTRAL}"'),
        (["keys", "add", "groq", "--stdin"], GEMINI),
        (["keys", "remove", "mistral-1", "--yes"], ""),
    ):
        assert_no_leak(home.run(*argv, stdin=stdin), " ".join(argv))
    for text in (
        f"MISTRAL_API_KEY={MISTRAL}\n",
        f'{{"mistral": "{MISTRAL}"}}',
        f"{MISTRAL}\n=={GROQ}",
    ):
        (tmp_path / "keys.txt").write_text(text)
        assert_no_leak(home.run("keys", "import", str(tmp_path / "keys.txt"), "--json"), text[:9])
        (tmp_path / "keys.txt").unlink()
    assert_no_file_leaks(tmp_path)


def test_only_reveal_reveals(home: Household) -> None:
    assert GEMINI in home.run("keys", "export", "--reveal").out
    assert GEMINI in home.run("keys", "export", "--reveal", "--json").out


@pytest.mark.parametrize("trouble", ["bad", "suspended", "out_of_credit", "forbidden"])
def test_a_provider_that_refuses_a_key_cannot_show_it(
    trouble: str, home: Household, sim: Simulator, tmp_path: Path
) -> None:
    for key in (GEMINI, GROQ):
        getattr(sim.key(key), trouble)()
    for argv in (
        ["chat", "hello"],
        ["chat", "hello", "--json"],
        ["keys", "check"],
        ["why"],
        ["limits"],
    ):
        assert_no_leak(home.run(*argv), " ".join(argv))
    assert_no_file_leaks(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_provider_brings_a_key_to_light(
    fault: str, home: Household, sim: Simulator, tmp_path: Path
) -> None:
    sim.fail(fault, times=2, delay_s=0.01)
    for argv in (["chat", "hello", "-v", "--timeout", "2"], ["why", "--json"], ["limits"]):
        assert_no_leak(home.run(*argv), f"{fault}: {' '.join(argv)}")
    sim.release()
    assert sim.wait_for(lambda counts: counts.faults > 0), "the fault was not played"
    assert_no_file_leaks(tmp_path)


@pytest.mark.parametrize("field", ["message", "header"])
def test_a_provider_that_repeats_the_key_in_its_error_is_cleaned(
    field: str, home: Household, sim: Simulator, tmp_path: Path
) -> None:
    body = f'{{"error": {{"message": "bad thing: key {GEMINI} of Bearer {GROQ} is no good"}}}}'
    headers = {"x-echo": GEMINI} if field == "header" else {}
    sim.fail("status", times=None, status=400, body=body, headers=headers)
    assert home.run("chat", "hello").code == 7
    for argv in (["chat", "hello", "-v"], ["chat", "hello", "--json"], ["why"], ["why", "--json"]):
        assert_no_leak(home.run(*argv), " ".join(argv))
    assert_no_file_leaks(tmp_path)


def test_a_broken_credentials_file_is_named_and_not_quoted(home: Household, tmp_path: Path) -> None:
    assert home.run("chat", "hello").code == 0
    path = Path(home.env["FREELLM_CONFIG_DIR"]) / "credentials.toml"
    for damage in (f'[[x]\nkey = "{GEMINI}', f'"{GROQ}" = 1', f"{GEMINI}\n"):
        path.write_text(damage)
        for argv in (["keys"], ["chat", "hello"], ["keys", "export", "--reveal"], ["limits"]):
            assert_no_leak(home.run(*argv), " ".join(argv))


def test_broken_settings_are_named_and_secrets_in_them_not_quoted(home: Household) -> None:
    path = Path(home.env["FREELLM_CONFIG_DIR"]) / "config.toml"
    for damage in (
        f'[serve]\ntoken = ["{TOKEN}"]',
        f'[serve\ntoken = "{TOKEN}"',
        f'token = "{TOKEN}"',
    ):
        path.write_text(damage)
        for argv in (
            ["config", "show"],
            ["config", "check"],
            ["keys"],
            ["config", "get", "serve.token"],
        ):
            assert_no_leak(home.run(*argv), f"{damage}: {' '.join(argv)}")


class _Bursting(io.StringIO):
    """An output that fails with a secret in its complaint."""

    def write(self, text: str) -> int:
        raise RuntimeError(f"disk {GEMINI} is on fire, {GROQ} too")


def test_a_crash_report_holds_no_key(home: Household, tmp_path: Path) -> None:
    err = io.StringIO()
    face = Face(home.env, io.StringIO(""), _Bursting(), err)
    assert guarded(lambda: dispatch(["chat", "hello"], face), face) == 1
    assert "internal error" in err.getvalue()
    assert leaks(err.getvalue()) == set()
    report = next(tmp_path.rglob("crash.log"))
    assert "RuntimeError" in report.read_text()
    assert_no_file_leaks(tmp_path)
