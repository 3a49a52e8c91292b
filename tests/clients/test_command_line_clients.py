"""Claude Code, Codex, opencode, Gemini CLI and Node's openai package, offline against the server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.npm_clients import NotInstallable, npm_folder
from tests.support.serving import MODEL, Served

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.xdist_group("npm")]
PATIENCE_S = 120
SECRET_LINE = "the cellar key hangs behind the clock"


@pytest.fixture(scope="session")
def binaries() -> Path:
    try:
        return npm_folder() / "node_modules" / ".bin"
    except NotInstallable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "note.txt").write_text(SECRET_LINE + "\n")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def run(binary: Path, *arguments: str, home: Path, env: Mapping[str, str]) -> str:
    path = os.pathsep.join([str(binary.parent), os.environ["PATH"]])
    done = subprocess.run(
        [str(binary), *arguments],
        cwd=home,
        env={"PATH": path, "HOME": str(home), "TERM": "dumb", "CI": "1", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout + done.stderr


class Claude:
    reads = "Read"
    arguments = staticmethod(lambda path: {"file_path": path})

    @staticmethod
    def ask(binaries: Path, server: Served, home: Path) -> str:
        env = {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.port}",
            "ANTHROPIC_AUTH_TOKEN": "any",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        return run(binaries / "claude", "-p", "hi there", "--model", MODEL, home=home, env=env)


class Codex:
    reads = "exec_command|shell_command|shell"
    arguments = staticmethod(lambda path: {"cmd": f"cat {path}", "command": f"cat {path}"})

    @staticmethod
    def ask(binaries: Path, server: Served, home: Path) -> str:
        (home / ".codex").mkdir(exist_ok=True)
        (home / ".codex" / "config.toml").write_text(
            f'model = "{MODEL}"\nmodel_provider = "fl"\nsandbox_mode = "danger-full-access"\n'
            'approval_policy = "never"\n[model_providers.fl]\nname = "fl"\nwire_api = "responses"\n'
            f'base_url = "http://127.0.0.1:{server.port}/v1"\n'
        )
        return run(
            binaries / "codex", "exec", "--skip-git-repo-check", "hi there", home=home, env={}
        )


class Opencode:
    reads = "read"
    arguments = staticmethod(lambda path: {"filePath": path})

    @staticmethod
    def ask(binaries: Path, server: Served, home: Path) -> str:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"http://127.0.0.1:{server.port}/v1", "apiKey": "any"},
            "models": {MODEL: {}},
        }
        (home / "opencode.json").write_text(json.dumps({"provider": {"fl": provider}}))
        return run(binaries / "opencode", "run", "-m", f"fl/{MODEL}", "hi there", home=home, env={})


class Gemini:
    reads = "read_file"
    arguments = staticmethod(lambda path: {"file_path": path, "absolute_path": path})

    @staticmethod
    def ask(binaries: Path, server: Served, home: Path) -> str:
        (home / ".gemini").mkdir(exist_ok=True)
        (home / ".gemini" / "settings.json").write_text(
            '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'
        )
        env = {
            "GEMINI_API_KEY": "any",
            "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{server.port}",
        }
        return run(
            binaries / "gemini",
            "--skip-trust",
            "-p",
            "hi there",
            "-m",
            "gemini-2.5-flash",
            home=home,
            env=env,
        )


CLIENTS = [Claude, Codex, Opencode, Gemini]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_question_is_answered(client: Any, binaries: Path, server: Served, home: Path) -> None:
    server.sim.reply("Ahoj from the pool!", times=None)
    assert "Ahoj from the pool!" in client.ask(binaries, server, home)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_tool_call_is_carried_through(
    client: Any, binaries: Path, server: Served, home: Path
) -> None:
    server.sim.reply("Nothing yet.", times=None)
    client.ask(binaries, server, home)
    offered = tool_names(server)
    name = next(tool for tool in offered if re.fullmatch(client.reads, tool))
    server.sim.heal()
    server.sim.reply(None, calls=[(name, client.arguments(str(home / "note.txt")))], times=1)
    server.sim.reply("I have read it.", times=None)
    if client is Opencode:  # asks for a title first, without tools
        server.sim.heal()
        server.sim.reply("A title", times=1)
        server.sim.reply(None, calls=[(name, client.arguments(str(home / "note.txt")))], times=1)
        server.sim.reply("I have read it.", times=None)
    assert "I have read it." in client.ask(binaries, server, home)
    assert any(SECRET_LINE in json.dumps(seen.body) for seen in server.sim.seen)


def tool_names(server: Served) -> list[str]:
    """The names of all tools that were offered so far."""
    found: list[str] = []
    for seen in server.sim.seen:
        for tool in seen.body.get("tools") or []:
            found += [item["name"] for item in tool.get("functionDeclarations", [])]
            found += [tool["function"]["name"]] if "function" in tool else []
    return found


def test_node_openai_answers_and_streams(binaries: Path, server: Served, home: Path) -> None:
    server.sim.reply("Ahoj!", times=2)
    script = f"""
    import OpenAI from {json.dumps(str(binaries.parent / "openai" / "index.mjs"))};
    const client = new OpenAI({{baseURL: "http://127.0.0.1:{server.port}/v1", apiKey: "any"}});
    const ask = {{model: {json.dumps(MODEL)}, messages: [{{role: "user", content: "hi"}}]}};
    const whole = await client.chat.completions.create(ask);
    let text = "";
    for await (const chunk of await client.chat.completions.create({{...ask, stream: true}}))
        text += chunk.choices[0]?.delta?.content ?? "";
    console.log(whole.choices[0].message.content, text);
    """
    (home / "ask.mjs").write_text(script)
    done = subprocess.run(
        ["node", "ask.mjs"], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["Ahoj!", "Ahoj!"], done.stderr
