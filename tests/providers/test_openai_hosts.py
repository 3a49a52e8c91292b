"""What each host gets of one demanding request, with its quirks as the catalog holds them.

Sources of the rows: the hosts' own references (docs.nvidia.com/nim, docs.mistral.ai/api,
openrouter.ai/docs/api-reference, console.groq.com/docs, inference-docs.cerebras.ai,
docs.cohere.com/docs/compatibility-api, developers.cloudflare.com/workers-ai, huggingface.co/docs,
docs.sambanova.ai, docs.z.ai, docs.ollama.com, lmstudio.ai/docs, localai.io, docs.vllm.ai,
ai.google.dev/gemini-api/docs/openai) and Mirrowel/LLM-API-Key-Proxy for iFlow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.secret import Secret
from freellm_cli.providers.openai_compat import dropped_fields
from freellm_cli.providers.quirks import KNOWN
from tests.support.openai_talk import (
    ask,
    assistant,
    call,
    dialect,
    result,
    sent,
    system,
    target,
    tool,
    user,
)

SCHEMA = {
    "type": "object",
    "properties": {"place": {"type": "string", "const": "here"}},
    "additionalProperties": False,
}

SAMPLING = ("top_k", "min_p", "repetition_penalty", "top_a")
LOGS = ("logprobs", "top_logprobs", "logit_bias")
OWNERS = ("user", "metadata", "store", "service_tier")
ROUTING = ("models", "route", "provider", "transforms", "plugins", "session_id", "prediction")


def demanding() -> ChatRequest:
    """Everything that some client sends, at once."""
    return ask(
        system("be kind"),
        {**user([{"type": "text", "text": "where?"}]), "name": "ann"},
        assistant(None, reasoning_content="hm", tool_calls=[call("call_long_id")]),
        result("call_long_id"),
        user("and now?"),
        temperature=1.7,
        top_p=0.9,
        max_completion_tokens=65536,
        seed=7,
        stop=["a", "b"],
        n=2,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        top_k=40,
        min_p=0.05,
        repetition_penalty=1.1,
        top_a=0.1,
        logprobs=True,
        top_logprobs=2,
        logit_bias={"1": 5},
        user="u",
        metadata={"a": "b"},
        store=True,
        service_tier="auto",
        response_format={"type": "json_object"},
        tools=[tool("look", SCHEMA, strict=True)],
        tool_choice="required",
        parallel_tool_calls=True,
        google=None,
    )


class Host(NamedTuple):
    """`gone`: fields that must not arrive; `there`: fields and their values that must."""

    quirks: dict[str, Any]
    gone: tuple[str, ...] = ()
    there: dict[str, Any] = {}  # noqa: RUF012


MISTRAL_FIELDS = [
    *("temperature", "top_p", "max_tokens", "stop", "random_seed", "metadata", "response_format"),
    *("tools", "tool_choice", "parallel_tool_calls", "presence_penalty", "frequency_penalty", "n"),
    *("prediction", "prompt_mode", "guardrails", "prompt_cache_key", "safe_prompt"),
]
IFLOW_FIELDS = [
    *("temperature", "top_p", "max_tokens", "tools", "tool_choice", "presence_penalty"),
    *("frequency_penalty", "n", "stop", "seed", "response_format"),
]

HOSTS = {
    "gemini": Host(
        {
            "drop": [*SAMPLING, *LOGS, *OWNERS, *ROUTING],
            "message_drop": ["refusal"],
            "schema_strip": [
                "const",
                "$schema",
                "$ref",
                "additionalProperties",
                "patternProperties",
            ],
            "tools_strict_drop": True,
            "response_format_with_tools": False,
            "think": "effort_or_none",
            "think_tags": ["thought"],
            "tool_call_extra": True,
        },
        (*SAMPLING, *LOGS, *OWNERS, "response_format"),
        {"seed": 7, "n": 2, "frequency_penalty": 0.1, "max_completion_tokens": 8192},
    ),
    "nvidia_nim": Host(
        {
            "rename": {"max_completion_tokens": "max_tokens"},
            "drop": ["top_a", *OWNERS, *ROUTING],
            "parallel_tool_calls": False,
            "flatten_text_parts": True,
            "merge_same_role": True,
            "reasoning_in_history": "drop",
            "embeddings_input_type": "query",
        },
        ("top_a", "max_completion_tokens", *OWNERS),
        {"max_tokens": 8192, "top_k": 40, "min_p": 0.05, "seed": 7, "parallel_tool_calls": False},
    ),
    "mistral": Host(
        {
            "keep_only": MISTRAL_FIELDS,
            "rename": {"seed": "random_seed", "max_completion_tokens": "max_tokens"},
            "clamp": {"temperature": [0, 1]},
            "values": {"tool_choice": {"required": "any"}},
            "stream_options": False,
            "message_drop": ["name", "refusal", "function_call"],
            "message_order": "mistral",
            "tool_call_ids": "mistral9",
            "think": "mistral_effort",
            "embeddings": "output_dimension",
        },
        (*SAMPLING, *LOGS, "user", "store", "service_tier", "seed", "max_completion_tokens"),
        {
            "random_seed": 7,
            "max_tokens": 8192,
            "temperature": 1,
            "tool_choice": "any",
            "metadata": {"a": "b"},
            "n": 2,
            "parallel_tool_calls": True,
            "frequency_penalty": 0.1,
        },
    ),
    "openrouter": Host(
        {
            "attribution": True,
            "max_tokens_default": 4096,
            "max_tokens_min": 16,
            "reasoning_in_history": "reasoning",
            "think": "openrouter_reasoning",
            "cache_control": True,
        },
        (),
        {
            "max_completion_tokens": 8192,
            "top_k": 40,
            "top_a": 0.1,
            "logit_bias": {"1": 5},
            "user": "u",
            "metadata": {"a": "b"},
            "n": 2,
        },
    ),
    "groq": Host(
        {
            "drop": [*SAMPLING, *LOGS, "metadata", "store", *ROUTING],
            "n_max": 1,
            "message_drop": ["name"],
            "response_format_stream": False,
            "think": "effort_or_none",
            "think_levels": dict.fromkeys(("minimal", "low", "medium", "high"), "default"),
            "embeddings": "none",
        },
        (*SAMPLING, *LOGS, "metadata", "store", "n"),
        {"user": "u", "seed": 7, "max_completion_tokens": 8192},
    ),
    "cerebras": Host(
        {
            "drop": [
                *SAMPLING,
                *LOGS,
                "frequency_penalty",
                "presence_penalty",
                "metadata",
                "store",
            ],
            "n_max": 1,
            "rename": {"max_tokens": "max_completion_tokens"},
            "max_tokens_default": 4096,
            "system_first": True,
            "tools_strict_close": True,
            "think": "effort",
            "embeddings": "none",
        },
        (*SAMPLING, *LOGS, "frequency_penalty", "presence_penalty", "metadata", "store", "n"),
        {"max_completion_tokens": 8192, "user": "u"},
    ),
    "cohere": Host(
        {
            "drop": [*SAMPLING, *LOGS, *OWNERS, "parallel_tool_calls"],
            "rename": {"max_completion_tokens": "max_tokens"},
            "n_max": 1,
            "message_drop": ["name"],
            "think": "mistral_effort",
            "embeddings_input_type": "search_query",
        },
        (*SAMPLING, *LOGS, *OWNERS, "parallel_tool_calls", "n", "max_completion_tokens"),
        {"max_tokens": 8192, "frequency_penalty": 0.1, "seed": 7},
    ),
    "cloudflare": Host(
        {"max_tokens_default": 2048, "rename": {"max_completion_tokens": "max_tokens"}},
        ("max_completion_tokens",),
        {"max_tokens": 8192, "top_k": 40},
    ),
    "huggingface": Host(
        {"embeddings": "none", "drop": [*ROUTING]},
        (),
        {"max_completion_tokens": 8192, "seed": 7},
    ),
    "sambanova": Host(
        {"drop": [*LOGS, "n", "seed"], "think": "chat_template_enable_thinking"},
        (*LOGS, "n", "seed"),
        {"top_k": 40},
    ),
    "zai": Host(
        {
            "rename": {"max_completion_tokens": "max_tokens", "user": "user_id"},
            "clamp": {"temperature": [0.01, 1], "top_p": [0.01, 1]},
            "drop": [*SAMPLING, *LOGS, "seed", "n", "frequency_penalty", "presence_penalty"],
            "tool_choice_only": ["auto"],
            "stop_max": 1,
            "think": "zai",
            "reasoning_in_history": "reasoning_content",
        },
        (*SAMPLING, *LOGS, "seed", "n", "tool_choice", "user"),
        {"temperature": 1, "max_tokens": 8192, "stop": ["a"], "user_id": "u"},
    ),
    "iflow": Host(
        {
            "keep_only": IFLOW_FIELDS,
            "rename": {"max_completion_tokens": "max_tokens"},
            "stream_options": False,
            "always_stream": True,
            "signature": "iflow",
            "schema_strip": ["additionalProperties", "strict"],
            "tools_strict_drop": True,
            "reasoning_in_history": "reasoning_content",
            "reasoning_fields": ["reasoning_content"],
            "think": "chat_template_glm",
            "embeddings": "none",
        },
        (*SAMPLING, *LOGS, *OWNERS, "parallel_tool_calls", "stream_options"),
        {"stream": True, "max_tokens": 8192, "seed": 7, "n": 2},
    ),
    "ollama": Host({"think": "effort_or_none"}, (), {"seed": 7}),
    "lmstudio": Host({"think": "none"}, (), {"top_k": 40}),
    "localai": Host({}, (), {"top_k": 40, "min_p": 0.05}),
    "custom": Host({"think": "chat_template_enable_thinking"}, (), {"logprobs": True}),
}

EVERY_HOST = pytest.mark.parametrize("name", HOSTS)


def where(name: str, **changes: Any) -> Any:
    abilities = frozenset({"chat", "tools"})
    fields: dict[str, Any] = {
        "quirks": HOSTS[name].quirks,
        "capabilities": abilities,
        "max_output": 8192,
    }
    return target(name, **(fields | changes))


@EVERY_HOST
def test_a_host_gets_what_it_takes_and_nothing_else(name: str) -> None:
    host = HOSTS[name]
    body = sent(demanding(), where(name))

    assert {field for field in host.gone if field in body} == set()
    assert {field: body.get(field) for field in host.there} == host.there
    assert body["model"] == "some-model"
    allowed = host.quirks.get("keep_only")
    if allowed:
        assert set(body) <= {*allowed, "model", "messages", "stream"}


@EVERY_HOST
def test_a_host_s_quirks_are_known_ones(name: str) -> None:
    assert set(HOSTS[name].quirks) <= KNOWN


@EVERY_HOST
def test_what_was_left_out_or_altered_is_told(name: str) -> None:
    told = {change.field for change in dropped_fields(demanding(), where(name))}
    body = sent(demanding(), where(name))
    asked = demanding().params
    renamed = HOSTS[name].quirks.get("rename") or {}

    missing = {f for f, value in asked.items() if value is not None and f not in body}
    missing -= {old for old, new in renamed.items() if new in body}
    assert missing <= told
    assert told <= {*asked, *renamed.values(), "messages", "stop"}


@EVERY_HOST
def test_numbers_are_within_what_the_model_can(name: str) -> None:
    body = sent(demanding(), where(name))

    assert max(body.get("max_tokens", 0), body.get("max_completion_tokens", 0)) == 8192
    assert 0 <= body["temperature"] <= 2


@EVERY_HOST
def test_thinking_in_the_history_goes_where_the_host_wants_it(name: str) -> None:
    turn = next(m for m in sent(demanding(), where(name))["messages"] if m["role"] == "assistant")
    wanted = HOSTS[name].quirks.get("reasoning_in_history", "drop")

    thoughts = {f: turn[f] for f in ("reasoning_content", "reasoning") if f in turn}
    assert thoughts == ({} if wanted == "drop" else {wanted: "hm"})


@EVERY_HOST
def test_names_of_speakers_arrive_where_they_are_known(name: str) -> None:
    turn = next(m for m in sent(demanding(), where(name))["messages"] if m["role"] == "user")

    assert ("name" in turn) is ("name" not in HOSTS[name].quirks.get("message_drop", ()))


@EVERY_HOST
def test_usage_is_asked_for_where_the_host_knows_how(name: str) -> None:
    body = sent(ask(stream_options={"include_usage": False}), where(name), stream=True)

    assert body["stream"] is True
    expected = {"include_usage": True} if HOSTS[name].quirks.get("stream_options", True) else None
    assert body.get("stream_options") == expected
    assert "stream_options" not in sent(ask(), where(name, quirks={}), stream=False)


@EVERY_HOST
def test_calls_and_results_still_belong_together(name: str) -> None:
    messages = sent(demanding(), where(name))["messages"]
    (turn,) = [m for m in messages if m.get("tool_calls")]
    (answer,) = [m for m in messages if m["role"] == "tool"]

    assert answer["tool_call_id"] == turn["tool_calls"][0]["id"]


@EVERY_HOST
def test_the_key_is_in_one_header_and_nowhere_else(name: str) -> None:
    key = Secret("sk-unmistakable-secret")
    request = dialect().chat(demanding(), where(name), key, stream=True)

    assert request.method == "POST"
    assert request.url == "https://host.example/v1/chat/completions"
    assert request.auth == (("Authorization", "Bearer ", key),)
    assert "unmistakable" not in f"{request.url}{request.headers}{request.body!r}"


# Thinking, host by host and family by family.

ON_OFF = {"chat_template_kwargs": {"thinking": True}}


@pytest.mark.parametrize(
    ("quirks", "high", "off"),
    [
        # Google's OpenAI-compatible path; Ollama
        ({"think": "effort_or_none"}, {"reasoning_effort": "high"}, {"reasoning_effort": "none"}),
        # NIM: DeepSeek 3, Kimi
        (
            {"think": "chat_template_thinking"},
            {"chat_template_kwargs": {"thinking": True}},
            {"chat_template_kwargs": {"thinking": False}},
        ),
        # NIM and vLLM: Qwen 3, Nemotron 3
        (
            {"think": "chat_template_enable_thinking"},
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        # NIM: DeepSeek 4
        (
            {
                "think": "levels",
                "think_levels": {
                    "off": {"chat_template_kwargs": {"thinking": False}},
                    "high": {
                        "chat_template_kwargs": {"thinking": True},
                        "reasoning_effort": "max",
                    },
                },
            },
            {"chat_template_kwargs": {"thinking": True}, "reasoning_effort": "max"},
            {"chat_template_kwargs": {"thinking": False}},
        ),
        # gpt-oss anywhere: it cannot be off
        ({"think": "effort"}, {"reasoning_effort": "high"}, {"reasoning_effort": "low"}),
        # Mistral; Cohere
        ({"think": "mistral_effort"}, {"reasoning_effort": "high"}, {"reasoning_effort": "none"}),
        # OpenRouter
        (
            {"think": "openrouter_reasoning"},
            {"reasoning": {"effort": "high"}},
            {"reasoning": {"effort": "none"}},
        ),
        (
            {"think": "openrouter_reasoning", "think_levels": {"off": {"enabled": False}}},
            {"reasoning": {"effort": "high"}},
            {"reasoning": {"enabled": False}},
        ),
        # Groq: Qwen
        (
            {"think": "effort_or_none", "think_levels": {"high": "default"}},
            {"reasoning_effort": "default"},
            {"reasoning_effort": "none"},
        ),
        # Cerebras: GLM
        ({"think": "disable_reasoning"}, {}, {"disable_reasoning": True}),
        # z.ai
        (
            {"think": "zai"},
            {"thinking": {"type": "enabled"}},
            {"thinking": {"type": "disabled"}},
        ),
        # iFlow: GLM, MiniMax, and the other spellings of its own client
        (
            {"think": "chat_template_glm"},
            {"chat_template_kwargs": {"enable_thinking": True, "clear_thinking": False}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        ({"think": "reasoning_split"}, {"reasoning_split": True}, {"reasoning_split": False}),
        (
            {
                "think": "levels",
                "think_levels": {"high": {"thinking_mode": True, "reasoning": True}, "off": {}},
            },
            {"thinking_mode": True, "reasoning": True},
            {},
        ),
        (
            {
                "think": "levels",
                "think_levels": {
                    "high": {
                        "chat_template_kwargs": {"enable_thinking": True},
                        "enable_thinking": True,
                        "thinking": {"type": "enabled"},
                    }
                },
            },
            {
                "chat_template_kwargs": {"enable_thinking": True},
                "enable_thinking": True,
                "thinking": {"type": "enabled"},
            },
            {},
        ),
        # Hosts of Qwen that take it at the top
        ({"think": "enable_thinking"}, {"enable_thinking": True}, {"enable_thinking": False}),
        ({"think": "none"}, {}, {}),
        ({}, {}, {}),
    ],
)
def test_each_host_is_told_to_think_in_its_own_words(
    quirks: dict[str, Any], high: dict[str, Any], off: dict[str, Any]
) -> None:
    def added(level: str | None) -> dict[str, Any]:
        body = sent(ask(think=level), target(quirks=quirks))
        return {k: v for k, v in body.items() if k not in ("model", "messages", "stream")}

    assert added("high") == high
    assert added("off") == off
    assert added("auto") == {}
    assert added(None) == {}


@pytest.mark.parametrize(
    ("style", "level", "words"),
    [
        ("nemotron_system", "high", "detailed thinking on"),
        ("nemotron_system", "off", "detailed thinking off"),
        ("no_think_system", "off", "/no_think"),
    ],
)
def test_some_models_are_told_in_the_system_message(style: str, level: str, words: str) -> None:
    quirks = {"think": style}

    assert sent(ask(user("u"), think=level), target(quirks=quirks))["messages"] == [
        system(words),
        user("u"),
    ]
    assert sent(ask(system("s"), user("u"), think=level), target(quirks=quirks))["messages"] == [
        system(f"{words}\ns"),
        user("u"),
    ]
    parts = [{"type": "text", "text": "s"}]
    (first, _) = sent(ask(system(parts), user("u"), think=level), target(quirks=quirks))["messages"]
    assert first["content"][0]["text"].startswith(words)


# OpenRouter's whole interface.


def test_every_parameter_of_openrouter_s_interface_arrives() -> None:
    params: dict[str, Any] = {
        "max_tokens": 150,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 50,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.2,
        "repetition_penalty": 1.1,
        "logit_bias": {"50256": -100},
        "seed": 123,
        "stop": ["\n\n"],
        "response_format": {"type": "json_object"},
        "min_p": 0.1,
        "top_a": 0.5,
        "prediction": {"type": "content", "content": "The capital of France is"},
        "transforms": ["middle-out"],
        "models": ["a/b:free", "c/d:free"],
        "route": "fallback",
        "provider": {"order": ["x"], "data_collection": "deny", "allow_fallbacks": False},
        "plugins": [{"id": "context-compression", "engine": "middle-out"}],
        "session_id": "s",
        "metadata": {"k": "v"},
        "user": "user-123",
    }

    body = sent(ask(**params), where("openrouter"), stream=False)

    assert {name: body[name] for name in params} == params


def test_openrouter_is_told_who_asks() -> None:
    def headers(**options: Any) -> dict[str, str]:
        return (
            dialect().chat(ask(), where("openrouter", options=options), None, stream=True).headers
        )

    assert headers()["X-Title"] == "freellm"
    assert "HTTP-Referer" not in headers()
    named = headers(http_referer="https://app.example", x_title="My App")
    assert (named["HTTP-Referer"], named["X-Title"]) == ("https://app.example", "My App")
    assert "X-Title" not in headers(x_title="")


def test_openrouter_takes_budgets_and_switches_beside_the_effort() -> None:
    def reasoning(**params: Any) -> Any:
        return sent(ask(**params), where("openrouter")).get("reasoning")

    assert reasoning(reasoning={"effort": "xhigh"}) == {"effort": "xhigh"}
    assert reasoning(reasoning={"max_tokens": 2000}) == {"max_tokens": 2000}
    assert reasoning(reasoning={"effort": "low", "exclude": True}) == {
        "exclude": True,
        "effort": "low",
    }
    assert reasoning(reasoning={"exclude": True}) == {"exclude": True}
    assert reasoning(reasoning={"enabled": False}) == {"effort": "none"}
    assert reasoning(reasoning_effort="minimal") == {"effort": "minimal"}
    assert reasoning(think=None) is None


def test_openrouter_gets_its_reasoning_details_back() -> None:
    details = [{"type": "reasoning.encrypted", "data": "zz"}]
    turn = assistant("x", reasoning_content="hm", reasoning_details=details)

    (message,) = sent(ask(turn), where("openrouter"))["messages"]

    assert message == {**assistant("x"), "reasoning": "hm", "reasoning_details": details}


# Single oddities.


def test_mistral_s_messages_are_ordered_and_their_ids_short() -> None:
    messages = sent(demanding(), where("mistral"))["messages"]

    assert [m["role"] for m in messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert len(messages[3]["tool_call_id"]) == 9


def test_nim_s_text_parts_are_flattened() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    (message,) = sent(ask(user(parts)), where("nvidia_nim"))["messages"]

    assert message["content"] == "a\nb"


def test_iflow_s_tools_lose_what_it_does_not_take() -> None:
    (made,) = sent(demanding(), where("iflow"))["tools"]

    assert "strict" not in made["function"]
    assert "additionalProperties" not in made["function"]["parameters"]


def test_iflow_is_asked_for_a_stream_even_for_a_whole_answer() -> None:
    request = dialect().chat(ask(), where("iflow"), Secret("k"), stream=False)

    assert b'"stream":true' in (request.body or b"")
    assert request.headers["Accept"].startswith("text/event-stream")


def test_cerebras_gets_closed_strict_schemas_and_one_system_message() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
    request = ask(user("u"), system("late"), tools=[tool("f", loose, strict=True)])
    body = sent(request, where("cerebras"))

    assert body["messages"] == [system("late"), user("u")]
    parameters = body["tools"][0]["function"]["parameters"]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"]["a"]["additionalProperties"] is False


@pytest.mark.parametrize("name", ["cloudflare", "cerebras", "openrouter"])
def test_hosts_with_costly_defaults_always_get_a_limit(name: str) -> None:
    field = "max_completion_tokens" if name == "cerebras" else "max_tokens"
    default = HOSTS[name].quirks["max_tokens_default"]

    assert sent(ask(), where(name))[field] == default
    assert sent(ask(), where(name, max_output=100))[field] == 100
    assert sent(ask(max_tokens=50), where(name))[field] == 50


def test_openrouter_s_upstreams_need_sixteen_tokens() -> None:
    assert sent(ask(max_tokens=5), where("openrouter"))["max_tokens"] == 16


def test_groq_is_asked_for_a_whole_answer_where_a_format_excludes_streams() -> None:
    request = ask(response_format={"type": "json_object"})

    assert sent(request, where("groq"), stream=True)["stream"] is False
    assert sent(ask(), where("groq"), stream=True)["stream"] is True


def test_zai_s_tool_choice_is_left_out_and_none_takes_the_tools_along() -> None:
    tools = [tool()]

    assert "tools" in sent(ask(tools=tools, tool_choice="required"), where("zai"))
    assert "tools" not in sent(ask(tools=tools, tool_choice="none"), where("zai"))
    kept = sent(ask(tools=tools, tool_choice="auto"), where("zai"))
    assert kept["tool_choice"] == "auto"
    named = {"type": "function", "function": {"name": "look"}}
    assert "tool_choice" not in sent(ask(tools=tools, tool_choice=named), where("zai"))


def test_google_s_thought_signatures_go_back_to_google_only() -> None:
    signed = {**call("a"), "extra_content": {"google": {"thought_signature": "s"}}}
    request = ask(assistant(None, tool_calls=[signed]), result("a"))

    to_google = sent(request, where("gemini"))["messages"][0]["tool_calls"][0]
    to_nim = sent(request, where("nvidia_nim"))["messages"][0]["tool_calls"][0]
    assert to_google == signed
    assert to_nim == call("a")


def test_cloudflare_s_account_is_part_of_its_address() -> None:
    base = "https://api.cloudflare.com/client/v4/accounts/{ACCOUNT_ID}/ai/v1"
    there = where("cloudflare", base_url=base, options={"account_id": "abc123"})

    assert dialect().chat(ask(), there, None, stream=True).url == (
        "https://api.cloudflare.com/client/v4/accounts/abc123/ai/v1/chat/completions"
    )
