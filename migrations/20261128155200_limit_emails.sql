-- One row for each user who ever received an email: locked while the emails of its user are counted and one is added, so
-- that parallel requests do not exceed the limits.
CREATE TABLE email_recipients (
    user_id uuid NOT NULL CONSTRAINT email_recipients_pkey PRIMARY KEY
        CONSTRAINT email_recipients_user_id_fkey REFERENCES users (id) ON DELETE CASCADE
);

-- When an email was given up: refused for good by the mail server, or attempted too often. The table keeps a week of
-- emails, so that the index is created quickly.
ALTER TABLE outbox ADD COLUMN abandoned_at timestamptz;
CREATE INDEX outbox_waiting_idx ON outbox (user_id, due_at) WHERE sent_at IS NULL AND abandoned_at IS NULL;
