-- Each event bears a tag from its beginning, and gets a place in a chain soon after (docs/adr/0019).
ALTER TABLE audit_events
    -- HMAC over the event, made by the instance that recorded it. None: of a version that made none, or not ours.
    ADD COLUMN tag bytea,
    -- Its place, and the HMAC over it, the event, and the hash before. None: not yet chained.
    ADD COLUMN seq bigint,
    ADD COLUMN hash bytea,
    ADD CONSTRAINT audit_events_seq_check CHECK ((seq IS NULL) = (hash IS NULL));

CREATE INDEX audit_events_seq_idx ON audit_events (seq, id);
CREATE INDEX audit_events_unchained_idx ON audit_events (at, id) WHERE seq IS NULL;

-- Where the chain ends: one row. Whoever holds its lock chains; nobody who records an event takes it.
CREATE TABLE audit_chain_head (
    singleton boolean NOT NULL DEFAULT true,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    -- Events up to this place may be without a tag: they were there before there were tags.
    untagged_until bigint NOT NULL,
    -- HMAC over the above. None: nothing was ever chained.
    tag bytea,
    CONSTRAINT audit_chain_head_pkey PRIMARY KEY (singleton),
    CONSTRAINT audit_chain_head_singleton_check CHECK (singleton)
);
INSERT INTO audit_chain_head (seq, hash, untagged_until) VALUES (0, '', 0);

-- What was dropped with its month: a run of places without a gap, and the hash that the next place was chained to.
CREATE TABLE audit_chain_anchors (
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    hash bytea NOT NULL,
    month date NOT NULL,
    dropped_at timestamptz NOT NULL,
    tag bytea NOT NULL,
    CONSTRAINT audit_chain_anchors_pkey PRIMARY KEY (first_seq),
    CONSTRAINT audit_chain_anchors_last_seq_check CHECK (last_seq >= first_seq)
);

-- Append-only: against mistakes, not against the owner of the table, whom only the chain convicts.
CREATE FUNCTION refuse_to_change_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL
        AND to_jsonb(OLD) - '{seq,hash}'::text[] = to_jsonb(NEW) - '{seq,hash}'::text[] THEN
        RETURN NEW;
    END IF;
    -- From the default table into that of its month.
    IF TG_OP = 'DELETE' AND current_setting('heirloom.moves_audit_events', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_to_change_audit_events();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit_events();
