"""The pages say what the program does: every error, every file, every example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from freellm_cli.core import errors
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services import template_library
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def all_errors(kind: type[errors.FreellmError] = errors.FreellmError) -> Iterator[type]:
    if kind.__module__ == errors.__name__:
        yield kind
    for below in kind.__subclasses__():
        yield from all_errors(below)


def test_every_error_has_its_entry_with_its_codes_and_no_entry_is_left_over() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    stated = {
        (slug, int(code), int(status))
        for slug, code, status in re.findall(
            r"^\| \[([\w-]+)\]\(#\1\) \| (\d+) \| (\d+) \|$", page, re.MULTILINE
        )
    }
    assert stated == {(kind.slug, kind.exit_code, kind.http_status) for kind in all_errors()}
    assert set(re.findall(r"^## (\S+)$", page, re.MULTILINE)) == {row[0] for row in stated}


def test_every_path_that_the_program_names_is_explained(tmp_path: Path) -> None:
    page = (DOCS / "files.md").read_text(encoding="utf-8")
    with Simulator("generous") as sim:
        shown = Household(tmp_path, sim).run("config", "path").out
    for line in shown.splitlines():
        name, path = line.split(maxsplit=1)
        assert f"| `{name}` |" in page
        assert name == "cache" or Path(path).name in page


def examples() -> Iterator[tuple[str, str]]:
    """(where, line) of the pages that a person copies from; generated ones hold helps and settings."""
    for page in (DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))):
        if page.name != "providers.md":  # the catalog itself, with what has gone
            for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
                yield f"{page.name}:{number}", line
    for line in template_library.NEW.splitlines():
        yield "a new template", line


def test_a_model_in_an_example_is_served_today() -> None:
    catalog = load_catalog()
    known = {model.id: model for name in catalog.provider_ids() for model in catalog.models(name)}
    named = re.compile(rf"(?<![\w./-])(?:{'|'.join(catalog.provider_ids())})/[\w@][\w@./:-]*")
    gone, met = [], set()
    for where, line in examples():
        for name in named.findall(line):
            model = known.get(name)
            met.add(name)
            if model and model.status not in ("active", "expires") and "closed" not in line:
                gone.append(f"{where}: {name} is {model.status}")
    assert gone == []
    assert {"gemini/gemini-2.5-flash", "nvidia_nim/moonshotai/kimi-k3", "iflow/kimi-k2"} <= met


def test_a_family_in_an_example_has_not_gone_from_most_of_its_hosts() -> None:
    catalog = load_catalog()
    families = {family.id: catalog.family(family.id) for family in catalog.families()}
    met = {
        (where, word)
        for where, line in examples()
        for word in re.findall(r"(?<![\w/.-])[\w.-]+(?![\w/-])", line)
        if word in families
    }
    assert "kimi-k3" in {word for _, word in met}
    gone = [
        (where, word)
        for where, word in met
        if sum(m.status == "closed" for m in families[word]) * 2 >= len(families[word])
    ]
    assert gone == []
