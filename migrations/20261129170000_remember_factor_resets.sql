-- When an administrator last removed the second factors of a user who has none since. Who had that done may not be the
-- user: the next factor is set up with a code that goes to the user's address.
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN factors_reset_at timestamptz;
