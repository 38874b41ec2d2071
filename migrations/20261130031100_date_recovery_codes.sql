-- When recovery codes were created: the undo of a change of address deletes those that are as new as what a thief has set up.
-- Of those that are there nobody knows it; a default of the column alone fills in new rows, those of the version before too.
SET LOCAL lock_timeout = '2s';
ALTER TABLE recovery_codes ADD COLUMN created_at timestamptz;
ALTER TABLE recovery_codes ALTER COLUMN created_at SET DEFAULT clock_timestamp();
