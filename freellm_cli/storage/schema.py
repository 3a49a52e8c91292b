"""The ledger's tables.

Steady times are seconds on the ledger's own time scale, which no leap of the machine's clock moves
(`storage.timeline`); wall times are seconds since the epoch. Nothing here holds a prompt, an answer or
a secret.
"""

from __future__ import annotations

from freellm_cli.storage.database import Schema

_VERSION_1 = """
-- What everybody must notice; one row.
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    learned INTEGER NOT NULL       -- grows when a learned limit changes
);
INSERT INTO state VALUES (1, 0);

-- How steady time follows from the system's monotonic clock, for each start of the machine.
CREATE TABLE timeline (
    boot TEXT PRIMARY KEY,         -- names one start of the machine
    shift REAL NOT NULL,           -- steady time minus the monotonic clock
    skew REAL NOT NULL,            -- wall time minus steady time, as last seen
    noted INTEGER NOT NULL         -- the greatest is the latest
) WITHOUT ROWID;

-- What has been used of one meter in one window. See core.counters for the meaning by kind of window.
CREATE TABLE counter (
    id INTEGER PRIMARY KEY,
    meter TEXT NOT NULL,           -- what is counted together: "credential:gemini-1|gemini-2.5-flash"
    window TEXT NOT NULL,          -- "sliding:60", "day:UTC", "month:UTC", "first_use:86400", "open"
    requests INTEGER NOT NULL,     -- requests that count now, open ones not among them
    tokens INTEGER NOT NULL,       -- their tokens
    open_requests INTEGER NOT NULL, -- requests of open leases
    open_tokens INTEGER NOT NULL,  -- tokens reserved by open leases
    starts REAL,                   -- oldest use (steady), start of the period (wall), earliest start (steady)
    ends REAL,                     -- end of the period (wall), or latest end (steady)
    carried_requests INTEGER NOT NULL, -- requests that count in the next period too
    carried_tokens INTEGER NOT NULL, -- their tokens
    carried_ends REAL,             -- latest end of the next period (steady)
    past_starts REAL,              -- start of the period before (wall), or end of the last window (steady)
    past_requests INTEGER NOT NULL, -- what was counted in it, or 1 when the end is certain
    past_tokens INTEGER NOT NULL,  -- and its tokens
    touched REAL NOT NULL,         -- steady time of the last change, for tidying
    UNIQUE (meter, window)
);

-- Uses that leave a sliding window together.
CREATE TABLE slice (
    counter INTEGER NOT NULL,      -- counter.id
    number INTEGER NOT NULL,       -- time divided by the slice's width
    at REAL NOT NULL,              -- when the last of them was answered (steady)
    requests INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (counter, number)
) WITHOUT ROWID;

-- Requests between being allowed and being settled.
CREATE TABLE lease (
    id INTEGER PRIMARY KEY,        -- 31 random bits of its owner, 32 bits of a running number
    owner TEXT NOT NULL,           -- whose it is: a name in the owners folder (storage.owners)
    request TEXT NOT NULL,         -- the request's id
    target TEXT NOT NULL,          -- the candidate's key
    counters TEXT NOT NULL,        -- counter.id of each counter it is open in, with commas
    tokens INTEGER NOT NULL,       -- tokens reserved
    opened REAL NOT NULL,          -- steady
    deadline REAL NOT NULL,        -- steady; later it holds nothing any more
    answered REAL                  -- when its headers came (steady), once it is counted as of then
);

-- When a target was last leased.
CREATE TABLE recency (
    target TEXT PRIMARY KEY,       -- the candidate's key
    used REAL NOT NULL             -- steady
) WITHOUT ROWID;

-- Cooldowns.
CREATE TABLE rest (
    key TEXT PRIMARY KEY,          -- "credential:gemini-1", "target:…", "model:…", "account:…", "provider:…"
    until REAL,                    -- wall time if calendar, else steady; NULL until it is woken
    calendar INTEGER NOT NULL,     -- 1: ends at a wall time (a midnight), 0: lasts so many seconds
    kind TEXT NOT NULL,            -- the verdict's kind
    reason TEXT NOT NULL,          -- for people
    strikes INTEGER NOT NULL,      -- rests in a row without a success between
    trial INTEGER NOT NULL,        -- 1: when due, one request tries it first
    tried_by INTEGER NOT NULL,     -- lease.id of that request, or 0
    since REAL NOT NULL,           -- wall time of the latest strike
    request TEXT NOT NULL          -- the request that brought it
) WITHOUT ROWID;

-- Limits that providers have told.
CREATE TABLE learned (
    meter TEXT NOT NULL,
    unit TEXT NOT NULL,            -- "requests", "tokens", "concurrent"
    window TEXT NOT NULL,          -- as in counter
    amount INTEGER NOT NULL,
    source TEXT NOT NULL,          -- "learned", or "rate" for one found by trying
    evidence TEXT NOT NULL,        -- where it was read, for people
    at REAL NOT NULL,              -- wall time when it was last told
    first REAL NOT NULL,           -- wall time when this amount was first told
    PRIMARY KEY (meter, unit, window)
) WITHOUT ROWID;

-- Requests that wait for a target, in order of lane and id.
CREATE TABLE ticket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,           -- as in lease
    request TEXT NOT NULL,         -- the request's id
    lane INTEGER NOT NULL,         -- 0 interactive, 1 batch
    targets TEXT NOT NULL,         -- candidate keys, one a line
    tokens INTEGER NOT NULL,       -- what it will reserve
    since REAL NOT NULL,           -- steady
    looks_at REAL NOT NULL         -- when it looks again at the latest (steady)
);

-- What became of past requests, for `freellm why`.
CREATE TABLE request (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at REAL NOT NULL,              -- wall time
    trace TEXT NOT NULL            -- JSON
);
CREATE INDEX request_id ON request (id);

-- The credential that a conversation used last; its prompt cache is warm there.
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    credential TEXT NOT NULL,
    at REAL NOT NULL               -- wall time
) WITHOUT ROWID;
"""

_VERSION_2 = """
-- The account that a credential was found to belong to.
CREATE TABLE account (
    credential TEXT PRIMARY KEY,
    name TEXT NOT NULL,            -- a hash of the provider's own id, or of the credentials together
    how TEXT NOT NULL,             -- "named" in an error, "together": refused alike
    at REAL NOT NULL               -- wall time when it was last seen
) WITHOUT ROWID;

-- Late refusals for a spent limit, to see which credentials are refused alike.
CREATE TABLE refusal (
    number INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,           -- the model's id
    kind TEXT NOT NULL,            -- the verdict's kind
    credential TEXT NOT NULL,
    account TEXT NOT NULL,         -- as far as it was known then
    at REAL NOT NULL               -- steady
);

-- How often two credentials were refused alike against what we had counted.
CREATE TABLE kinship (
    one TEXT NOT NULL,             -- the smaller credential id
    other TEXT NOT NULL,
    together INTEGER NOT NULL,
    at REAL NOT NULL,              -- steady time of the latest
    PRIMARY KEY (one, other)
) WITHOUT ROWID;

-- Measured times to the first token.
CREATE TABLE speed (
    target TEXT PRIMARY KEY,       -- the candidate's key
    first_token_s REAL NOT NULL,   -- an average that forgets
    at REAL NOT NULL               -- wall time of the latest
) WITHOUT ROWID;

-- Rates that are being found by trying. See core.pacing.
CREATE TABLE pace (
    meter TEXT PRIMARY KEY,
    amount INTEGER NOT NULL,       -- requests a minute that are tried now
    ceiling INTEGER NOT NULL,      -- after so many in a minute one was refused
    refused REAL NOT NULL,         -- when (steady)
    raised REAL NOT NULL,          -- when `amount` last grew (steady)
    patience REAL NOT NULL,        -- seconds until more than the ceiling is tried
    step INTEGER NOT NULL,         -- by how much
    refusals TEXT NOT NULL         -- steady times of the last minute's, with commas
) WITHOUT ROWID;
"""

_VERSION_3 = """
-- What tells refusals of one pot from those of several: whose the error says that it is (a hash, or ''),
-- when it says that there is room again (steady), and how much of the limit we had counted (1: all).
ALTER TABLE refusal ADD COLUMN named TEXT NOT NULL DEFAULT '';
ALTER TABLE refusal ADD COLUMN resets REAL;
ALTER TABLE refusal ADD COLUMN share REAL NOT NULL DEFAULT 0;
"""

_VERSION_4 = """
-- A rate that is being found may be one of seconds. See core.pacing.
ALTER TABLE pace ADD COLUMN window REAL NOT NULL DEFAULT 60;
ALTER TABLE pace ADD COLUMN minute INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pace ADD COLUMN reached INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pace ADD COLUMN sure INTEGER NOT NULL DEFAULT 0;
"""

LEDGER = Schema("ledger", (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4))
