-- What an email asks a user to confirm, one row for each request. A row that names no user has not been looked up yet, or
-- nobody has the address. The links of emails are derived from the id under the master key: the table alone confirms
-- nothing.
CREATE TABLE confirmations (
    id uuid NOT NULL CONSTRAINT confirmations_pkey PRIMARY KEY,
    purpose text COLLATE "C" NOT NULL,
    user_id uuid CONSTRAINT confirmations_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    -- In its canonical form; where the email goes.
    email text COLLATE "C" NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    -- HMAC of the code under a derived key: eight digits are not a secret where they are stored.
    code_mac bytea,
    -- Digest of the asking browser's cookie; null for clients of the API.
    browser bytea,
    -- What they were when the user was looked up. They must be the same when the confirmation is used.
    password_version integer,
    email_version integer,
    factor_version integer,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    looked_up_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    used_at timestamptz
);

CREATE INDEX confirmations_waiting_idx ON confirmations (created_at) WHERE looked_up_at IS NULL;
CREATE INDEX confirmations_user_id_idx ON confirmations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX confirmations_email_idx ON confirmations (email, purpose);
CREATE INDEX confirmations_expires_at_idx ON confirmations (expires_at);

-- Requests for emails in the current hour, by typed address and by network. The key is an HMAC: the table names neither.
CREATE TABLE email_requests (
    bucket bytea NOT NULL CONSTRAINT email_requests_pkey PRIMARY KEY
        CONSTRAINT email_requests_bucket_check CHECK (octet_length(bucket) = 32),
    count integer NOT NULL,
    since timestamptz NOT NULL
);

-- An email that belongs to a confirmation goes to the confirmation's address, and not without it. Its recipient need not
-- be a user yet.
SET LOCAL lock_timeout = '2s';
ALTER TABLE outbox
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN confirmation_id uuid CONSTRAINT outbox_confirmation_id_fkey REFERENCES confirmations (id) ON DELETE CASCADE,
    ADD CONSTRAINT outbox_recipient_check CHECK (user_id IS NOT NULL OR confirmation_id IS NOT NULL) NOT VALID;
CREATE INDEX outbox_confirmation_id_idx ON outbox (confirmation_id) WHERE confirmation_id IS NOT NULL;
