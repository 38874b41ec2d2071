-- Users who are there before addresses are verified could sign in before: they count as verified.
UPDATE users SET email_verified_at = created_at WHERE email_verified_at IS NULL;
