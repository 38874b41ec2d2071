-- Through which identity of another provider a session was opened; and what a sign-in that waits for its second factor has to do
-- with one.
SET LOCAL lock_timeout = '2s';
ALTER TABLE sessions
    ADD COLUMN identity_issuer text COLLATE "C",
    ADD COLUMN identity_subject text COLLATE "C";
ALTER TABLE sign_in_challenges ADD COLUMN upstream jsonb;
