-- The secret of the app that is set up with a challenge, sealed. It belongs to the challenge: another sign-in with the same
-- password neither sees nor replaces it.
SET LOCAL lock_timeout = '2s';
ALTER TABLE sign_in_challenges ADD COLUMN sealed bytea;
