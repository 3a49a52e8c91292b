"""What a request demands of the model that answers it."""

from typing import NamedTuple

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.chat import ChatRequest

ANSWER_LIMITS = ("max_tokens", "max_completion_tokens")
"""What a request may call the most tokens of its answer."""
# A request without one reserves this much for the answer in token windows; settled later by usage.
EXPECTED_ANSWER_TOKENS = 600
# No answer is longer, whatever max_tokens says; the ledger's 64-bit counters hold the sum of thousands.
LONGEST_ANSWER_TOKENS = 10**15

NO_CHAT, NO_EMBEDDINGS = "does not chat", "makes no embeddings"
_WRONG_KIND = {"chat": NO_CHAT, "embeddings": NO_EMBEDDINGS}
_PART_NEEDS = {"image_url": "vision", "input_audio": "audio"}


class Needs(NamedTuple):
    """`prompt_tokens` is an estimate; `answer_tokens` what the answer may take (max_tokens, or a guess)."""

    prompt_tokens: int
    answer_tokens: int
    capabilities: frozenset[str] = frozenset()
    private: bool = False

    def counted_tokens(self, counting: str) -> int:
        """Tokens to reserve where a provider counts "input", "total" (prompt and answer) or "reserved"
        (prompt and max_tokens, whatever the answer's length)."""
        return (
            self.prompt_tokens if counting == "input" else self.prompt_tokens + self.answer_tokens
        )


def needs_of(request: ChatRequest, *, prompt_tokens: int, private: bool = False) -> Needs:
    capabilities = {"chat"}
    for message in request.messages:
        content = message.get("content")
        if isinstance(content, list):
            capabilities.update(_part_need(part) for part in content)
    if request.params.get("tools"):
        capabilities.add("tools")
    capabilities.discard("")
    answer = next(filter(None, map(request.params.get, ANSWER_LIMITS)), None)
    return Needs(
        prompt_tokens=prompt_tokens,
        answer_tokens=min(answer, LONGEST_ANSWER_TOKENS)
        if isinstance(answer, int)
        else EXPECTED_ANSWER_TOKENS,
        capabilities=frozenset(capabilities),
        private=private,
    )


def _part_need(part: dict[str, object]) -> str:
    kind = str(part.get("type"))
    if kind != "file":
        return _PART_NEEDS.get(kind, "")
    file = part.get("file")
    data = str(file.get("file_data", "")) if isinstance(file, dict) else ""
    if data.startswith("data:audio/"):
        return "audio"
    if data.startswith("data:image/"):
        return "vision"
    return "pdf" if data.startswith("data:application/pdf") else ""


def _is_unknown(model: ModelSpec) -> bool:
    """Nobody has said what it can do: a name from a list, or of a host of one's own. Its host will tell."""
    return model.discovered or model.status == "unknown" or model.capabilities == {"chat"}


def unmet(needs: Needs, model: ModelSpec, trains_on_prompts: str) -> str:
    """Why this model cannot take the request, in words for a person; "" when it can."""
    missing = sorted(needs.capabilities - model.capabilities)
    if missing and not _is_unknown(model):
        return _WRONG_KIND.get(missing[0]) or f"takes no {', '.join(missing)}"
    if model.context and needs.prompt_tokens > model.context:
        return (
            f"the prompt is about {needs.prompt_tokens:,} tokens, its context is {model.context:,}"
        )
    if needs.private and trains_on_prompts != "no":
        return "its provider may train on prompts (or does not say), and privacy was asked for"
    return ""
