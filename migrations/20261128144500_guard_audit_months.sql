-- The server's role needs no right to create or drop tables, and cannot drop months of the audit log that are to be kept
-- (docs/adr, "Two roles in the database"): functions of the owner create and drop them, within fixed bounds.
--
-- Instances of the version before go on: they run as the owner, and create and drop months by themselves.

-- One row. Its lock is the right to create or drop months.
CREATE TABLE audit_retention (
    singleton boolean NOT NULL DEFAULT true,
    -- A month is kept for so long after its end. Only the owner sets it: `heirloom migrate`, from HEIRLOOM_AUDIT_RETENTION.
    period interval NOT NULL,
    CONSTRAINT audit_retention_pkey PRIMARY KEY (singleton),
    CONSTRAINT audit_retention_singleton_check CHECK (singleton),
    CONSTRAINT audit_retention_period_check CHECK (period >= interval '1 day')
);
INSERT INTO audit_retention (period) VALUES (interval '400 days');

CREATE OR REPLACE FUNCTION refuse_to_change_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL
        AND to_jsonb(OLD) - '{seq,hash}'::text[] = to_jsonb(NEW) - '{seq,hash}'::text[] THEN
        RETURN NEW;
    END IF;
    -- From the default table into that of its month. The setting guards against mistakes; any role can make it, so that
    -- only the owner is believed, as whom audit_prepare_months() runs.
    IF TG_OP = 'DELETE' AND current_setting('heirloom.moves_audit_events', true) = 'on'
        AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'restrict_violation';
END $$;

-- Takes the lock on months until the transaction ends. False: another instance has it.
CREATE FUNCTION audit_lock_months() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM FROM audit_retention FOR UPDATE SKIP LOCKED;
    RETURN FOUND;
END $$;

-- Creates the tables of this month and the next two, and of months that events came from without one: at most a year
-- beyond what is kept, so that invented events cannot create tables without end. Returns how many.
CREATE FUNCTION audit_prepare_months() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    this constant timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    first timestamp;
    name text;
    bounds text[];
    created integer := 0;
BEGIN
    IF NOT audit_lock_months() THEN
        RETURN 0;
    END IF;
    FOR first IN
        SELECT this + n * interval '1 month' FROM generate_series(0, 2) AS n
        UNION
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM audit_events_default
        WHERE at >= now() - (SELECT period FROM audit_retention) - interval '1 year' AND at < now() + interval '1 year'
        ORDER BY 1
    LOOP
        name := 'audit_events_' || to_char(first, 'YYYY_MM');
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'audit_events'::regclass AND c.relname = name);
        bounds := ARRAY[first || '+00', (first + interval '1 month') || '+00'];
        EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        PERFORM set_config('heirloom.moves_audit_events', 'on', true);
        EXECUTE format(
            'WITH moved AS (DELETE FROM audit_events_default WHERE at >= %L AND at < %L RETURNING *)
             INSERT INTO %I SELECT * FROM moved', bounds[1], bounds[2], name);
        PERFORM set_config('heirloom.moves_audit_events', 'off', true);
        -- Attached rather than created in place: that takes no lock that recording waits for.
        EXECUTE format(
            'ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, bounds[1], bounds[2]);
        created := created + 1;
    END LOOP;
    RETURN created;
END $$;

-- Drops a month, if it has been kept for long enough, everything in it has its position in the chain, and anchors say
-- what the rest is chained to. False: there is no such month, or another instance is at it.
CREATE FUNCTION audit_drop_month(month date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    first constant timestamp := date_trunc('month', month::timestamp);
    name constant text := 'audit_events_' || to_char(first, 'YYYY_MM');
    table_of_month regclass;
    is_bare boolean;
BEGIN
    IF NOT audit_lock_months() THEN
        RETURN false;
    END IF;
    SELECT c.oid INTO table_of_month FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'audit_events'::regclass AND c.relname = name;
    IF table_of_month IS NULL THEN
        RETURN false;
    END IF;
    IF (first + interval '1 month') AT TIME ZONE 'UTC' + (SELECT period FROM audit_retention) > now() THEN
        RAISE EXCEPTION 'the events of % are to be kept', to_char(first, 'YYYY-MM') USING ERRCODE = 'restrict_violation';
    END IF;
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %s AS e WHERE e.seq IS NULL OR NOT EXISTS (
             SELECT FROM audit_chain_anchors AS a WHERE e.seq BETWEEN a.first_seq AND a.last_seq))', table_of_month)
    INTO is_bare;
    IF is_bare THEN
        RAISE EXCEPTION 'events of % have no position or no anchor', to_char(first, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation';
    END IF;
    EXECUTE format('DROP TABLE %s', table_of_month);
    RETURN true;
END $$;

-- They run as the owner: nobody else's objects may be taken for those that are named (pg_catalog comes first by itself,
-- temporary tables last), and nobody else may call them
-- unless the owner lets them.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOREACH function IN ARRAY ARRAY[
        'audit_lock_months()', 'audit_prepare_months()', 'audit_drop_month(date)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
        EXECUTE format('ALTER FUNCTION %s SET timezone = ''UTC''', function);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', function);
    END LOOP;
    -- Recording must not wait for them.
    ALTER FUNCTION audit_prepare_months() SET lock_timeout = '200ms';
    ALTER FUNCTION audit_drop_month(date) SET lock_timeout = '200ms';
END $$;
