"""What freellm says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import freellm_cli
from freellm_cli.services.build_info import Build, describe_build, read_build

BUILT = Build("9.8.7", "0123456789ab", "2026-11-21", "linux-x86_64", "3.11.7")


def written(folder: Path) -> str:
    (folder / "build.json").write_text(json.dumps(BUILT._asdict()))
    return str(folder)


def test_a_one_file_program_says_of_which_commit_it_was_built(tmp_path: Path) -> None:
    folder = written(tmp_path)
    assert read_build(folder) == BUILT
    _, made, where = describe_build("/opt/freellm", folder)
    assert made == "one file for linux-x86_64, of 2026-11-21 from 0123456789ab, Python 3.11.7"
    assert where == f"/opt/freellm, unpacked in {folder}"


def test_an_installed_one_says_where_it_lies(tmp_path: Path) -> None:
    version, where = describe_build("", written(tmp_path))
    assert version == f"freellm {freellm_cli.__version__}"
    assert where.endswith(str(Path(freellm_cli.__file__).parent))


def test_a_folder_of_something_else_is_no_build(tmp_path: Path) -> None:
    assert read_build(str(tmp_path)) is None
    (tmp_path / "build.json").write_text("{")
    assert read_build(str(tmp_path)) is None
