-- no-transaction
-- The index that replaces users_email_key with the next migration. A file of its own, since CONCURRENTLY works outside
-- of a transaction only: sign-ins go on while it is built. An attempt that was broken off leaves an invalid index, which
-- is dropped before the next one (src/postgres/migrate.rs).
CREATE UNIQUE INDEX CONCURRENTLY users_email_bytewise_key ON users (email COLLATE "C");
