"""One scale for every way to ask for thinking."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.chat import THINK_LEVELS
from freellm_cli.core.think import budget_of, level_of, level_of_budget, take_think


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("off", "off"),
        ("none", "off"),
        ("disable", "off"),
        ("Disabled", "off"),
        ("false", "off"),
        (False, "off"),
        ("0", "off"),
        (0, "off"),
        ("minimal", "minimal"),
        ("low", "low"),
        (" MEDIUM ", "medium"),
        ("high", "high"),
        ("xhigh", "high"),
        ("max", "high"),
        ("auto", "auto"),
        ("adaptive", "auto"),
        (-1, "auto"),
        ("-1", "auto"),
        (True, "medium"),
        ("enabled", "medium"),
        (1024, "low"),
        ("8000", "medium"),
        (24576, "high"),
        ("ultra", None),
        (None, None),
    ],
)
def test_a_value_means_a_level(value: Any, level: str | None) -> None:
    assert level_of(value) == level


def test_budgets_and_levels_agree() -> None:
    assert [level_of_budget(budget_of(level)) for level in THINK_LEVELS] == [
        "off",
        "low",  # a budget cannot say "minimal"
        "low",
        "medium",
        "high",
        "auto",
    ]


@pytest.mark.parametrize(
    ("params", "level", "left"),
    [
        ({"reasoning_effort": "low"}, "low", {}),
        ({"reasoning_effort": "disable"}, "off", {}),
        ({"thinking": {"type": "enabled", "budget_tokens": -1}}, "auto", {}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
            "medium",
            {"reasoning": {"max_tokens": 4096}},
        ),
        ({"thinking": {"type": "enabled"}}, "medium", {}),
        ({"thinking": {"type": "disabled", "budget_tokens": 4096}}, "off", {}),
        ({"thinking": {"type": "adaptive"}}, "auto", {}),
        ({"reasoning": {"effort": "high"}}, "high", {}),
        ({"reasoning": {"enabled": False}}, "off", {}),
        ({"reasoning": {"enabled": True}}, "medium", {}),
        ({"reasoning": {"max_tokens": 20000}}, "high", {"reasoning": {"max_tokens": 20000}}),
        ({"reasoning": {"effort": "xhigh"}}, "high", {"reasoning": {"effort": "xhigh"}}),
        ({"reasoning": {"exclude": True}}, None, {"reasoning": {"exclude": True}}),
        (
            {"reasoning": {"effort": "low", "exclude": True}},
            "low",
            {"reasoning": {"exclude": True}},
        ),
        ({"think": True}, "medium", {}),
        ({"think": "high"}, "high", {}),
        ({"enable_thinking": False}, "off", {}),
        ({"thinking_budget": 0}, "off", {}),
        ({"reasoning_effort": "max"}, "high", {"reasoning": {"effort": "max"}}),
        # The first that means something wins; all are taken away.
        ({"reasoning_effort": "low", "think": True}, "low", {}),
        ({"reasoning_effort": "ultra", "think": False}, "off", {}),
        (
            {"google": {"thinking_config": {"thinking_budget": 0}}},
            "off",
            {"google": {"thinking_config": {"thinking_budget": 0}}},
        ),
        (
            {"google": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
            "low",
            {"google": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
        ),
        ({"temperature": 1}, None, {"temperature": 1}),
        ({"thinking": {}}, None, {}),
        ({"reasoning": {"effort": {"deep": 1}}}, None, {}),
    ],
)
def test_every_client_s_spelling_is_taken_out_of_the_parameters(
    params: dict[str, Any], level: str | None, left: dict[str, Any]
) -> None:
    assert take_think(params) == level
    assert params == left
