"""The compiler refuses what does not hold together, and names the file and the entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from freellm_cli.core.errors import StoreError
from freellm_cli.providers.catalog_checks import CatalogError
from freellm_cli.providers.catalog_compiler import compile_catalog
from freellm_cli.providers.catalog_file import CatalogFile
from freellm_cli.providers.registry import Catalog
from tests.support.catalog_sources import FAMILIES, HOST, SOURCES, write_sources


def catalog_of(folder: Path, **changed: str) -> Catalog:
    return Catalog(CatalogFile(compile_catalog(write_sources(folder, **changed))))


def test_a_model_takes_what_it_lacks_from_defaults_rules_and_family(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path)
    turbo = catalog.model("host/acme/big-1-turbo")
    assert turbo is not None
    assert turbo.family == "big"
    assert turbo.context == 1000
    assert turbo.capabilities == {"chat", "tools"}
    assert turbo.quirks == {"think": "effort", "n_max": 1}
    assert turbo.source == "https://lists.example/free (2026-10-05)"
    assert [limit.amount for limit in turbo.limits] == [2000]


def test_a_provider_gets_its_own_variable_last(tmp_path: Path) -> None:
    assert catalog_of(tmp_path).provider("host").key_env == ("HOST_KEY", "FREELLM_HOST_API_KEY")


def test_members_of_a_family_come_best_first(tmp_path: Path) -> None:
    host = HOST + '\n[[models]]\nname = "acme/big-2"\nrecommended = true\n'
    family = catalog_of(tmp_path, host=host).family("big")
    assert [spec.name for spec in family] == ["acme/big-2", "acme/big-1", "acme/big-1-turbo"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "acme/big-1"\n', 'nam = "acme/big-1"\n', "model None: needs name"),
        ('name = "acme/big-1"\n', 'name = "acme/big-1"\ncontxt = 5\n', "unknown key 'contxt'"),
        ('name = "acme/big-1"\n', 'name = "acme/nobody"\n', "belongs to no family"),
        (
            'name = "acme/big-1"\n',
            'name = "acme/big-1"\nfamily = "none"\n',
            "family 'none' is not in",
        ),
        ('name = "acme/big-1"\n', 'name = "acme/big-1-turbo"\n', "is there twice"),
        (
            'name = "acme/big-1"\n',
            'name = "acme/big-1"\nstatus = "dead"\n',
            "status 'dead' is none of",
        ),
        ('name = "acme/big-1"\n', 'name = "acme/big-1"\nstatus_date = "May"\n', "is no date"),
        (
            'name = "acme/big-1"\n',
            'name = "acme/big-1"\nsource = "hearsay"\n',
            "not in sources.toml",
        ),
        (
            'name = "acme/big-1"\n',
            'name = "acme/big-1"\nstatus = "expires"\n',
            "expires '' is no date",
        ),
        (
            'name = "acme/big-1"\n',
            'name = "acme/big-1"\ncontext = "big"\n',
            "context must be a number",
        ),
        ('name = "acme/big-1"\n', 'name = "acme/big-1"\nuses = ["fun"]\n', "uses 'fun' is none of"),
        (
            'name = "acme/big-1"\n',
            'name = "acme/big-1"\ncapabilities = ["fly"]\n',
            "'fly' is none of",
        ),
        ('replacement = "host/acme/big-1"', "", "needs replacement"),
        ('replacement = "host/acme/big-1"', 'replacement = "host/gone"', "cannot be used"),
        ('status = "closed"\n', 'status = "closed"\nrecommended = true\n', "cannot be recommended"),
        ('["2025-09, a guide', '["a guide', "does not begin with a date"),
        ("5 requests per 60s", "5 requests", "is not like"),
        ("5 requests per 60s", "5 requests per week", "no window"),
        ("5 requests per 60s", "5 neurons per 60s", "unit 'neurons' is none of"),
        ("account model: 5", "planet model: 5", "scope 'planet' is none of"),
        ("5 requests per 60s", "5 concurrent per 60s", "concurrent goes with the window open"),
        ('drop = ["top_k"]', 'dorp = ["top_k"]', "unknown quirk 'dorp'"),
        ('drop = ["top_k"]', 'drop = "top_k"', "quirk drop must not be"),
        ('think = "effort"', 'think = "hard"', "think 'hard' is none of"),
        ('match = "turbo"', 'match = "("', "no regular expression"),
        ('dialect = "openai"', 'dialect = "smoke"', "dialect 'smoke' is none of"),
        ('terms = "None."', "", "needs terms"),
        ('id = "host"', 'id = "other"', "in a file of another name"),
        ("[provider.quirks]", "[provider.quirks", "host.toml"),
    ],
)
def test_a_mistake_in_a_providers_file_is_named(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in HOST
    with pytest.raises(CatalogError) as caught:
        compile_catalog(write_sources(tmp_path, host=HOST.replace(old, new, 1)))
    assert says in str(caught.value)
    assert "host.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('successors = ["big"]', 'successors = ["huge"]', "successor 'huge' is unknown"),
        ('successors = ["big"]', "", "no member that can be used, and no successor"),
        ('id = "old"', 'id = "big"', "is there twice"),
        ('match = ["old-"]', "", "needs match"),
        ('match = ["old-"]', 'match = ["["]', "no regular expression"),
        ('match = ["old-"]', 'match = ["[o]ld"]', "begins neither with a letter"),
    ],
)
def test_a_mistake_among_the_families_is_named(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in FAMILIES
    with pytest.raises(CatalogError, match=r"old|big") as caught:
        compile_catalog(write_sources(tmp_path, families=FAMILIES.replace(old, new, 1)))
    assert says in str(caught.value)


def test_a_source_that_no_entry_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="'spare' is named by no entry"):
        compile_catalog(write_sources(tmp_path, sources=SOURCES + 'spare = "https://x.example"\n'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"sources\.toml: cannot be read"):
        compile_catalog(tmp_path)


@pytest.mark.parametrize("text", ["", "no json", '{"format":99}', "[]"])
def test_a_damaged_compiled_file_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="the catalog that came with freellm"):
        CatalogFile(text)
