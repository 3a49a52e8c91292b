"""`serve --install-service`: what is written, what is refused, what is left behind."""

from __future__ import annotations

import json
import os
import plistlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.errors import UsageError
from freellm_cli.services import install_service as service
from freellm_cli.services.runtime import Runtime
from freellm_cli.storage.paths import Paths, find_paths
from tests.support.household import Household
from tests.support.upstream import simulator

PROGRAM = ("/opt/free llm/freellm",)


class World:
    """A person, their folders, and a service of theirs on one platform."""

    def __init__(self, folder: Path, platform: str, **env: str) -> None:
        self.env = {"HOME": str(folder), "USERDOMAIN": "PC", "USERNAME": "ann", **env}
        self.paths = find_paths(self.env)
        self.place = service.service_place(self.env, self.paths, platform=platform)
        self.ran: list[Sequence[str]] = []

    def runtime(self, **overrides: object) -> Runtime:
        return service.service_runtime(self.env, self.paths, overrides)

    def text(self, *arguments: str) -> bytes:
        return service.service_text(self.place, self.runtime(), PROGRAM, arguments)

    def run(self, words: Sequence[str]) -> object:
        self.ran.append(words)
        return b""


PLATFORMS = ["linux", "darwin", "win32"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_installed_can_be_removed_without_a_trace(tmp_path: Path, platform: str) -> None:
    world = World(tmp_path, platform)
    told = service.install(world.place, world.text("--port", "9000"), world.paths)
    assert Path(world.place.path).exists()
    assert world.place.path in told.blocks[0][0]
    for folder in (world.paths.config, world.paths.state, world.paths.cache):
        assert os.path.isdir(folder), "a service may not make its folders itself"
    for link in world.place.links:
        Path(link).parent.mkdir()
        Path(link).symlink_to(world.place.path)
    service.uninstall(world.place, world.run)
    assert not any(os.path.lexists(path) for path in (world.place.path, *world.place.links))
    assert world.ran == [*world.place.stop, *world.place.after]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_removing_what_is_not_there_says_so(tmp_path: Path, platform: str) -> None:
    world = World(tmp_path, platform)
    with pytest.raises(UsageError, match="no service is installed"):
        service.uninstall(world.place, world.run)
    assert world.ran == []


def test_a_stop_that_fails_is_told_and_the_file_goes_all_the_same(tmp_path: Path) -> None:
    world = World(tmp_path, "linux")
    service.install(world.place, world.text(), world.paths)
    told = service.uninstall(world.place, lambda words: None)
    assert "systemctl --user disable --now freellm.service" in told.notices[0]
    assert not Path(world.place.path).exists()


def test_each_system_has_its_own_place(tmp_path: Path) -> None:
    places = {name: World(tmp_path, name).place.path for name in PLATFORMS}
    assert places["linux"] == str(tmp_path / ".config/systemd/user/freellm.service")
    assert places["darwin"] == str(tmp_path / "Library/LaunchAgents/freellm.serve.plist")
    assert places["win32"].endswith("freellm.xml")
    elsewhere = World(tmp_path, "linux", XDG_CONFIG_HOME=str(tmp_path / "xdg"))
    assert elsewhere.place.path == str(tmp_path / "xdg/systemd/user/freellm.service")


def test_the_service_finds_the_folders_that_the_shell_has(tmp_path: Path) -> None:
    usual = World(tmp_path, "linux").text().decode()
    assert "-dir" not in usual
    moved = World(tmp_path, "linux", FREELLM_CONFIG_DIR="/a b/c", FREELLM_STATE_DIR="/s").text()
    assert 'serve --config-dir "/a b/c" --state-dir /s' in moved.decode()
    assert 'ReadWritePaths="/a b/c" /s' in moved.decode()


def test_without_a_journal_only_complaints_are_written_down(tmp_path: Path) -> None:
    world = World(tmp_path, "darwin")
    read = plistlib.loads(world.text())
    assert read["ProgramArguments"] == ["/opt/free llm/freellm", "serve", "--quiet"]
    assert read["StandardErrorPath"] == world.place.log
    service.install(world.place, world.text(), world.paths)
    assert os.path.isdir(os.path.dirname(world.place.log))


def test_a_task_is_the_persons_own_and_in_the_encoding_that_it_states(tmp_path: Path) -> None:
    world = World(tmp_path, "win32")
    content = world.text()
    assert content.startswith(b"\xff\xfe")
    assert "<UserId>PC\\ann</UserId>" in content.decode("utf-16")
    assert service.show(world.place, content).data["content"] == content.decode("utf-16")


def test_what_is_to_be_typed_can_be_typed_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "R&D"
    world = World(folder, "win32", LOCALAPPDATA=str(folder), APPDATA=str(folder))
    told = service.install(world.place, world.text(), world.paths)
    assert any(f'/XML "{world.place.path}" /F' in block[0] for block in told.blocks)


def test_keys_that_only_the_shell_knows_are_named(tmp_path: Path) -> None:
    world = World(tmp_path, "linux", GEMINI_API_KEY="AIzaSyA-0123456789abcdefghijklmnopqrstu")
    assert "gemini-env" in service.unseen_keys(world.env, world.runtime())
    assert service.unseen_keys({"HOME": str(tmp_path)}, world.runtime()) == ""


# The command


def serve(tmp_path: Path, *argv: str, **env: str) -> Any:
    with simulator("generous") as sim:
        home = Household(tmp_path, sim)
        home.config("")
        return home.run("serve", *argv, env={"HOME": str(tmp_path), **env})


def unit_of(tmp_path: Path) -> Path:
    return tmp_path / ".config/systemd/user/freellm.service"


on_linux = pytest.mark.skipif(os.name == "nt", reason="the unit's place is POSIX's")


@on_linux
def test_the_options_of_serve_go_into_the_service(tmp_path: Path) -> None:
    options = "--port 9000 --profile game --drain 45.5 --threads 8 --log-content"
    origins = "--cors-origin https://a.example --cors-origin https://b.example"
    outcome = serve(tmp_path, "--install-service", *options.split(), *origins.split(), "--json")
    assert outcome.code == 0, outcome.err
    data = json.loads(outcome.out)
    text = Path(data["file"]).read_text(encoding="utf-8")
    for words in (options.split(" --log")[0].split(" --profile")[0], "--drain 45.5", origins):
        assert words in text
    assert "--log-content" in text
    assert "TimeoutStopSec=60" in text


@on_linux
def test_printing_writes_nothing(tmp_path: Path) -> None:
    outcome = serve(tmp_path, "--install-service", "--print")
    assert outcome.code == 0
    assert "ExecStart=" in outcome.out
    assert not unit_of(tmp_path).exists()


@on_linux
def test_a_key_for_clients_does_not_go_into_a_file_that_others_can_list(tmp_path: Path) -> None:
    for env in ({}, {"FREELLM_SERVE_TOKEN": "s3cret-token"}):
        given = [] if env else ["--token", "s3cret-token"]
        outcome = serve(tmp_path, "--install-service", *given, **env)
        assert outcome.code == 2
        assert "serve.token" in outcome.err
        assert "s3cret-token" not in outcome.out + outcome.err
    assert not unit_of(tmp_path).exists()


@on_linux
def test_an_open_door_is_refused_before_it_is_installed(tmp_path: Path) -> None:
    outcome = serve(tmp_path, "--install-service", "--host", "0.0.0.0")
    assert outcome.code == 3
    assert not unit_of(tmp_path).exists()


@pytest.mark.parametrize(
    "slip",
    [["--print"], ["--uninstall-service", "--print"], ["--install-service", "--uninstall-service"]],
)
def test_a_slip_changes_nothing(tmp_path: Path, slip: list[str]) -> None:
    unit_of(tmp_path).parent.mkdir(parents=True)
    unit_of(tmp_path).write_text("mine", encoding="utf-8")
    outcome = serve(tmp_path, *slip)
    assert outcome.code == 2
    assert "--install-service" in outcome.err
    assert unit_of(tmp_path).read_text(encoding="utf-8") == "mine"


@on_linux
def test_the_command_takes_it_away_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # this machine's own service is none of our business
    assert serve(tmp_path, "--install-service").code == 0
    outcome = serve(tmp_path, "--uninstall-service")
    assert outcome.code == 0
    assert not unit_of(tmp_path).exists()
    assert serve(tmp_path, "--uninstall-service").code == 2


def test_the_folders_are_named_once(tmp_path: Path) -> None:
    paths = Paths("/c", "/c", "/c/cache")
    world = World(tmp_path, "linux")
    runtime = Runtime(env=world.env, config_dir=paths.config, state_dir=paths.state)
    text = service.service_text(world.place, runtime, PROGRAM, ()).decode()
    assert "ReadWritePaths=/c /c/cache\n" in text
