-- Each event has a number in a series of the process that recorded it, inside its tag: an event that was removed before
-- it got its place in the chain leaves a gap (docs/adr/0043). None: recorded by a version before this one.
--
-- Columns without a default: no row is written. Recording waits for the lock as long as a transaction reads the log.
SET LOCAL lock_timeout = '2s';
ALTER TABLE audit_events
    -- Of one process and one month.
    ADD COLUMN series uuid,
    -- From one, in the order of recording.
    ADD COLUMN number bigint,
    -- Every event of the series up to this number was committed, but for those that were rolled back.
    ADD COLUMN settled bigint,
    -- The numbers whose transactions were rolled back, of those that no committed event lists yet.
    ADD COLUMN rolled_back bigint[];
