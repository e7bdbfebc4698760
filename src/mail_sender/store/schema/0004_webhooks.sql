-- Clients' webhooks. `cursor` is the number of the newest event whose deliveries are made.
CREATE TABLE webhooks (
    n               INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    url             TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    event_types     TEXT    NOT NULL,                -- JSON lists
    tags            TEXT    NOT NULL,
    key_ids         TEXT    NOT NULL,
    secret          TEXT    NOT NULL,
    previous_secret TEXT,
    previous_until  INTEGER,
    created_at      INTEGER NOT NULL,
    pause_reason    TEXT,
    paused_by       TEXT,
    paused_at       INTEGER,
    failing_since   INTEGER,
    cursor          INTEGER NOT NULL
) STRICT;

-- One event on its way to one webhook. Only pending ones have next_attempt_at.
CREATE TABLE webhook_deliveries (
    n               INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    webhook_id      TEXT    NOT NULL,
    event_id        TEXT,
    event_type      TEXT    NOT NULL,
    body            BLOB    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    tries           INTEGER NOT NULL,
    next_attempt_at INTEGER
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, n, state)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, n);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (updated_at);

CREATE TABLE webhook_attempts (
    n        INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,                       -- webhook_deliveries.n
    at       INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    status   INTEGER,
    answer   TEXT    NOT NULL,
    error    TEXT    NOT NULL
) STRICT;

CREATE INDEX webhook_attempts_by_delivery ON webhook_attempts (delivery);

-- Who does what only one process may do at a time, for as long as its heartbeat is good.
CREATE TABLE leaders (
    role  TEXT PRIMARY KEY,
    owner TEXT NOT NULL
) STRICT, WITHOUT ROWID;
