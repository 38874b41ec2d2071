-- Browsers on which a user wants no second factor to be asked. The cookie holds 32 random bytes, the row their digest. A row
-- counts while the user's password and factors are those of when it was added.
CREATE TABLE trusted_devices (
    id uuid NOT NULL CONSTRAINT trusted_devices_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT trusted_devices_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    hash bytea NOT NULL CONSTRAINT trusted_devices_hash_key UNIQUE
        CONSTRAINT trusted_devices_hash_check CHECK (octet_length(hash) = 32),
    password_version integer NOT NULL,
    factor_version integer NOT NULL,
    user_agent text COLLATE "C",
    ip inet,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL
);

CREATE INDEX trusted_devices_user_id_idx ON trusted_devices (user_id);
CREATE INDEX trusted_devices_expires_at_idx ON trusted_devices (expires_at);
