-- Sealed tickets that were redeemed: none is redeemed twice. Deleted after they have expired.
CREATE TABLE used_tickets (
    digest bytea NOT NULL CONSTRAINT used_tickets_pkey PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX used_tickets_expires_at_idx ON used_tickets (expires_at);
