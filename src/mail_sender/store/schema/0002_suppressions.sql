-- Addresses that get no mail. Claims look here for each recipient that waits, by `mailbox`.
CREATE TABLE suppressions (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox    TEXT    NOT NULL UNIQUE,              -- the address in lower case (ASCII)
    address    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    origin     TEXT    NOT NULL,                     -- who said it, and which one
    origin_id  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    note       TEXT    NOT NULL
) STRICT;

CREATE INDEX suppressions_by_time ON suppressions (created_at, n);
CREATE INDEX suppressions_expiry ON suppressions (expires_at) WHERE expires_at IS NOT NULL;
