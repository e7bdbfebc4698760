-- Calls of providers' webhooks. They come in faster than they can be read now and then, so they
-- are kept as they are, answered, and read later, in order.
CREATE TABLE hooks (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    provider    TEXT    NOT NULL,
    key         TEXT    NOT NULL,                    -- of this call, however often it is repeated
    received_at INTEGER NOT NULL,
    state       TEXT    NOT NULL,                    -- stored, processed, unreadable
    body        BLOB    NOT NULL,                    -- empty once it is processed
    UNIQUE (provider, key)
) STRICT;

CREATE INDEX hooks_stored ON hooks (n, state) WHERE state = 'stored';

-- Events that were told, so that each counts once. `mark` is a hash of provider and event.
CREATE TABLE told (
    n    INTEGER PRIMARY KEY,
    mark BLOB    NOT NULL UNIQUE,
    at   INTEGER NOT NULL
) STRICT;

-- Events whose message is not known yet: the provider's answer with its id may still come.
CREATE TABLE unattached (
    n        INTEGER PRIMARY KEY,
    provider TEXT    NOT NULL,
    heard_at INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,                       -- when to look next
    feedback BLOB    NOT NULL                        -- domain/feedback.py as JSON
) STRICT;

CREATE INDEX unattached_due ON unattached (due_at);

-- For events that carry the provider's id of a mail, and not ours.
CREATE INDEX attempts_by_provider_id ON attempts (provider_message_id)
    WHERE provider_message_id IS NOT NULL;
