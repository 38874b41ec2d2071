-- A user who came from another provider without an address (HEIRLOOM_ALLOW_NO_EMAIL). The constraint users_email_key lets any
-- number of them be.
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
-- Nobody reads an address that is not there.
ALTER TABLE users ADD CONSTRAINT users_verified_address_check CHECK (email IS NOT NULL OR email_verified_at IS NULL) NOT VALID;
