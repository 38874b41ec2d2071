-- no-transaction
-- Finds the sessions that an event of a provider ends, also those of users from whom the identity was disconnected since.
-- A rotation writes none of these columns.
CREATE INDEX CONCURRENTLY sessions_identity_idx ON sessions (identity_issuer, identity_subject)
    WHERE identity_issuer IS NOT NULL AND revoked_at IS NULL;
