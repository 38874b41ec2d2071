-- Second factors. The secret of an authenticator app, sealed under a key derived from the master key, with the user's id as
-- context: a row moved to another user cannot be opened. Not confirmed: its user has not typed a code of it yet.
CREATE TABLE totp_secrets (
    user_id uuid NOT NULL CONSTRAINT totp_secrets_pkey PRIMARY KEY
        CONSTRAINT totp_secrets_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    confirmed_at timestamptz,
    -- The newest step of thirty seconds whose code was accepted: no code is accepted twice.
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL CONSTRAINT recovery_codes_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    number smallint NOT NULL,
    hash text COLLATE "C" NOT NULL,
    used_at timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, number)
);

-- A sign-in whose password was right and whose second factor is missing. No session exists yet.
CREATE TABLE sign_in_challenges (
    id uuid NOT NULL CONSTRAINT sign_in_challenges_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sign_in_challenges_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    -- What they were when the password was right. They must be the same when the factor is.
    password_version integer NOT NULL,
    factor_version integer NOT NULL,
    transport text COLLATE "C" NOT NULL,
    remembered boolean NOT NULL,
    device_name text COLLATE "C",
    -- What was proved already (RFC 8176).
    amr text[] COLLATE "C" NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX sign_in_challenges_user_id_idx ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_expires_at_idx ON sign_in_challenges (expires_at);
