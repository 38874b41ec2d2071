-- By what authenticators know a user: 32 random bytes, so that they reveal neither the id nor the address.
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN webauthn_handle bytea;
