-- When the user of a session last proved who they are, by more than a token: at the sign-in (null), or by a step-up since. It
-- stands behind user_agent, and a rotation does not write it: the update stays heap-only and its log as short as before. A
-- column without a default changes the catalog only.
SET LOCAL lock_timeout = '2s';
ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz;
