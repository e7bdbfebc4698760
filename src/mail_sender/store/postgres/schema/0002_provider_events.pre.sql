-- Calls of providers' webhooks. They come in faster than they can be read now and then, so they
-- are kept as they are, answered, and read later, in order.
CREATE TABLE hooks (
    n           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider    text   COLLATE "C" NOT NULL,
    key         text   COLLATE "C" NOT NULL,         -- of this call, however often it is repeated
    received_at bigint NOT NULL,
    state       text   NOT NULL,                     -- stored, processed, unreadable
    body        bytea  NOT NULL,                     -- empty once it is processed
    UNIQUE (provider, key)
);

CREATE INDEX hooks_stored ON hooks (n) WHERE state = 'stored';

-- Events that were told, so that each counts once. `mark` is a hash of provider and event.
CREATE TABLE told (
    n    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mark bytea  NOT NULL UNIQUE,
    at   bigint NOT NULL
);

-- Events whose message is not known yet: the provider's answer with its id may still come.
CREATE TABLE unattached (
    n        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text   NOT NULL,
    heard_at bigint NOT NULL,
    due_at   bigint NOT NULL,                        -- when to look next
    feedback bytea  NOT NULL                         -- domain/feedback.py as JSON
);

CREATE INDEX unattached_due ON unattached (due_at);

-- For events that carry the provider's id of a mail, and not ours.
CREATE INDEX attempts_by_provider_id ON attempts (provider_message_id)
    WHERE provider_message_id IS NOT NULL;
