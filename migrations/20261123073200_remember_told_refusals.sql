-- Whether the wait that is on has become an event: one for each wait, not one for each request that is refused.
ALTER TABLE password_guesses ADD COLUMN told boolean NOT NULL DEFAULT false;
