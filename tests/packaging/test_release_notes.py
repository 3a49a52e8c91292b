"""What stands between a tag and a release."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from freellm_cli import __version__
from tests.packaging.conftest import ROOT

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "release-notes"))
CHANGELOG = "# Changelog\n\n## 1.2.3\n\n- Better.\n\n## 1.2.2\n\n- Good.\n"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    for name, text in {
        "freellm_cli/__init__.py": '__version__ = "1.2.3"\n',
        "CHANGELOG.md": CHANGELOG,
        "packaging/debian/changelog": "freellm (1.2.3) unstable; urgency=medium\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_the_notes_are_the_versions_own(ready: Path) -> None:
    assert SCRIPT["disagreements"]("1.2.3", ready) == []
    assert SCRIPT["entry"]("1.2.3", ready) == "- Better."


def test_every_disagreement_is_named(ready: Path) -> None:
    ready.joinpath("changelog.d").mkdir()
    ready.joinpath("changelog.d/serve.added.md").write_text("- more", encoding="utf-8")
    faults = "\n".join(SCRIPT["disagreements"]("1.3.0", ready))
    for part in ("__init__.py", "no entry for 1.3.0", "serve.added.md", "debian/changelog"):
        assert part in faults


FRAGMENTS = {
    "serve.fixed.md": "- Mended.\n",
    "cli.added.md": "- New.\n- Newer.",
    "a.removed.md": "- Gone.\n",
}
GATHERED = "- Gone.\n- New.\n- Newer.\n- Mended."


@pytest.mark.parametrize(
    ("version", "told"), [("1.2.3", f"- Better.\n{GATHERED}"), ("1.3.0", GATHERED)]
)
def test_fragments_are_gathered_into_the_versions_entry(
    ready: Path, version: str, told: str
) -> None:
    ready.joinpath("changelog.d").mkdir()
    for name, text in FRAGMENTS.items():
        ready.joinpath("changelog.d", name).write_text(text, encoding="utf-8")
    SCRIPT["gather"](version, ready)
    assert SCRIPT["entry"](version, ready) == told
    assert SCRIPT["entry"]("1.2.2", ready) == "- Good."
    assert not list(ready.joinpath("changelog.d").iterdir())
    whole = ready.joinpath("CHANGELOG.md").read_text(encoding="utf-8")
    assert whole.startswith(f"# Changelog\n\n## {version}\n\n- ")
    assert "\n\n\n" not in whole


def test_this_version_has_its_entry() -> None:
    assert SCRIPT["entry"](__version__, ROOT)


def test_a_fragment_is_named_for_what_it_tells() -> None:
    kinds = {"added", "changed", "fixed", "removed", "security"}
    for path in ROOT.glob("changelog.d/*"):
        assert path.name.split(".")[1:] in [[kind, "md"] for kind in kinds], path.name
        assert path.read_text(encoding="utf-8").startswith("- ")
