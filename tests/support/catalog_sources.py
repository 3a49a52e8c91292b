"""A small catalog's source files, for tests that break one thing at a time."""

from __future__ import annotations

from pathlib import Path

SOURCES = """
[sources]
list = "https://lists.example/free (2026-10-05)"
"""

FAMILIES = """
[[family]]
id = "big"
title = "Big"
match = ["big-"]
context = 1000
capabilities = ["chat", "tools"]

[[family]]
id = "old"
title = "Old"
match = ["old-"]
successors = ["big"]

[kinds]
embeddings = ["embed"]
other = ["tts"]
words = [["think", ["thinking"]]]
"""

HOST = """
[provider]
id = "host"
title = "Host"
dialect = "openai"
base_url = "https://host.example/v1"
key_env = ["HOST_KEY"]
status_date = "2026-10-05"
source = "list"
terms = "None."
limits = ["account model: 5 requests per 60s"]

[provider.quirks]
drop = ["top_k"]

[model_defaults]
status_date = "2026-10-05"
source = "list"

[[rules]]
match = "turbo"
quirks = { think = "effort" }
limits = ["account model: 2_000 tokens per 60s"]

[[models]]
name = "acme/big-1"

[[models]]
name = "acme/big-1-turbo"
quirks = { n_max = 1 }

[[models]]
name = "acme/old-1"
status = "closed"
replacement = "host/acme/big-1"
history = ["2025-09, a guide: recommended."]
"""

CUSTOM = """
[provider]
id = "custom"
title = "OpenAI-compatible host"
dialect = "openai"
base_url = ""
auth = "none"
status_date = "2026-10-05"
source = "list"
terms = "Whoever runs the host knows."

[provider.quirks]
rename = { max_completion_tokens = "max_tokens" }
"""


def write_sources(folder: Path, **changed: str) -> Path:
    """`folder` with the files above; `changed` gives other text for "sources", "families", "host" or
    "custom"."""
    texts = {"sources": SOURCES, "families": FAMILIES, "host": HOST, "custom": CUSTOM, **changed}
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder
