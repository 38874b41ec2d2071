-- As for users. No index is on a text of this table; the check is validated afterwards, without a lock that a rotation
-- waits for.
SET LOCAL lock_timeout = '2s';
ALTER TABLE sessions DROP CONSTRAINT sessions_transport_check;
ALTER TABLE sessions
    ALTER COLUMN revoked_reason TYPE text COLLATE "C",
    ALTER COLUMN transport TYPE text COLLATE "C",
    ALTER COLUMN device_name TYPE text COLLATE "C",
    ALTER COLUMN user_agent TYPE text COLLATE "C",
    ADD CONSTRAINT sessions_transport_check CHECK (transport IN ('cookie', 'body')) NOT VALID;
