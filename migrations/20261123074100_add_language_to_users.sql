-- The language of a person's letters: that of the browser with which they last signed in. None: English.
ALTER TABLE users ADD COLUMN language text CONSTRAINT users_language_check CHECK (length(language) <= 35);
