"""The workflows that build and publish: they parse, call what exists, and may do no more than they must."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.packaging.conftest import ROOT

FILES = sorted(ROOT.joinpath(".github/workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
PINNED = re.compile(r"^[\w-]+/[\w-]+@[0-9a-f]{40}$")


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job, body in workflow["jobs"].items():
            for step in body["steps"]:
                yield f"{name}/{job}", step


def test_both_are_here() -> None:
    assert set(WORKFLOWS) >= {"ci", "release"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read_unless_a_job_says_why(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    text = ROOT.joinpath(f".github/workflows/{name}.yml").read_text(encoding="utf-8")
    for line in re.findall(r"^ +[\w-]+: write.*$", text, re.MULTILINE):
        assert " # " in line, f"why? {line}"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60


def test_actions_are_pinned_to_commits_that_name_their_release() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FILES)
    uses = re.findall(r"uses: (\S+)(.*)", text)
    assert uses
    for action, comment in uses:
        assert PINNED.match(action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert len({action for action, _ in uses}) == len({a.split("@")[0] for a, _ in uses})


def test_a_checkout_keeps_no_credentials() -> None:
    for place, step in steps():
        if "checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, place


def test_every_script_that_is_called_exists() -> None:
    called = set()
    for _, step in steps():
        called |= set(re.findall(r"\b(?:scripts|packaging|\.ci)/[\w./-]+", step.get("run", "")))
    assert {"scripts/check", "scripts/deb", "scripts/binary", "scripts/release-notes"} <= called
    for name in called:
        assert (ROOT / name).exists(), name


def test_every_dependency_group_that_is_installed_exists() -> None:
    groups = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    for _, step in steps():
        for group in re.findall(r"--group (\w[\w-]*)", step.get("run", "")):
            assert group in groups["dependency-groups"]


def test_expressions_do_not_reach_the_shell() -> None:
    """A branch or tag can be called anything; the shell gets such names through the environment."""
    for place, step in steps():
        assert "${{" not in step.get("run", ""), place


def test_the_matrix_is_what_the_package_promises() -> None:
    package = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = set(re.findall(r"Python :: (3\.\d+)", "\n".join(package["classifiers"])))
    for job in ("check", "tests"):
        assert set(WORKFLOWS["ci"]["jobs"][job]["strategy"]["matrix"]["python"]) == promised
    systems = WORKFLOWS["ci"]["jobs"]["tests"]["strategy"]["matrix"]["os"]
    assert {name.split("-")[0] for name in systems} == {"macos", "windows"}


def test_a_release_is_summed_listed_and_vouched_for() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    text = str(jobs["packages"]["steps"]) + str(jobs["release"]["steps"])
    for part in ("sha256sum", "cyclonedx-py", "attest-build-provenance@", "twine check"):
        assert part in text
    assert jobs["release"]["permissions"].keys() == {"contents", "id-token", "attestations"}
    publish = jobs["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "release"
    assert "password" not in str(publish)


def test_no_secret_is_asked_for() -> None:
    for path in FILES:
        assert "secrets." not in path.read_text(encoding="utf-8")
