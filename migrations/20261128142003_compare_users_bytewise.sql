-- Text compares byte by byte (COLLATE "C"): a database's own collation is a library of the operating system, and with
-- its next version an index finds other rows. Addresses are canonical (EmailAddress), so that bytes are what is meant.
--
-- A column's collation is an entry in the catalogue. Postgres keeps an index that has the collation already, and rebuilds
-- every other one: therefore the old key goes first, and the one built before takes its name. The lock on the table lasts
-- for milliseconds; where a long transaction is in the way, it is given up and tried again, so that no sign-in queues
-- behind it.
SET LOCAL lock_timeout = '2s';
ALTER TABLE users DROP CONSTRAINT users_email_key;
-- Checks on a column are checked again when its type is set: they are added back without, and validated afterwards.
ALTER TABLE users DROP CONSTRAINT users_language_check;
ALTER TABLE users
    ALTER COLUMN email TYPE text COLLATE "C",
    ALTER COLUMN name TYPE text COLLATE "C",
    ALTER COLUMN password_hash TYPE text COLLATE "C",
    ALTER COLUMN roles TYPE text[] COLLATE "C",
    ALTER COLUMN blocked_reason TYPE text COLLATE "C",
    ALTER COLUMN language TYPE text COLLATE "C",
    ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_bytewise_key,
    ADD CONSTRAINT users_language_check CHECK (length(language) <= 35) NOT VALID;
