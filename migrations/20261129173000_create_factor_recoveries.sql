-- A user who has lost all second factors waits for their removal. It counts while password, address and factors are those of when
-- it was started.
CREATE TABLE factor_recoveries (
    user_id uuid NOT NULL CONSTRAINT factor_recoveries_pkey PRIMARY KEY
        CONSTRAINT factor_recoveries_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    password_version integer NOT NULL,
    email_version integer NOT NULL,
    factor_version integer NOT NULL,
    started_at timestamptz NOT NULL,
    -- From then on the link of the last email removes the factors.
    ready_at timestamptz NOT NULL,
    -- Null: the last one was sent.
    next_email_at timestamptz,
    -- When the link of the last email expires, once it was sent.
    link_expires_at timestamptz
);

CREATE INDEX factor_recoveries_next_email_at_idx ON factor_recoveries (next_email_at) WHERE next_email_at IS NOT NULL;
