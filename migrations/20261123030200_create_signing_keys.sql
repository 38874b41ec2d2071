-- Keys that sign access tokens. The private half is encrypted under a key derived from the master key.
CREATE TABLE signing_keys (
    -- The public key's thumbprint (RFC 7638): `kid`.
    id text NOT NULL CONSTRAINT signing_keys_pkey PRIMARY KEY,
    algorithm text NOT NULL CONSTRAINT signing_keys_algorithm_check CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    -- AES-256-GCM: nonce, ciphertext, tag; the id is authenticated with it.
    encrypted_private_key bytea NOT NULL,
    -- As published (RFC 7517).
    public_key jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    -- The newest key whose time has come signs.
    signs_from timestamptz NOT NULL,
    -- No longer published from here on: its last token has expired. None while nothing has succeeded it.
    retired_at timestamptz
);
