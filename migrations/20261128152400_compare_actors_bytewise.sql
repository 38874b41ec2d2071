-- As 20261128142006, for the column that came after it.
SET LOCAL lock_timeout = '2s';
ALTER TABLE audit_events ALTER COLUMN actor TYPE text COLLATE "C";
