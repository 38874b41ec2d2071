-- The time of the guess whose wait has become an event: one event for each wait, not one for each request that is refused.
-- A later guess begins another wait, also if an instance of the version before counts it: that one uses the column
-- `told`, which a later version removes.
SET LOCAL lock_timeout = '2s';
ALTER TABLE password_guesses ADD COLUMN reported_guess_at timestamptz;
