-- A sign-in whose password was right and whose user must set up a second factor first. Such a challenge is good for nothing
-- else, and no other one for that.
SET LOCAL lock_timeout = '2s';
ALTER TABLE sign_in_challenges
    ADD COLUMN is_enrolment boolean NOT NULL DEFAULT false,
    -- Whether a code that goes to the user's address is needed too.
    ADD COLUMN asks_email_code boolean NOT NULL DEFAULT false;
