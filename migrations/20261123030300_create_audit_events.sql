-- What happened, to whom, from where. Append-only: no statement of ours changes or removes a row.
CREATE TABLE audit_events (
    id uuid NOT NULL CONSTRAINT audit_events_pkey PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    -- Who did it; none for strangers and for the command line.
    actor_id uuid,
    -- To whom. No foreign keys: an event outlives what it tells of.
    user_id uuid,
    session_id uuid,
    ip inet,
    user_agent text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, id);
CREATE INDEX audit_events_session_id_idx ON audit_events (session_id, id);
