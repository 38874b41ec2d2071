-- Before addresses get an index that compares byte by byte: are they unique? An index that was built with one version of
-- a collation and used with another lets the same address in twice. Reads the whole table, and locks nothing.
DO $$
DECLARE
    duplicates text;
BEGIN
    SELECT string_agg(ids, '; ') INTO duplicates FROM (
        SELECT string_agg(id::text, ', ' ORDER BY created_at, id) AS ids
        FROM users GROUP BY email COLLATE "C" HAVING count(*) > 1 ORDER BY min(created_at) LIMIT 20
    ) AS groups;
    IF duplicates IS NOT NULL THEN
        RAISE EXCEPTION 'several users have the same e-mail address (users by id, the oldest first): %. '
            'The index on addresses missed it after the collation library of the operating system had changed. Keep one '
            'of each, and delete the others or give them another address (UPDATE users SET email = … WHERE id = …; '
            'DELETE FROM users WHERE id = …), run REINDEX TABLE users, then run `heirloom migrate` again', duplicates
            USING ERRCODE = 'unique_violation';
    END IF;
END $$;
