-- How often a password was guessed lately, by bucket: an account, an address, a device. Counted before the password is
-- verified, so that neither parallel attempts nor several instances nor a restart beat the limit.
CREATE TABLE password_guesses (
    -- HMAC-SHA-256 of what is counted: the table names neither people nor addresses.
    bucket bytea CONSTRAINT password_guesses_pkey PRIMARY KEY
        CONSTRAINT password_guesses_bucket_check CHECK (octet_length(bucket) = 32),
    failures integer NOT NULL,
    last_at timestamptz NOT NULL
) WITH (fillfactor = 70);
