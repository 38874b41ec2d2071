-- When all sessions were ended at once: sessions opened up to the newest of these moments are dead. One row a time.
CREATE TABLE everyone_revocations (
    revoked_at timestamptz NOT NULL CONSTRAINT everyone_revocations_pkey PRIMARY KEY
);
