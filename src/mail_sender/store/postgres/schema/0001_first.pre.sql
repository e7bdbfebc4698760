-- All times and spans are whole microseconds (since 1970, UTC). JSON stands in text columns: it
-- is read by our programs alone, and `jsonb` would refuse a NUL that somebody's server answered.

-- Each process takes a thousand numbers at a time, so that all rows of a batch of messages can be
-- written in one statement. So `seq` tells messages apart; when they came, `created_at` tells.
CREATE SEQUENCE message_numbers INCREMENT BY 1000;

-- One row a message: what changes often, small on purpose. Final states have finished_at.
CREATE TABLE messages (
    seq                 bigint  PRIMARY KEY,
    id                  text    COLLATE "C" NOT NULL CONSTRAINT messages_id UNIQUE,
    state               text    COLLATE "C" NOT NULL,
    held                boolean NOT NULL DEFAULT false,
    lane                integer NOT NULL,            -- of its priority: 0 high, 1 normal, 2 low
    due_at              bigint,                      -- only of queued and unknown
    created_at          bigint  NOT NULL,
    updated_at          bigint  NOT NULL,
    give_up_at          bigint  NOT NULL,
    span                bigint  NOT NULL,            -- give_up_at - created_at at acceptance
    ready_at            bigint  NOT NULL,            -- from when the hand-over is counted
    finished_at         bigint,
    fence               integer NOT NULL,
    owner               text    COLLATE "C",
    claim               bigint,                      -- the claim that leased it: postgres/work.py
    route               text    NOT NULL,
    on_unknown          text    NOT NULL,
    key_id              text    COLLATE "C" NOT NULL,
    is_test             boolean NOT NULL,
    size                integer NOT NULL,            -- octets of contents.content
    provider            text    COLLATE "C",
    provider_message_id text,
    attempts_made       integer NOT NULL DEFAULT 0,
    retries_made        integer NOT NULL DEFAULT 0,
    begun_provider      text,                        -- the call under way
    begun_recipients    text,                        -- ["ann@example.net"]
    begun_at            bigint
) WITH (fillfactor = 80);

CREATE INDEX messages_due ON messages (lane, due_at, seq) WHERE state = 'queued' AND NOT held;
CREATE INDEX messages_held ON messages (seq) WHERE state = 'queued' AND held;
CREATE INDEX messages_give_up ON messages (give_up_at) WHERE state = 'queued';
CREATE INDEX messages_unknown ON messages (due_at, seq) WHERE state = 'unknown';
CREATE INDEX messages_finished ON messages (finished_at, seq) WHERE finished_at IS NOT NULL;
-- Lists walk it for each state; sweeps find there what is leased and being sent.
CREATE INDEX messages_by_state ON messages (state, created_at, seq);

-- Written once, in a table of its own: a change of state must not write the content again. What
-- is short enough stands beside its row, uncompressed: compressing costs more than it saves.
CREATE TABLE contents (
    seq     bigint PRIMARY KEY,
    listed  text   NOT NULL,                         -- store/listing.py
    content bytea  NOT NULL                          -- store/codec.py
) WITH (toast_tuple_target = 8160);
ALTER TABLE contents ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE contents ALTER COLUMN listed SET STORAGE EXTERNAL;

-- What a person searches by, in lower case (ASCII). A part of a text is found by reading all of
-- them: so they stand close together.
CREATE TABLE searches (
    seq        bigint PRIMARY KEY,
    recipients text   NOT NULL,                      -- addresses, a line each
    sender     text   NOT NULL,                      -- its address
    subject    text   NOT NULL
);

CREATE TABLE recipients (
    seq           bigint  NOT NULL,
    position      integer NOT NULL,
    address       text    COLLATE "C" NOT NULL,
    kind          text    NOT NULL,
    status        text    COLLATE "C" NOT NULL,
    updated_at    bigint  NOT NULL,
    provider      text,
    code          integer,
    enhanced_code text,
    detail        text    NOT NULL DEFAULT '',
    taken_by      text    COLLATE "C",               -- the provider that took it, and when
    taken_at      bigint,
    PRIMARY KEY (seq, position)
) WITH (fillfactor = 80);

CREATE INDEX recipients_taken ON recipients (taken_by, taken_at) WHERE taken_at IS NOT NULL;

CREATE TABLE tags (
    tag text   COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (tag, seq)
);

CREATE INDEX tags_of_message ON tags (seq);

-- Only ever added to. `number` is not unique: late evidence may repeat that of a sweep.
CREATE TABLE attempts (
    seq                 bigint  NOT NULL,
    n                   bigint  GENERATED ALWAYS AS IDENTITY,
    number              integer NOT NULL,
    provider            text    COLLATE "C" NOT NULL,
    started_at          bigint  NOT NULL,
    duration            bigint  NOT NULL,
    outcome             text    COLLATE "C" NOT NULL,
    blame               text,
    code                integer,
    enhanced_code       text,
    detail              text    NOT NULL,
    provider_message_id text,
    recipients          text,                        -- [[address, outcome, blame, code, …], …]
    PRIMARY KEY (seq, n)
);

CREATE INDEX attempts_by_outcome ON attempts (provider, outcome, started_at) INCLUDE (duration);

-- `n` is the number of the transaction and the place in it (postgres/events.py): who follows the
-- events sees each, although transactions end in another order than they began.
CREATE TABLE events (
    n    bigint PRIMARY KEY,
    seq  bigint,                                     -- NULL: about a provider
    type text   NOT NULL,
    at   bigint NOT NULL,
    data text   NOT NULL
);

CREATE INDEX events_by_message ON events (seq, n) WHERE seq IS NOT NULL;

-- A client's keys. They outlive their message until they expire.
CREATE TABLE used_keys (
    key_id      text    COLLATE "C" NOT NULL,
    key         text    COLLATE "C" NOT NULL,
    fingerprint bytea   NOT NULL,
    message_id  text    COLLATE "C" NOT NULL,
    expires_at  bigint  NOT NULL,
    seen        integer NOT NULL DEFAULT 0,          -- repeats; each is a write, see intake.py
    PRIMARY KEY (key_id, key)
);

CREATE INDEX used_keys_expiry ON used_keys (expires_at);

CREATE TABLE owners (
    owner       text   COLLATE "C" PRIMARY KEY,
    beat_at     bigint NOT NULL,
    lease_until bigint NOT NULL
);

CREATE TABLE api_keys (
    n              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             text    NOT NULL UNIQUE,
    secret_hash    bytea   NOT NULL UNIQUE,
    name           text    NOT NULL,
    is_test        boolean NOT NULL,
    scopes         text    NOT NULL,                 -- JSON lists
    sender_domains text    NOT NULL,
    networks       text    NOT NULL,
    created_at     bigint  NOT NULL,
    expires_at     bigint,
    revoked_at     bigint,
    last_used_at   bigint
);

CREATE TABLE pauses (
    provider text   COLLATE "C" PRIMARY KEY,
    reason   text   NOT NULL,
    by       text   NOT NULL,
    at       bigint NOT NULL
);

-- What a readiness check writes, a row for each process that asks.
CREATE TABLE checks (
    owner text   COLLATE "C" PRIMARY KEY,
    at    bigint NOT NULL
);

-- Addresses that get no mail. Claims look here for each recipient that waits, by `mailbox`.
CREATE TABLE suppressions (
    n          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mailbox    text   COLLATE "C" NOT NULL UNIQUE,   -- the address in lower case (ASCII)
    address    text   NOT NULL,
    reason     text   NOT NULL,
    origin     text   NOT NULL,                      -- who said it, and which one
    origin_id  text   NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    note       text   NOT NULL
);

CREATE INDEX suppressions_by_time ON suppressions (created_at, n);
CREATE INDEX suppressions_expiry ON suppressions (expires_at) WHERE expires_at IS NOT NULL;

-- A row of a message is written four times: dead ones are cleared before they are many.
ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE recipients SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
