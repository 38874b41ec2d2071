-- Passkeys and security keys (WebAuthn Level 3). `discoverable`, `aaguid` and `transports` are what the browser reported;
-- nothing proves them. A passkey works under the `rp_id` only that it was registered for.
CREATE TABLE passkeys (
    id uuid NOT NULL CONSTRAINT passkeys_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT passkeys_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    credential_id bytea NOT NULL CONSTRAINT passkeys_credential_id_key UNIQUE,
    rp_id text COLLATE "C" NOT NULL,
    -- A COSE_Key (RFC 9052), and its algorithm.
    public_key bytea NOT NULL,
    algorithm integer NOT NULL,
    sign_count bigint NOT NULL,
    backup_eligible boolean NOT NULL,
    backed_up boolean NOT NULL,
    discoverable boolean,
    aaguid uuid,
    transports text[] COLLATE "C",
    name text COLLATE "C",
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    disabled_at timestamptz
);

CREATE INDEX passkeys_user_id_idx ON passkeys (user_id);
