"""The dashboard and the page about the figures name those that the server tells, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.test_metrics import scraped
from tests.support.serving import HELLO, key_text, served
from tests.support.upstream import REPOSITORY, simulator

DOCS = Path(REPOSITORY) / "docs"
DASHBOARD = json.loads((DOCS / "grafana" / "freellm.json").read_text(encoding="utf-8"))
PAGE = (DOCS / "metrics.md").read_text(encoding="utf-8")
PARTS = ("_bucket", "_sum", "_count")
# Words of PromQL that stand where a metric's name may stand.
WORDS = {
    "sum", "by", "rate", "increase", "max", "histogram_quantile", "on", "and", "le",
    "instance", "label_values", "for", "expr",
}  # fmt: skip

Labels = dict[str, set[str]]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """The labels of every sample that a server tells which has seen a little of everything."""
    with (
        simulator() as sim,
        served(
            sim,
            tmp_path_factory.mktemp("served"),
            providers={"acme": 2},
            settings={"providers.acme.limits": [{"requests_per_day": 100}]},
        ) as house,
    ):
        sim.key(key_text("acme", 1)).suspended()
        for _ in range(2):
            house.ask(body=HELLO)
        scraped(house, questions=2)
        text = house.ask("/metrics").body.decode()
    found: Labels = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Each metric of an expression with the labels that it is chosen by."""
    found = []
    for name, chosen in re.findall(r"([a-z_]{5,})(?:\{([^}]*)\})?", expression):
        if name.startswith(("freellm_", "process_", "python_")):
            found.append((name, set(re.findall(r"(\w+)\s*[=!]", chosen))))
    return found


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_the_dashboard_asks_for_what_there_is(expression: str, labels: Labels) -> None:
    asked = selectors(expression)
    assert asked
    held: set[str] = {"instance"}
    for name, chosen in asked:
        assert name in labels, f"no such metric: {name}"
        assert chosen <= labels[name] | {"instance"}, f"{name} has no such label"
        held |= labels[name]
    for grouped in re.findall(r"(?:by|on) \(([^)]*)\)", expression):
        assert {word.strip() for word in grouped.split(",")} <= held
    names = {name for name, _ in asked}
    others = set(re.findall(r"\b[a-z_]+(?=[\s({])", re.sub(r'"[^"]*"|\{[^}]*\}', " ", expression)))
    assert others - names <= WORDS | held


def test_legends_name_labels_that_the_query_keeps() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = set(
                re.findall(r"\w+", " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", target["expr"])))
            )
            assert wanted <= kept, panel["title"]


def test_panels_lie_side_by_side_and_choose_their_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert max(column for column, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_figure_is_explained_with_its_labels_and_no_other(labels: Labels) -> None:
    explained = {}
    for row in re.findall(r"^\| `freellm_.*\|$", PAGE, re.MULTILINE):
        name, with_labels = row.split("|")[1:3]
        explained[name.strip(" `")] = set(re.findall(r"`(\w+)`", with_labels))
    ours: Labels = {}
    for name, found in labels.items():
        if name.startswith("freellm_"):
            whole = next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)
            ours.setdefault(whole, set()).update(found - {"le"})
    same = {"freellm_limit_amount", "freellm_limit_reset_seconds"}
    for name in same:
        assert f"| `{name}` | the same |" in PAGE
        explained[name] = explained["freellm_limit_used"]
    assert explained == ours


def test_the_alerts_ask_for_what_there_is(labels: Labels) -> None:
    block = PAGE.split("## Worth an alert")[1]
    asked = selectors(block)
    assert len(asked) >= 4
    for name, chosen in asked:
        assert name in labels
        assert chosen <= labels[name]
