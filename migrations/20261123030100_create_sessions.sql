-- One sign-in on one device = one token family = one row, for ever.
--
-- A rotation changes the row in place and touches no indexed column, so that Postgres makes it a heap-only (HOT)
-- update; the fillfactor leaves room for it on the page. Therefore: NO INDEX may ever name one of the columns between
-- "rotated" and "/rotated". They stand together because the write-ahead log of an update holds what lies between the
-- first and the last byte that changed.
CREATE TABLE sessions (
    id uuid NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    -- Sign-in plus the absolute lifetime: never moves.
    absolute_expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    -- Whether the token travels in the cookie or in JSON; a session keeps the way it began.
    transport text NOT NULL CONSTRAINT sessions_transport_check CHECK (transport IN ('cookie', 'body')),
    remembered boolean NOT NULL,
    -- rotated
    idle_expires_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    generation integer NOT NULL CONSTRAINT sessions_generation_check CHECK (generation >= 0),
    -- SHA-256 of the current generation's secret: a copy of the database opens no session.
    secret_hash bytea NOT NULL CONSTRAINT sessions_secret_hash_check CHECK (octet_length(secret_hash) = 32),
    -- Drawn at the last rotation; with the retired token, and the key of the request that retired it, it leads to the
    -- current token once more. None before the first rotation.
    rotation_nonce bytea CONSTRAINT sessions_rotation_nonce_check CHECK (octet_length(rotation_nonce) = 16),
    ip inet,
    -- /rotated
    device_name text,
    user_agent text
) WITH (fillfactor = 80);

CREATE INDEX sessions_user_id_idx ON sessions (user_id);
-- What every instance reads at its start: which sessions ended of late.
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
