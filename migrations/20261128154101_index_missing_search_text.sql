-- no-transaction
-- Finds the users whose search_text is to be filled in: usually none.
CREATE INDEX CONCURRENTLY users_search_text_missing_idx ON users (id) WHERE search_text IS NULL;
