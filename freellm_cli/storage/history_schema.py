"""The tables of kept conversations. Times are wall times: seconds since the epoch."""

from __future__ import annotations

from freellm_cli.storage.database import Schema

_VERSION_1 = """
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,           -- "c_…" made by us, or a name that the person chose
    title TEXT NOT NULL,           -- the beginning of the first question
    model TEXT NOT NULL,           -- as asked for last: an alias, a family, an id, or "" for the default
    system TEXT,                   -- the system prompt, NULL when there is none
    started REAL NOT NULL,
    updated REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversation_updated ON conversation (updated);

CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, the search index goes by it
    conversation TEXT NOT NULL,    -- conversation.id
    turn INTEGER NOT NULL,         -- a question and its answer have the same number
    role TEXT NOT NULL,            -- "user" or "assistant"
    text TEXT NOT NULL,            -- what is read and searched
    parts TEXT,                    -- JSON of the content when it is more than `text`; see attachment
    at REAL NOT NULL,
    model TEXT NOT NULL,           -- who answered, provider/name; "" for a question
    credential TEXT NOT NULL,      -- with which credential, its id
    request TEXT NOT NULL,         -- the request's id, for `freellm why`
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL
);
CREATE INDEX message_conversation ON message (conversation, id);

-- Attached files, each once; `parts` names them as "kept:<digest>".
CREATE TABLE attachment (
    digest TEXT PRIMARY KEY,       -- SHA-256 of `data`
    data TEXT NOT NULL             -- base64 or a data: URI, as the message held it
) WITHOUT ROWID;

CREATE TABLE message_attachment (
    message INTEGER NOT NULL,      -- message.id
    digest TEXT NOT NULL,          -- attachment.digest
    PRIMARY KEY (message, digest)
) WITHOUT ROWID;
"""

HISTORY = Schema("history", (_VERSION_1,))

# Made by the first search, where SQLite has FTS5 (https://www.sqlite.org/fts5.html): three letters in a row
# are what it looks up, so that it finds within words and in languages that do not part them.
SEARCH_INDEX = """
CREATE VIRTUAL TABLE IF NOT EXISTS message_words
USING fts5(text, content='message', content_rowid='id', tokenize='trigram')
"""
