"""Lists of models in every dialect."""

from __future__ import annotations

import pytest

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.models_list import (
    anthropic_list,
    anthropic_model,
    gemini_list,
    ollama_show,
    ollama_tags,
    openai_list,
    openai_model,
)

SPEC = ModelSpec(
    "openrouter/meta-llama/llama-3.3-70b-instruct:free",
    "openrouter",
    "meta-llama/llama-3.3-70b-instruct:free",
    family="llama-3.3-70b",
    title="Llama 3.3 70B",
    context=131072,
    max_output=8192,
    capabilities=frozenset({"chat", "tools", "vision", "thinking"}),
)
ROWS = [("smart", None), (SPEC.id, SPEC)]


def test_openais_list() -> None:
    alias, model = openai_list(ROWS)["data"]
    assert (alias["id"], alias["object"], alias["owned_by"]) == ("smart", "model", "freellm")
    assert type(alias["created"]) is int
    assert model["owned_by"] == "openrouter"
    assert model["name"] == "Llama 3.3 70B"
    assert model["context_length"] == model["context_window"] == 131072
    assert model["max_completion_tokens"] == 8192
    assert model["pricing"] == {"prompt": "0", "completion": "0"}
    assert {"tools", "reasoning"} < set(model["supported_parameters"])
    assert model["architecture"] == {
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
    }


def test_nothing_is_said_of_what_is_not_known() -> None:
    entry = openai_model("x/y", ModelSpec("x/y", "x", "y"))
    assert not {"context_length", "max_completion_tokens"} & set(entry)
    assert "response_format" not in entry["supported_parameters"]


def test_an_empty_pool_is_an_empty_list() -> None:
    assert openai_list([]) == {"object": "list", "data": []}
    assert anthropic_list([]) == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


def test_anthropics_list() -> None:
    page = anthropic_list(ROWS)
    assert page["data"][1] == {
        "type": "model",
        "id": SPEC.id,
        "display_name": "Llama 3.3 70B",
        "created_at": "2023-11-14T22:13:20Z",
        "lifecycle": "active",
        "max_input_tokens": 131072,
        "max_tokens": 8192,
    }
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("smart", SPEC.id, False)
    assert anthropic_model("smart")["display_name"] == "smart"


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({"limit": 2}, ["a", "b"], True),
        ({"limit": 2, "after_id": "b"}, ["c", "d"], True),
        ({"limit": 2, "after_id": "d"}, ["e"], False),
        ({"limit": 2, "before_id": "d"}, ["b", "c"], True),
        ({"limit": 2, "after_id": "nobody"}, ["a", "b"], True),
        ({}, ["a", "b", "c", "d", "e"], False),
    ],
)
def test_anthropics_pages(query: dict[str, int | str], ids: list[str], more: bool) -> None:
    page = anthropic_list([(name, None) for name in "abcde"], **query)  # type: ignore[arg-type]
    assert [entry["id"] for entry in page["data"]] == ids
    assert page["has_more"] is more


def test_googles_and_ollamas_lists() -> None:
    assert gemini_list(ROWS)["models"][1]["name"] == f"models/{SPEC.id}"
    entry = ollama_tags(ROWS)["models"][1]
    assert entry["name"] == entry["model"] == SPEC.id
    assert entry["details"]["family"] == "llama-3.3-70b"
    shown = ollama_show(SPEC.id, SPEC)
    assert shown["capabilities"] == ["completion", "tools", "vision", "thinking"]
    assert shown["model_info"]["freellm.context_length"] == 131072
    assert ollama_show("smart")["capabilities"] == ["completion"]


def test_googles_list_comes_in_pages_without_gaps() -> None:
    rows = [(f"acme/größe-{number}&+", None) for number in range(5)]
    found, token = [], ""
    for expected in (2, 2, 1):
        page = gemini_list(rows, page_size="2", page_token=token)
        assert len(page["models"]) == expected
        found += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken", "")
    assert token == ""
    assert found == [f"models/{name}" for name, _ in rows]


def test_googles_pages_are_a_thousand_at_most() -> None:
    rows = [(f"m{number}", None) for number in range(1001)]
    for size in ("", "0", "5000"):
        page = gemini_list(rows, page_size=size)
        assert len(page["models"]) == 1000
        assert len(gemini_list(rows, page_token=page["nextPageToken"])["models"]) == 1


@pytest.mark.parametrize(
    "query", [{"page_size": "-1"}, {"page_size": "many"}, {"page_token": "made-up"}]
)
def test_googles_pages_refuse_what_is_none(query: dict[str, str]) -> None:
    with pytest.raises(BadField):
        gemini_list(ROWS, **query)
