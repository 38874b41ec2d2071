-- The functions for the months of the audit log may be called by any role that may record events, and by no other: a
-- server whose role was granted rights on the tables only keeps its log going.
CREATE OR REPLACE FUNCTION audit_lock_months() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- The functions run as the owner: the role that asks is that of the session.
    IF NOT has_table_privilege(session_user, 'audit_events', 'INSERT') THEN
        RAISE EXCEPTION 'only a role that may record events may prepare their months'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM audit_retention FOR UPDATE SKIP LOCKED;
    RETURN FOUND;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION audit_lock_months() SET search_path = %I, pg_temp', current_schema());
    ALTER FUNCTION audit_lock_months() SET timezone = 'UTC';
END $$;

-- The lock itself stays with the owner: who could take it could keep months from being created.
GRANT EXECUTE ON FUNCTION audit_prepare_months() TO PUBLIC;
GRANT EXECUTE ON FUNCTION audit_drop_month(date) TO PUBLIC;
