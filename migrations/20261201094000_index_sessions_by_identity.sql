-- no-transaction
-- Finds the sessions that an event of a provider ends, also those of users from whom the identity was disconnected since.
-- A rotation writes none of these columns. It may be there: a server that was stopped while it was built leaves the work to
-- Postgres, and does not record it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_identity_idx ON sessions (identity_issuer, identity_subject)
    WHERE identity_issuer IS NOT NULL AND revoked_at IS NULL;
