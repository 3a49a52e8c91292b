"""packaging/requirements.txt: what the container and the Debian package are made of."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.conftest import ROOT

TEXT = ROOT.joinpath("packaging/requirements.txt").read_text(encoding="utf-8")
PINNED = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", TEXT, re.MULTILINE)
}
with open(ROOT / "pyproject.toml", "rb") as file:
    WANTED = [Requirement(text) for text in tomllib.load(file)["project"]["dependencies"]]


def test_every_dependency_is_pinned_to_a_version_that_is_allowed() -> None:
    for wanted in WANTED:
        version = PINNED[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"{wanted} but {version}: renew the file"


def test_every_pin_has_its_digests_and_names_no_index() -> None:
    blocks = re.split(r"\n(?=[\w-]+==)", TEXT)[1:]
    assert len(blocks) == len(PINNED)
    for block in blocks:
        assert "--hash=sha256:" in block
    assert "://" not in TEXT
    assert "--index" not in TEXT
