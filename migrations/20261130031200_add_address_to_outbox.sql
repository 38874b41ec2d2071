-- Where an email goes that was enqueued before its user's address was changed: to the one who had the address then. Null: to
-- the address that the user has when it is sent.
SET LOCAL lock_timeout = '2s';
ALTER TABLE outbox ADD COLUMN email text COLLATE "C";
