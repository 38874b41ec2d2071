-- As for users. The keys of the first two tables are rebuilt, which takes no time: they hold a few rows. The others have
-- no index on a text.
SET LOCAL lock_timeout = '2s';
ALTER TABLE signing_keys
    ALTER COLUMN id TYPE text COLLATE "C",
    ALTER COLUMN algorithm TYPE text COLLATE "C";
ALTER TABLE hourly_counts ALTER COLUMN kind TYPE text COLLATE "C";
ALTER TABLE outbox ALTER COLUMN notice TYPE text COLLATE "C";
ALTER TABLE audit_events
    ALTER COLUMN kind TYPE text COLLATE "C",
    ALTER COLUMN user_agent TYPE text COLLATE "C",
    ALTER COLUMN request_id TYPE text COLLATE "C";
