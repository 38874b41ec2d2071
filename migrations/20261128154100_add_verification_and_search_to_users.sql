-- When the address was verified; null: unknown, or not verified. Imports keep what the other system knew.
--
-- search_text is what a search for users compares (identity::search_text): its normalization is our code's, not the
-- database's. Null: to be filled in. Instances do so in batches, and before a search; a version before this one adds users
-- without it, and a change of name by such a version empties it.
SET LOCAL lock_timeout = '2s';
ALTER TABLE users
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN search_text text COLLATE "C";

CREATE FUNCTION empty_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER users_search_text BEFORE UPDATE ON users FOR EACH ROW
    WHEN ((NEW.email, NEW.name) IS DISTINCT FROM (OLD.email, OLD.name) AND NEW.search_text IS NOT DISTINCT FROM OLD.search_text)
    EXECUTE FUNCTION empty_search_text();
