-- A month is a table: what is older than the retention goes by DROP TABLE, and no row is ever deleted.
--
-- Instances of the version before go on: they insert into the same name, the same columns. The rows are copied, under
-- a lock that makes sign-ins wait; no rotation touches this table.
ALTER TABLE audit_events RENAME TO audit_events_before;
ALTER TABLE audit_events_before RENAME CONSTRAINT audit_events_pkey TO audit_events_before_pkey;
ALTER INDEX audit_events_user_id_idx RENAME TO audit_events_before_user_id_idx;
ALTER INDEX audit_events_session_id_idx RENAME TO audit_events_before_session_id_idx;

CREATE TABLE audit_events (
    id uuid NOT NULL,
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
    details jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_events_pkey PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, id);
CREATE INDEX audit_events_session_id_idx ON audit_events (session_id, id);

-- For events of a month that has no table yet: recording must not fail. They are moved when it gets one.
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;

-- The months there are events of, this one, and the next two. Later ones are made by the servers.
DO $$
DECLARE
    month timestamp := date_trunc('month', coalesce(
        (SELECT min(at) AT TIME ZONE 'UTC' FROM audit_events_before), now() AT TIME ZONE 'UTC'));
BEGIN
    WHILE month < (now() AT TIME ZONE 'UTC') + interval '2 months' LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)',
            'audit_events_' || to_char(month, 'YYYY_MM'), month || '+00', (month + interval '1 month') || '+00');
        month := month + interval '1 month';
    END LOOP;
END $$;

INSERT INTO audit_events (id, at, kind, actor_id, user_id, session_id, ip, user_agent, request_id, details)
SELECT id, at, kind, actor_id, user_id, session_id, ip, user_agent, request_id, details FROM audit_events_before;
DROP TABLE audit_events_before;
