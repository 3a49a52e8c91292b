"""What is said of a path that leads nowhere: what it was meant for, and where models are asked instead."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from freellm_cli.core.faces.errors import HttpRefusal

_BATCH = "`freellm batch` answers a file of questions"
_STORED = "nothing is stored here: send the whole input"
_OPENAI = {
    "assistants": "assistants",
    "audio": "speech and transcripts",
    "batches": "batches",
    "chat/completions": "stored completions",
    "containers": "containers",
    "conversations": "conversations",
    "evals": "evaluations",
    "files": "files",
    "fine_tuning": "fine-tuning",
    "images": "images",
    "moderations": "moderations",
    "organization": "the administration of an organization",
    "realtime": "realtime sessions",
    "rerank": "reranking",
    "responses/compact": "compaction",
    "responses/input_tokens": "the counting of tokens",
    "responses": "stored responses",
    "skills": "skills",
    "threads": "threads",
    "uploads": "files",
    "vector_stores": "vector stores",
    "videos": "videos",
}
_ANTHROPIC = {
    "complete": "the text completions of old",
    "files": "files",
    "messages/batches": "batches",
    "organizations": "the administration of an organization",
    "skills": "skills",
}
_GEMINI = {
    "batches": "batches",
    "cachedcontents": "cached contents",
    "corpora": "corpora",
    "files": "files",
    "filesearchstores": "file search",
    "interactions": "interactions",
    "operations": "batches",
    "tunedmodels": "tuned models",
}
_OLLAMA = {
    "blobs": "model files",
    "copy": "the copying of models",
    "create": "the making of models",
    "delete": "the deleting of models",
    "embed": "embeddings in Ollama's dialect",
    "embeddings": "embeddings in Ollama's dialect",
    "ps": "a list of loaded models",
    "pull": "the loading of models",
    "push": "the publishing of models",
    "show": "the details of models",
}
_NOT_SERVED = {
    "openai": _OPENAI,
    "anthropic": _ANTHROPIC,
    "gemini": _GEMINI,
    "ollama_chat": _OLLAMA,
}
_HINTS = {"batches": _BATCH, "stored responses": _STORED, "stored completions": _STORED}
_SERVED = {
    "openai": "served are /v1/chat/completions, /v1/responses, /v1/completions and /v1/embeddings;"
    " /v1/models lists the models",
    "anthropic": "served are /v1/messages and /v1/messages/count_tokens; the base URL of an Anthropic"
    " client goes without /v1",
    "gemini": "served are /v1beta/models/MODEL:generateContent, :streamGenerateContent, :countTokens,"
    " :embedContent and :batchEmbedContents",
    "ollama_chat": "served are /api/chat, /api/generate, /api/tags and /api/version",
}


class Meant(NamedTuple):
    """`path`: in lower case, without what says only whose dialect it is."""

    dialect: str
    path: str


def meant_by(path: str) -> Meant:
    """What a percent-encoded path that no route knows was meant for."""
    parts = [part for part in unquote(path).lower().split("/") if part]
    dialect = "openai"
    while parts and parts[0] in ("v1", "openai", "v1beta", "upload", "api"):
        word = parts.pop(0)
        if word == "openai":
            dialect = "openai"
        elif word in ("v1beta", "upload"):
            dialect = "gemini"
        elif word == "api":
            dialect = "ollama_chat"
    if dialect == "openai" and parts[:1] in (["messages"], ["complete"], ["organizations"]):
        dialect = "anthropic"
    return Meant(dialect, "/".join(parts))


def refusal(path: str, dialect: str) -> HttpRefusal:
    """404, in the words that a client of that dialect needs."""
    meant = meant_by(path).path
    named = _NOT_SERVED.get(dialect, _OPENAI)
    what = next((told for start, told in named.items() if f"{meant}/".startswith(f"{start}/")), "")
    return HttpRefusal(
        f"freellm does not serve {what}" if what else f"there is nothing at {path[:200]!r}",
        status=404,
        code="unknown_url",
        hint=_HINTS.get(what) or _SERVED.get(dialect, _SERVED["openai"]),
    )
