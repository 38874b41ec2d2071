-- What one transaction or one instance at a time may do is decided by locks on rows and tables of ours, which take a
-- privilege. Any role that may connect can take any advisory lock (docs/adr/0036).
CREATE TABLE locks (
    name text COLLATE "C" NOT NULL CONSTRAINT locks_pkey PRIMARY KEY
);
INSERT INTO locks (name) VALUES ('admins'), ('audit_months');

-- Background tasks that one instance does for all: when it last began, and when it was last done.
CREATE TABLE background_tasks (
    name text COLLATE "C" NOT NULL CONSTRAINT background_tasks_pkey PRIMARY KEY,
    begun_at timestamptz NOT NULL,
    done_at timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO background_tasks (name, begun_at, done_at) VALUES ('sweep', now(), now());

-- Events that a user can cause as often as they like: when the last one of a session was recorded.
CREATE TABLE repeated_events (
    session_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT repeated_events_pkey PRIMARY KEY (session_id, kind)
);
CREATE INDEX repeated_events_recorded_at_idx ON repeated_events (recorded_at);
