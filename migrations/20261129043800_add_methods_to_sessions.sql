-- By which methods the user of a session last proved who they are (RFC 8176): earlier sessions began with a password. It stands
-- behind authenticated_at, and a rotation does not change it. A constant default changes the catalog only.
SET LOCAL lock_timeout = '2s';
ALTER TABLE sessions ADD COLUMN amr text[] COLLATE "C" NOT NULL DEFAULT '{pwd}';
