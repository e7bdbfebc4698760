-- All times and spans are whole microseconds (since 1970, UTC). JSON stands in TEXT columns.

-- One row a message: what changes often, small on purpose. Final states have finished_at.
CREATE TABLE messages (
    seq                 INTEGER PRIMARY KEY,
    id                  TEXT    NOT NULL UNIQUE,
    state               TEXT    NOT NULL,
    held                INTEGER NOT NULL DEFAULT 0,
    lane                INTEGER NOT NULL,            -- of its priority: 0 high, 1 normal, 2 low
    due_at              INTEGER,                     -- only of queued and unknown
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    give_up_at          INTEGER NOT NULL,
    span                INTEGER NOT NULL,            -- give_up_at - created_at at acceptance
    ready_at            INTEGER NOT NULL,            -- from when the hand-over is counted
    finished_at         INTEGER,
    fence               INTEGER NOT NULL,
    owner               TEXT,
    route               TEXT    NOT NULL,
    on_unknown          TEXT    NOT NULL,
    key_id              TEXT    NOT NULL,
    is_test             INTEGER NOT NULL,
    size                INTEGER NOT NULL,            -- octets of contents.content
    provider            TEXT,
    provider_message_id TEXT,
    attempts_made       INTEGER NOT NULL DEFAULT 0,
    retries_made        INTEGER NOT NULL DEFAULT 0,
    begun_provider      TEXT,                        -- the call under way
    begun_recipients    TEXT,                        -- ["ann@example.net"]
    begun_at            INTEGER
) STRICT;

-- What a claim walks: small, and in its order. SQLite counts on a partial index alone only when
-- it also has the columns of the condition.
CREATE INDEX messages_due ON messages (lane, due_at, seq, state, held)
    WHERE state = 'queued' AND held = 0;
CREATE INDEX messages_held ON messages (state, held) WHERE state = 'queued' AND held = 1;
CREATE INDEX messages_give_up ON messages (give_up_at) WHERE state = 'queued';
CREATE INDEX messages_unknown ON messages (due_at) WHERE state = 'unknown';
CREATE INDEX messages_finished ON messages (finished_at) WHERE finished_at IS NOT NULL;
-- Lists walk it for each state.
CREATE INDEX messages_by_state ON messages (state, created_at);

-- Written once. `listed` stands before `content`, so that a list reads no large content.
CREATE TABLE contents (
    seq     INTEGER PRIMARY KEY,
    listed  TEXT NOT NULL,                           -- store/listing.py
    content BLOB NOT NULL                            -- store/codec.py
) STRICT;

-- What a person searches by, in lower case (ASCII). A part of a text is found by reading all of
-- them, newest first: so they stand close together. An index on addresses would not help to
-- find a part, and each new row would touch a page of it somewhere else.
CREATE TABLE searches (
    seq        INTEGER PRIMARY KEY,
    recipients TEXT NOT NULL,                        -- addresses, a line each
    sender     TEXT NOT NULL,                        -- its address
    subject    TEXT NOT NULL
) STRICT;

CREATE TABLE recipients (
    seq           INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    address       TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL,
    provider      TEXT,
    code          INTEGER,
    enhanced_code TEXT,
    detail        TEXT    NOT NULL DEFAULT '',
    taken_by      TEXT,                              -- the provider that took it, and when
    taken_at      INTEGER,
    PRIMARY KEY (seq, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX recipients_taken ON recipients (taken_by, taken_at) WHERE taken_at IS NOT NULL;

CREATE TABLE tags (
    tag TEXT    NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, seq)
) STRICT, WITHOUT ROWID;

-- Only ever added to. `number` is not unique: late evidence may repeat that of a sweep.
CREATE TABLE attempts (
    n                   INTEGER PRIMARY KEY,
    seq                 INTEGER NOT NULL,
    number              INTEGER NOT NULL,
    provider            TEXT    NOT NULL,
    started_at          INTEGER NOT NULL,
    duration            INTEGER NOT NULL,
    outcome             TEXT    NOT NULL,
    blame               TEXT,
    code                INTEGER,
    enhanced_code       TEXT,
    detail              TEXT    NOT NULL,
    provider_message_id TEXT,
    recipients          TEXT                         -- [[address, outcome, blame, code, …], …]
) STRICT;

CREATE INDEX attempts_by_message ON attempts (seq);
CREATE INDEX attempts_by_outcome ON attempts (provider, outcome, started_at, duration);

-- AUTOINCREMENT: an event's id is never used again, also when the newest were deleted.
CREATE TABLE events (
    n    INTEGER PRIMARY KEY AUTOINCREMENT,
    seq  INTEGER,                                    -- NULL: about a provider
    type TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    data TEXT    NOT NULL
) STRICT;

CREATE INDEX events_by_message ON events (seq) WHERE seq IS NOT NULL;

-- A client's keys. They outlive their message until they expire.
CREATE TABLE used_keys (
    key_id      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    message_id  TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (key_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_keys_expiry ON used_keys (expires_at);

CREATE TABLE owners (
    owner       TEXT    PRIMARY KEY,
    beat_at     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    n              INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    secret_hash    BLOB    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    is_test        INTEGER NOT NULL,
    scopes         TEXT    NOT NULL,                 -- JSON lists
    sender_domains TEXT    NOT NULL,
    networks       TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    revoked_at     INTEGER,
    last_used_at   INTEGER
) STRICT;

CREATE TABLE pauses (
    provider TEXT    PRIMARY KEY,
    reason   TEXT    NOT NULL,
    by       TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a readiness check writes.
CREATE TABLE checks (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
