-- Users of other providers, by issuer and subject: never by a provider's name in our options, nor by an address (ASVS 6.8.1).
CREATE TABLE identities (
    user_id uuid NOT NULL CONSTRAINT identities_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    -- Which options were used when it was connected, for people to read.
    provider text COLLATE "C" NOT NULL,
    -- As the provider wrote it then: for people to read, proves nothing.
    email text COLLATE "C",
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT identities_pkey PRIMARY KEY (issuer, subject),
    -- One of each provider.
    CONSTRAINT identities_user_id_provider_key UNIQUE (user_id, provider)
);
