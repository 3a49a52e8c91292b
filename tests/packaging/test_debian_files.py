"""The Debian package's own files, without building it: `scripts/check packages` builds and installs it."""

from __future__ import annotations

import re
import runpy

from freellm_cli import __version__
from tests.packaging.conftest import ROOT

DEBIAN = ROOT / "packaging" / "debian"
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "deb"))


def test_it_is_the_version_that_is_built() -> None:
    newest = DEBIAN.joinpath("changelog").read_text(encoding="utf-8").partition("\n")[0]
    assert newest.startswith(f"freellm ({__version__}) ")


def test_only_what_debian_has_new_enough_is_left_to_debian() -> None:
    text = ROOT.joinpath("packaging/requirements.txt").read_text(encoding="utf-8")
    inside = set(re.findall(r"^([\w-]+)==", SCRIPT["pure"](text), re.MULTILINE))
    every = set(re.findall(r"^([\w-]+)==", text, re.MULTILINE))
    assert every - inside == {"cryptography", "cffi", "pycparser", "colorama", "tzdata"}
    depends = DEBIAN.joinpath("control").read_text(encoding="utf-8")
    for package in ("python3 (>= 3.11", "python3-cryptography", "ca-certificates", "tzdata"):
        assert package in depends


def test_the_rules_name_files_that_exist() -> None:
    rules = DEBIAN.joinpath("rules").read_text(encoding="utf-8")
    for name in re.findall(r"(?:completions|debian)/freellm\.\w+", rules):
        path = ROOT / name if name.startswith("completions") else DEBIAN / name.partition("/")[2]
        assert path.exists(), name
    assert set(SCRIPT["PARTS"]) >= {"freellm_cli", "man", "completions"}
    for part in SCRIPT["PARTS"]:
        assert (ROOT / part).exists(), part


def test_a_licence_becomes_an_entry_that_debian_understands() -> None:
    text = "MIT License\n\nCopyright (c) 2020 Ann Example\n\nPermission is granted."
    assert SCRIPT["stanza"]("typer/_click", text) == (
        "\nFiles: debian/libraries/typer/_click*\n"
        "Copyright: (c) 2020 Ann Example\n"
        "License: as-typer--click\n"
        " MIT License\n .\n Copyright (c) 2020 Ann Example\n .\n Permission is granted.\n"
    )


def test_the_apache_licence_is_pointed_at_and_a_notice_is_kept() -> None:
    assert "common-licenses/Apache-2.0" in SCRIPT["licence_text"]("Apache License\n" + "x" * 9000)
    notice = "Requests\nCopyright 2019 Kenneth Reitz\nApache License"
    assert SCRIPT["licence_text"](notice) == notice
