"""The hosts a simulator plays: where each serves, whom it lets in, what it refuses. Facts, dated by source.

Base paths and list shapes are those of the providers' own documentation; the parameter rules come from
Mistral's published OpenAPI (mistralai/platform-docs-public), Groq's and Cerebras's OpenAI-compatibility
pages and the errors users posted (n4ze3m/page-assist#418, editor-code-assistant/eca#231).
"""

from __future__ import annotations

from typing import NamedTuple


class Card(NamedTuple):
    """A model on a host's list. `context`, `max_output`: tokens."""

    name: str
    context: int = 131_072
    max_output: int = 8_192
    thinks: bool = False
    embeds: bool = False
    dimensions: int = 768


class ParamPolicy(NamedTuple):
    """Which request fields a host refuses. `allowed`: all others are refused, where it is not empty."""

    allowed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    message_refused: frozenset[str] = frozenset()
    single_choice: bool = False


class Host(NamedTuple):
    """`path`: where its base URL points, below the simulator's root; "{}" stands for any one segment.

    `auth`: "bearer", "google" (x-goog-api-key) or "optional". `style` names its error bodies,
    `headers` its rate-limit headers, `listing` the shape of its model list.
    """

    id: str
    path: str
    dialect: str = "openai"
    auth: str = "bearer"
    style: str = "openai"
    headers: str = ""
    listing: str = "openai"
    public_list: bool = False
    models: tuple[Card, ...] = ()
    params: ParamPolicy = ParamPolicy()
    embeds: bool = True
    reasoning_field: str = "reasoning_content"


_MISTRAL = ParamPolicy(
    allowed=frozenset(
        "model messages temperature top_p max_tokens stream stop random_seed metadata response_format"
        " tools tool_choice parallel_tool_calls presence_penalty frequency_penalty n prediction"
        " prompt_mode reasoning_effort guardrails prompt_cache_key safe_prompt".split()
    ),
    message_refused=frozenset({"reasoning_content", "refusal", "function_call", "name"}),
)
_GROQ = ParamPolicy(
    refused=frozenset({"logprobs", "top_logprobs", "logit_bias", "top_k", "min_p"}),
    message_refused=frozenset({"name", "reasoning_content"}),
    single_choice=True,
)
_CEREBRAS = ParamPolicy(
    refused=frozenset({"frequency_penalty", "presence_penalty", "logit_bias", "top_k", "min_p"}),
    single_choice=True,
)
_COHERE = ParamPolicy(
    refused=frozenset({"top_k", "min_p", "logit_bias", "logprobs", "parallel_tool_calls"}),
    single_choice=True,
)
_GEMINI_COMPAT = frozenset(
    "top_k min_p repetition_penalty logit_bias logprobs google thinking reasoning metadata store".split()
)

_GEMINI_MODELS = (
    Card("gemini-2.5-flash", 1_048_576, 65_536, thinks=True),
    Card("gemini-2.5-flash-lite", 1_048_576, 65_536, thinks=True),
    Card("gemini-2.5-pro", 1_048_576, 65_536, thinks=True),
    Card("gemini-3-flash-preview", 1_048_576, 65_536, thinks=True),
    Card("gemini-3.5-flash", 1_048_576, 65_536, thinks=True),
    Card("gemini-3.1-flash-lite", 1_048_576, 65_536, thinks=True),
    Card("gemma-3-27b-it", 131_072, 8_192),
    Card("gemini-embedding-2", 8_192, 1, embeds=True, dimensions=3_072),
)
_NIM_MODELS = (
    Card("moonshotai/kimi-k3", 262_144, 16_384, thinks=True),
    Card("deepseek-ai/deepseek-v4-flash-0731", 131_072, 16_384, thinks=True),
    Card("openai/gpt-oss-20b", 131_072, 16_384, thinks=True),
    Card("nvidia/nemotron-3-super-120b-a12b", 262_144, 16_384, thinks=True),
    Card("nvidia/nv-embedqa-e5-v5", 512, 1, embeds=True, dimensions=1_024),
)
_MISTRAL_MODELS = (
    Card("mistral-small-latest", 131_072, 16_384),
    Card("mistral-large-latest", 131_072, 16_384),
    Card("magistral-medium-latest", 40_960, 16_384, thinks=True),
    Card("codestral-latest", 262_144, 16_384),
    Card("mistral-embed", 8_192, 1, embeds=True, dimensions=1_024),
)
_OPENROUTER_MODELS = (
    Card("meta-llama/llama-3.3-70b-instruct:free", 65_536, 8_192),
    Card("meta-llama/llama-3.2-3b-instruct:free", 131_072, 8_192),
    Card("nousresearch/hermes-3-llama-3.1-405b:free", 131_072, 8_192),
    Card("openai/gpt-oss-20b:free", 131_072, 16_384, thinks=True),
    Card("qwen/qwen3-coder:free", 262_144, 16_384),
)
_GROQ_MODELS = (
    Card("llama-3.1-8b-instant", 131_072, 8_192),
    Card("openai/gpt-oss-120b", 131_072, 32_768, thinks=True),
    Card("openai/gpt-oss-20b", 131_072, 32_768, thinks=True),
)
_LOCAL_MODELS = (Card("llama3.2", 8_192, 4_096), Card("qwen3:8b", 32_768, 4_096, thinks=True))

HOSTS: dict[str, Host] = {
    host.id: host
    for host in (
        Host(
            "gemini",
            "/gemini/v1beta",
            dialect="google",
            auth="google",
            style="gemini",
            listing="gemini",
            models=_GEMINI_MODELS,
            params=ParamPolicy(refused=_GEMINI_COMPAT),
        ),
        Host(
            "nvidia_nim",
            "/nvidia_nim/v1",
            style="nvidia",
            public_list=True,
            models=_NIM_MODELS,
        ),
        Host(
            "mistral",
            "/mistral/v1",
            style="mistral",
            headers="mistral",
            listing="mistral",
            models=_MISTRAL_MODELS,
            params=_MISTRAL,
        ),
        Host(
            "openrouter",
            "/openrouter/api/v1",
            style="openrouter",
            listing="openrouter",
            public_list=True,
            models=_OPENROUTER_MODELS,
            reasoning_field="reasoning",
        ),
        Host(
            "groq",
            "/groq/openai/v1",
            style="groq",
            headers="groq",
            listing="groq",
            models=_GROQ_MODELS,
            params=_GROQ,
            embeds=False,
            reasoning_field="reasoning",
        ),
        Host(
            "cerebras",
            "/cerebras/v1",
            style="cerebras",
            headers="cerebras",
            models=(Card("gpt-oss-120b", 65_536, 32_768, thinks=True), Card("zai-glm-4.7", 65_536)),
            params=_CEREBRAS,
            embeds=False,
            reasoning_field="reasoning",
        ),
        Host(
            "cohere",
            "/cohere/compatibility/v1",
            style="cohere",
            listing="cohere",
            models=(
                Card("command-a-03-2025", 256_000, 8_192),
                Card("embed-v4.0", 128_000, 1, embeds=True, dimensions=1_536),
            ),
            params=_COHERE,
        ),
        Host(
            "cloudflare",
            "/cloudflare/client/v4/accounts/{}/ai/v1",
            style="cloudflare",
            listing="cloudflare",
            models=(
                Card("@cf/meta/llama-3.3-70b-instruct-fp8-fast", 24_000, 4_096),
                Card("@cf/baai/bge-m3", 8_192, 1, embeds=True, dimensions=1_024),
            ),
        ),
        Host(
            "huggingface",
            "/huggingface/v1",
            style="huggingface",
            headers="huggingface",
            models=(Card("meta-llama/Llama-3.3-70B-Instruct"), Card("moonshotai/Kimi-K2-Instruct")),
            embeds=False,
        ),
        Host(
            "sambanova",
            "/sambanova/v1",
            headers="sambanova",
            models=(Card("Meta-Llama-3.3-70B-Instruct"), Card("DeepSeek-V3.1")),
        ),
        Host(
            "zai",
            "/zai/api/paas/v4",
            style="zai",
            models=(Card("glm-4.7-flash", 200_000, 16_384, thinks=True), Card("glm-4.5-flash")),
        ),
        Host("iflow", "/iflow/v1", style="iflow", models=(Card("kimi-k2"), Card("qwen3-max"))),
        Host(
            "ollama",
            "/ollama/v1",
            auth="optional",
            style="ollama",
            models=_LOCAL_MODELS,
            reasoning_field="reasoning",
        ),
        Host("lmstudio", "/lmstudio/v1", auth="optional", style="lmstudio", models=_LOCAL_MODELS),
        Host("localai", "/localai/v1", auth="optional", style="localai", models=_LOCAL_MODELS),
        Host(
            "google",
            "/google/v1beta",
            dialect="google",
            auth="google",
            style="gemini",
            listing="gemini",
            models=_GEMINI_MODELS,
        ),
    )
}


def host_of(provider: str) -> Host:
    """The host that plays `provider`; one that nobody knows is a plain OpenAI-compatible host at
    `/<provider>/v1` where a key is optional."""
    known = HOSTS.get(provider)
    return known or Host(provider, f"/{provider}/v1", auth="optional", models=_LOCAL_MODELS)
