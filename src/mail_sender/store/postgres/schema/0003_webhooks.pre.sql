-- Clients' webhooks. `cursor` is the number of the newest event whose deliveries are made.
CREATE TABLE webhooks (
    n               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text   COLLATE "C" NOT NULL UNIQUE,
    url             text   NOT NULL,
    description     text   NOT NULL,
    event_types     text   NOT NULL,                 -- JSON lists
    tags            text   NOT NULL,
    key_ids         text   NOT NULL,
    secret          text   NOT NULL,
    previous_secret text,
    previous_until  bigint,
    created_at      bigint NOT NULL,
    pause_reason    text,
    paused_by       text,
    paused_at       bigint,
    failing_since   bigint,
    cursor          bigint NOT NULL
);

-- One event on its way to one webhook. Only pending ones have next_attempt_at.
CREATE TABLE webhook_deliveries (
    n               bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text    COLLATE "C" NOT NULL UNIQUE,
    webhook_id      text    COLLATE "C" NOT NULL,
    event_id        text,
    event_type      text    NOT NULL,
    body            bytea   NOT NULL,
    created_at      bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    state           text    NOT NULL,
    tries           integer NOT NULL,
    next_attempt_at bigint
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, n)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, n);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (updated_at);

CREATE TABLE webhook_attempts (
    n        bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery bigint  NOT NULL,                       -- webhook_deliveries.n
    at       bigint  NOT NULL,
    duration bigint  NOT NULL,
    status   integer,
    answer   text    NOT NULL,
    error    text    NOT NULL
);

CREATE INDEX webhook_attempts_by_delivery ON webhook_attempts (delivery);

-- Who does what only one process may do at a time, for as long as its heartbeat is good.
CREATE TABLE leaders (
    role  text PRIMARY KEY,
    owner text COLLATE "C" NOT NULL
);
