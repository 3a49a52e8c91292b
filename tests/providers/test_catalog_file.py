"""The compiled catalog is found wherever the program is run from."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "freellm_cli"


def test_the_catalog_is_read_from_inside_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "freellm.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for path in [*PACKAGE.rglob("*.py"), PACKAGE / "providers" / "catalog.jsonl"]:
            bundle.write(path, path.relative_to(PACKAGE.parent))
    ask = "from freellm_cli.providers.registry import load_catalog as c; print(c().provider('groq').title)"
    answer = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {ask}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert answer.stdout == "Groq\n"
