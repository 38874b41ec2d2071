-- Count changes of the address and of second factors: a confirmation that was requested before a change is void.
SET LOCAL lock_timeout = '2s';
ALTER TABLE users
    ADD COLUMN email_version integer NOT NULL DEFAULT 0,
    ADD COLUMN factor_version integer NOT NULL DEFAULT 0;
