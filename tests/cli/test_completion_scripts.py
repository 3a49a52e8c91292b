"""Completion scripts in the real shells, asking the real program."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from freellm_cli.cli.command_tree import SUBWORDS, VALUES, command_tree
from freellm_cli.cli.shells import SHELLS, SUFFIXES, completion_script
from freellm_cli.services.completion import KINDS
from freellm_cli.services.conversation import open_history
from freellm_cli.storage.history import Exchange
from tests.support.household import Household
from tests.support.login_home import google_login
from tests.support.program import program_script
from tests.support.upstream import simulator

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = """
[aliases]
"my-smart" = "kimi-k2"
[providers.localai]
base_url = "http://127.0.0.1:9/v1"
"""

BASH_DRIVER = """
COMP_LINE=$1 COMP_POINT=${#1}
source "$2"
_freellm
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def world(tmp_path: Path, clean_environment: dict[str, str]) -> dict[str, str]:
    """An environment whose `freellm` is this tree's, with an alias, a host and a key of its own."""
    program = program_script(tmp_path / "bin" / "freellm")
    config = Path(clean_environment["FREELLM_CONFIG_DIR"])
    config.mkdir(parents=True)
    (config / "config.toml").write_text(CONFIG)
    person = Household(config.parent, simulator())
    google_login(person)
    for name, question in (("spanish-lesson", "¿Qué tal?"), ("c_aa11bb22cc", "Why: is it so?")):
        told = Exchange(question, question, "So.", "m", "k", "r", 1, 1)
        history = open_history(person.runtime)
        history.add(name, "", None, told)
        history.close()
    person.forget()
    return {
        **clean_environment,
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "GROQ_API_KEY": "gsk_a_key_of_the_environment_0123456789",
        "TERM": "xterm",
    }


def script_file(folder: Path, shell: str) -> Path:
    name = {"zsh": "_freellm", "fish": "freellm.fish"}.get(shell, f"freellm.{SUFFIXES[shell]}")
    path = folder / name
    path.write_text(completion_script(shell, command_tree()), encoding="utf-8")
    return path


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"no {shell} on this machine")


LINES = [
    ("freellm ch", {"chat"}),
    ("freellm keys ", {"add", "list", "check", "enable", "disable", "label", "remove"}),
    ("freellm keys add gem", {"gemini", "gemini_cli"}),
    ("freellm keys add --label x groq --env VAR --acc", {"--account"}),
    ("freellm chat --th", {"--think"}),
    ("freellm chat --think h", {"high"}),
    ("freellm chat -m my-", {"my-smart"}),
    ("freellm chat --temperature 1 -m auto --sy", {"--system"}),
    ("freellm models show gemini/gemini-2.5-fl", {"gemini/gemini-2.5-flash"}),
    ("freellm models --for lo", {"long-context"}),
    ("freellm models gro", {"groq"}),
    ("freellm limits re", {"reset"}),
    ("freellm limits why groq-e", {"groq-env"}),
    ("freellm keys check groq-", {"groq-env"}),
    ("freellm config get serve.po", {"serve.port"}),
    ("freellm config set providers.localai.first", {"providers.localai.first_token"}),
    ("freellm completion z", {"zsh"}),
    ("freellm -q keys li", {"list"}),
    ("freellm chat --conversation spa", {"spanish-lesson"}),
    ("freellm history show c_aa", {"c_aa11bb22cc"}),
    ("freellm history export sp", {"spanish-lesson"}),
    ("freellm oauth refresh gemini_cli-", {"gemini_cli-1"}),
    ("freellm oauth import --provider i", {"iflow"}),
    ("freellm completion install f", {"fish"}),
    ("freellm completion ", {"install", "bash", "zsh", "fish", "powershell"}),
    ("freellm limits plan --mod", {"--model"}),
    ("freellm limits plan -m my-", {"my-smart"}),
    ("freellm serve --simulate ti", {"tiny"}),
]


def in_bash(line: str, folder: Path, env: dict[str, str]) -> set[str]:
    script = script_file(folder, "bash")
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH_DRIVER, "bash", line, str(script)],
        env=env, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@needs("bash")
@pytest.mark.parametrize(("line", "offered"), LINES, ids=[line for line, _ in LINES])
def test_bash_completes(
    line: str, offered: set[str], tmp_path: Path, world: dict[str, str]
) -> None:
    assert offered <= in_bash(line, tmp_path, world)


@needs("bash")
def test_bash_offers_nothing_that_does_not_begin_so(tmp_path: Path, world: dict[str, str]) -> None:
    assert in_bash("freellm ch", tmp_path, world) == {"chat"}
    assert in_bash("freellm keys add groq --env ", tmp_path, world) == set()
    assert in_bash("freellm nonsense ", tmp_path, world) == set()


@needs("bash")
def test_bash_completes_names_that_hold_its_word_breaks(
    tmp_path: Path, world: dict[str, str]
) -> None:
    line = "freellm chat -m openrouter/meta-llama/llama-3.3-70b-instruct:fr"
    assert in_bash(line, tmp_path, world) == {"free"}
    assert in_bash("freellm chat --think=hi", tmp_path, world) == {"high"}


@needs("bash")
def test_names_that_speak_for_themselves_are_not_explained_in_bash(
    tmp_path: Path, world: dict[str, str]
) -> None:
    line = "freellm history show "
    assert in_bash(line, tmp_path, world) == {"spanish-lesson", "c_aa11bb22cc"}


@needs("fish")
def test_fish_tells_what_a_conversation_is_about(tmp_path: Path, world: dict[str, str]) -> None:
    script = script_file(tmp_path, "fish")
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C 'freellm history show c_'"],
        env=world, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout == "c_aa11bb22cc\tWhy: is it so?\n"


@needs("fish")
@pytest.mark.parametrize(("line", "offered"), LINES, ids=[line for line, _ in LINES])
def test_fish_completes(
    line: str, offered: set[str], tmp_path: Path, world: dict[str, str]
) -> None:
    script = script_file(tmp_path, "fish")
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C $argv[1]", line],
        env=world, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert offered <= {row.split("\t")[0] for row in done.stdout.splitlines()}


@needs("zsh")
@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_zsh_completes_in_one_interactive_session(tmp_path: Path, world: dict[str, str]) -> None:
    import pexpect

    script_file(tmp_path, "zsh")
    shell = pexpect.spawn(
        "zsh", ["-f", "-i"], env={**world, "PS1": "begin> ", "TERM": "dumb"}, timeout=10,
        encoding="utf-8", dimensions=(100, 200), use_poll=True,
    )  # fmt: skip
    shell.expect_exact("begin> ")
    shell.sendline(
        f"unsetopt zle_bracketed_paste; fpath=({tmp_path} $fpath); autoload -U compinit;"
        " compinit -u -D; LISTMAX=9999; PS1='now> '; echo DO''NE"
    )
    shell.expect_exact("DONE")
    shell.expect_exact("now> ")
    for line, offered in LINES:
        shell.send(line + ("\t" if len(offered) == 1 else "\t\t"))
        typed = line.rpartition(" ")[2]
        missing = set(offered)
        while missing:
            # What is inserted may come apart from what was typed, with a bell between.
            seen = {word.removeprefix(typed) or word: word for word in sorted(missing)}
            missing.discard(list(seen.values())[shell.expect_exact(list(seen))])
        shell.send("\x15\r")
        shell.expect_exact("now> ")
    shell.close(force=True)


def test_powershell_can_parse_its_script() -> None:
    parser = pytest.importorskip("tree_sitter")
    language = parser.Language(pytest.importorskip("tree_sitter_powershell").language())

    def faults(text: str) -> bool:
        return bool(parser.Parser(language).parse(text.encode()).root_node.has_error)

    script = completion_script("powershell", command_tree())
    assert faults(script.replace("foreach ($word in $words)", "foreach ($word $words)"))
    assert not faults(script)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_committed_script_is_what_the_command_prints(shell: str) -> None:
    committed = ROOT / "completions" / f"freellm.{SUFFIXES[shell]}"
    assert committed.read_text(encoding="utf-8") == completion_script(shell, command_tree())


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_flag_is_in_every_script(shell: str) -> None:
    script = completion_script(shell, command_tree())
    for command in command_tree().walk():
        for option in command.options:
            for flag in option.flags:
                assert flag.lstrip("-") in script
        assert not command.path or command.path[-1] in script


def test_every_value_rule_names_a_parameter_and_a_kind_that_exist() -> None:
    tree = command_tree()
    used: set[str] = set()
    for command in tree.walk():
        used |= {item.values for item in (*command.options, *command.arguments) if item.values}
    assert used == set(VALUES.values())
    assert used - {"files", "folders"} <= set(KINDS)
    assert all(name in {" ".join(c.path) for c in tree.walk()} for name in SUBWORDS)


def test_a_word_that_its_parent_tells_apart_is_a_row_of_the_tree() -> None:
    names = {command.name for command in command_tree().walk()}
    assert {"freellm models show", "freellm limits why", "freellm limits reset"} <= names
