"""Parameters, tools and thinking in Google's words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.errors import RequestRefused
from freellm_cli.providers.google import Google, dropped_fields
from tests.support.google_talk import (
    WEATHER,
    asking,
    body_of,
    call,
    config_of,
    result,
    said,
    target,
    user,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
JSON_FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}


@pytest.mark.parametrize(
    ("params", "config"),
    [
        ({"temperature": 1.7}, {"temperature": 1.7}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.9, "top_k": 40}, {"topP": 0.9, "topK": 40}),
        (
            {"presence_penalty": 0.5, "frequency_penalty": -0.5},
            {"presencePenalty": 0.5, "frequencyPenalty": -0.5},
        ),
        ({"max_tokens": 4000}, {"maxOutputTokens": 4000}),
        ({"max_completion_tokens": 4000}, {"maxOutputTokens": 4000}),
        ({"max_tokens": 10**9}, {"maxOutputTokens": 65536}),
        ({"max_tokens": 0}, {}),
        ({"max_tokens": -1}, {}),
        ({"seed": 7}, {"seed": 7}),
        ({"seed": 2**40 + 3}, {"seed": 3}),
        ({"stop": ["a", "", "a", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"stop": list("abcdefg")}, {"stopSequences": list("abcde")}),
        ({"n": 1}, {}),
        ({"modalities": ["text"]}, {}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        (
            {"response_format": JSON_FORMAT},
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
        ({"user": "me", "metadata": {}, "store": True, "logit_bias": {"1": 2}}, {}),
        ({"logprobs": True, "top_logprobs": 3, "min_p": 0.1, "repetition_penalty": 1.1}, {}),
        ({"temperature": None}, {}),
    ],
)
def test_parameters_become_generation_config(
    params: dict[str, Any], config: dict[str, Any]
) -> None:
    assert config_of(asking(**params)) == config


def changed(*, where: Any = None, think: str | None = None, **params: Any) -> dict[str, str]:
    return dict(dropped_fields(asking(think=think, **params), where or target()))


def test_what_is_left_out_is_said() -> None:
    assert changed(temperature=1, user="me", stream_options={}) == {}
    assert set(changed(logit_bias={}, min_p=0.1)) == {"logit_bias", "min_p"}
    assert changed(stop=list("abcdef")) == {"stop": "only the first 5 of 6 sent"}
    assert (
        "beside tools" in changed(tools=[WEATHER], response_format=JSON_FORMAT)["response_format"]
    )
    gemma = target("gemma-3-27b-it")
    assert "at all" in changed(response_format=JSON_FORMAT, where=gemma)["response_format"]
    assert changed(seed=1, where=target(drop=["seed"])) == {
        "seed": "left out: this model refuses it"
    }
    assert "no switch" in changed(think="high", where=gemma)["think"]


@pytest.mark.parametrize(
    "path",
    [
        "tools.0.function_declarations.0.parameters_json_schema.properties.0.value.default",
        "request.tools.0.function_declarations.3.parametersJsonSchema.properties.town.default",
    ],
)
def test_fields_that_google_names_by_their_path_are_left_out_everywhere(path: str) -> None:
    town = {"type": "string", "default": "Bern"}
    tools = [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": {"type": "object", "properties": {"town": town}},
            },
        }
        for name in ("f", "g")
    ]
    body = body_of(asking(tools=tools), target(drop=[path, "no.such.path", "3.x"]))
    for declared in body["tools"][0]["functionDeclarations"]:
        assert declared["parametersJsonSchema"]["properties"] == {"town": {"type": "string"}}
    assert town["default"] == "Bern"


def test_a_whole_member_of_the_body_can_be_left_out_but_not_the_conversation() -> None:
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    where = target(drop=["safety_settings", "contents"], safety_settings=settings)
    assert set(body_of(asking("hi"), where)) == {"contents"}


def test_fields_that_a_model_refuses_are_left_out_under_either_name() -> None:
    where = target(drop=["seed", "presencePenalty", "frequency_penalty"])
    params = {"seed": 1, "presence_penalty": 1, "frequency_penalty": 1, "top_p": 0.5}
    assert config_of(asking(**params), where) == {"topP": 0.5}


def test_a_request_that_says_nothing_more_has_no_generation_config() -> None:
    assert set(body_of(asking("hi"))) == {"contents"}


def test_several_answers_are_refused() -> None:
    with pytest.raises(RequestRefused, match="n = 2"):
        body_of(asking(n=2))


# Tools.


def test_a_function_is_declared_with_its_json_schema() -> None:
    body = body_of(asking(tools=[WEATHER], parallel_tool_calls=False))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "The weather of a town",
                    "parametersJsonSchema": WEATHER["function"]["parameters"],
                }
            ]
        }
    ]
    assert "toolConfig" not in body


def test_hosts_that_know_the_old_field_alone_get_it() -> None:
    bare = {"type": "function", "function": {"name": "now"}}
    where = target(schema="openapi")
    declared = body_of(asking(tools=[WEATHER, bare]), where)["tools"][0]["functionDeclarations"]
    assert declared[0]["parameters"] == WEATHER["function"]["parameters"]
    assert declared[1] == {"name": "now"}


def test_odd_and_repeated_tools_are_left_out() -> None:
    tools = [WEATHER, WEATHER, {"type": "web_search"}, {"type": "function", "function": {}}]
    assert len(body_of(asking(tools=tools))["tools"][0]["functionDeclarations"]) == 1
    assert "tools" not in body_of(asking(tools=[{"type": "web_search"}], tool_choice="auto"))


OTHER = {"type": "function", "function": {"name": "clock now"}}


@pytest.mark.parametrize(
    ("choice", "calling", "declared"),
    [
        ("auto", {"mode": "AUTO"}, 2),
        ("none", {"mode": "NONE"}, 2),
        ("required", {"mode": "ANY"}, 2),
        (
            {"type": "function", "function": {"name": "clock now"}},
            {"mode": "ANY", "allowedFunctionNames": ["clock_now"]},
            1,
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "weather"}}]},
            },
            {"mode": "AUTO"},
            1,
        ),
        ("odd", None, 2),
        ({"type": "function"}, None, 2),
    ],
)
def test_tool_choice(choice: Any, calling: dict[str, Any] | None, declared: int) -> None:
    body = body_of(asking(tools=[WEATHER, OTHER], tool_choice=choice))
    config = body.get("toolConfig", {}).get("functionCallingConfig")
    assert config == calling
    assert len(body["tools"][0]["functionDeclarations"]) == declared


def test_a_choice_of_a_function_that_is_not_there_is_refused() -> None:
    choice = {"type": "function", "function": {"name": "gone"}}
    with pytest.raises(RequestRefused, match="tool_choice"):
        body_of(asking(tools=[WEATHER], tool_choice=choice))


def test_json_mode_gives_way_to_functions_unless_the_model_has_both() -> None:
    params = {"tools": [WEATHER], "response_format": JSON_FORMAT}
    assert "generationConfig" not in body_of(asking(**params))
    both = Google().build(asking(**params), target(json_with_tools=True)).body
    assert both["generationConfig"]["responseMimeType"] == "application/json"
    unused = body_of(asking(**params, tool_choice="none"))
    assert "tools" not in unused
    assert unused["generationConfig"]["responseJsonSchema"] == SCHEMA


def test_a_model_that_calls_no_functions_refuses_them_so_that_another_may_be_asked() -> None:
    where = target("gemma-3-27b-it")
    with pytest.raises(RequestRefused, match="calls no functions"):
        body_of(asking(tools=[WEATHER]), where)
    assert "tools" not in body_of(asking(tools=[WEATHER], tool_choice="none"), where)


def test_names_that_google_refuses_are_changed_in_calls_too() -> None:
    body = body_of(asking("a", said(None, call("c", "clock now")), result("c"), tools=[OTHER]))
    names = {
        body["tools"][0]["functionDeclarations"][0]["name"],
        body["contents"][1]["parts"][0]["functionCall"]["name"],
        body["contents"][2]["parts"][0]["functionResponse"]["name"],
    }
    assert names == {"clock_now"}


# Thinking.


def budget(tokens: int, **more: Any) -> dict[str, Any]:
    return {"thinkingBudget": tokens, **({"includeThoughts": True} | more)}


def level(word: str) -> dict[str, Any]:
    return {"thinkingLevel": word, "includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "think", "config"),
    [
        ("gemini-2.5-flash", None, None),
        ("gemini-2.5-flash", "off", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", budget(512)),
        ("gemini-2.5-flash", "low", budget(1024)),
        ("gemini-2.5-flash", "medium", budget(8192)),
        ("gemini-2.5-flash", "high", budget(24576)),
        ("gemini-2.5-flash", "auto", budget(-1)),
        ("gemini-2.5-flash-lite", "minimal", budget(512)),
        ("gemini-2.5-pro", "off", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "high", budget(32768)),
        ("gemini-3-flash-preview", None, None),
        ("gemini-3-flash-preview", "off", {"thinkingLevel": "minimal"}),
        ("gemini-3-flash-preview", "medium", level("medium")),
        ("gemini-3-flash-preview", "auto", {"includeThoughts": True}),
        ("gemini-3.7-flash", "off", {"thinkingLevel": "low"}),
        ("gemini-3-pro-preview", "off", {"thinkingLevel": "low"}),
        ("gemini-3-pro-preview", "medium", level("high")),
        ("gemini-3.1-pro-preview", "medium", level("medium")),
        ("gemini-flash-latest", "high", level("high")),
        ("gemma-3-27b-it", "high", None),
        ("gemma-4-31b-it", "low", level("minimal")),
        ("gemma-4-31b-it", "high", level("high")),
        ("gemini-2.0-flash", "high", None),
    ],
)
def test_thinking(model: str, think: str | None, config: dict[str, Any] | None) -> None:
    assert config_of(asking(think=think), target(model)).get("thinkingConfig") == config


def test_the_catalogs_words_go_before_those_the_name_implies() -> None:
    def thinking(level: str, name: str = "gemini-2.5-flash", **quirks: Any) -> Any:
        built = Google().build(asking(think=level), target(name, **quirks)).body
        return built.get("generationConfig", {}).get("thinkingConfig")

    assert thinking("low", think="gemini_budget", think_levels={"low": 4096}) == budget(4096)
    assert thinking("low", think="none") is None
    assert thinking("low", think_levels={"low": ""}) == {"includeThoughts": True}
    pro = "gemini-2.5-pro"
    assert thinking("off", pro, think_levels={"low": 4096}) == {"thinkingBudget": 128}
    assert thinking("off", pro, think="gemini_level") == {"thinkingLevel": "minimal"}


def test_an_exact_budget_is_kept_inside_the_models_bounds() -> None:
    def tokens(model: str, exact: int) -> Any:
        request = asking(think="medium", reasoning={"max_tokens": exact, "exclude": True})
        return config_of(request, target(model))["thinkingConfig"]

    assert tokens("gemini-2.5-flash", 3000) == {"thinkingBudget": 3000}
    assert tokens("gemini-2.5-flash-lite", 3) == {"thinkingBudget": 512}
    assert tokens("gemini-2.5-pro", 10**6) == {"thinkingBudget": 32768}


def test_a_small_answer_thinks_as_the_catalog_says_when_nobody_said() -> None:
    where = target("gemini-2.5-flash", think_small="off")
    assert config_of(asking(max_tokens=200), where)["thinkingConfig"] == {"thinkingBudget": 0}
    assert "thinkingConfig" not in config_of(asking(max_tokens=2000), where)
    assert "thinkingConfig" not in config_of(asking(max_tokens=200))
    asked = config_of(asking(max_tokens=200, think="high"), where)
    assert asked["thinkingConfig"] == budget(24576)


# Google's own names.


def test_the_callers_own_google_fields_are_merged_in_either_spelling() -> None:
    own = {
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "cachedContent": "cachedContents/1",
        "media_resolution": "MEDIA_RESOLUTION_LOW",
        "generation_config": {"top_k": 3, "temperature": 0.1},
        "tools": [{"google_search": {}}],
        "model": "other",
        "contents": [],
    }
    body = body_of(asking("hi", temperature=1, google=own))
    assert body["safetySettings"] == own["safety_settings"]
    assert body["cachedContent"] == "cachedContents/1"
    assert body["generationConfig"] == {
        "temperature": 0.1,
        "topK": 3,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }
    assert body["tools"] == [{"googleSearch": {}}]
    assert "model" not in body
    assert body["contents"][0]["parts"] == [{"text": "hi"}]


def test_a_thinking_field_of_another_generation_is_not_passed_on() -> None:
    own = {"thinking_config": {"thinking_budget": 300, "include_thoughts": False}}
    request = asking(think="low", google=own)
    assert config_of(request)["thinkingConfig"] == budget(300, includeThoughts=False)
    newer = config_of(request, target("gemini-3-flash-preview"))["thinkingConfig"]
    assert newer == {"thinkingLevel": "low", "includeThoughts": False}
    assert "generationConfig" not in body_of(request, target("gemma-3-27b-it"))


def test_safety_settings_go_out_only_when_somebody_set_them() -> None:
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    assert "safetySettings" not in body_of(asking())
    for where in (
        target(safety_settings=settings),
        target(options={"safety_settings": settings}),
    ):
        assert body_of(asking(), where)["safetySettings"] == settings
    gemma = target("gemma-4-31b-it", safety_settings=settings)
    assert "safetySettings" not in body_of(asking(), gemma)


def test_text_outside_latin_is_sent_as_it_is_and_broken_text_does_not_stop_a_request() -> None:
    sent = Google().chat(asking(user("Привет \ud800")), target(), None, stream=False)
    assert "Привет ?".encode() in (sent.body or b"")


def test_every_switch_is_documented() -> None:
    root = Path(__file__).parents[2]
    used = {
        name
        for path in (root / "freellm_cli" / "providers").glob("google*.py")
        for name in re.findall(r'quirks\.get\(\s*"(\w+)"', path.read_text("utf-8"))
    }
    page = (root / "docs" / "google-dialect.md").read_text("utf-8")
    assert len(used) > 10
    assert {name for name in used if f"| `{name}` |" not in page} == set()
