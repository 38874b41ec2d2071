-- Sessions that are gone because their user is: instances that start later still have to refuse their access tokens.
-- Says nothing of whose they were. Swept like sessions that ended long ago.
CREATE TABLE departed_sessions (
    id uuid NOT NULL CONSTRAINT departed_sessions_pkey PRIMARY KEY,
    revoked_at timestamptz NOT NULL
);

CREATE INDEX departed_sessions_revoked_at_idx ON departed_sessions (revoked_at);
