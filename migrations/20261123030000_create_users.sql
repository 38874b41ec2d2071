-- People. An address is stored in its canonical form only (accounts::EmailAddress), so that `=` is the one comparison.
CREATE TABLE users (
    id uuid NOT NULL CONSTRAINT users_pkey PRIMARY KEY,
    email text NOT NULL CONSTRAINT users_email_key UNIQUE,
    name text,
    password_hash text NOT NULL,
    -- Counts password changes. A sign-in that verified an older password finds another number and opens no session.
    password_version integer NOT NULL DEFAULT 0,
    roles text[] NOT NULL DEFAULT '{}',
    -- Counts changes of roles and claims. Access tokens carry it (`rev`): those with an older number are cut off.
    access_revision integer NOT NULL DEFAULT 0,
    access_revised_at timestamptz,
    claims jsonb NOT NULL DEFAULT '{}',
    blocked_at timestamptz,
    blocked_reason text,
    created_at timestamptz NOT NULL,
    last_login_at timestamptz
);

-- What every instance reads at its start: whose access tokens were cut off of late.
CREATE INDEX users_access_revised_at_idx ON users (access_revised_at) WHERE access_revised_at IS NOT NULL;
