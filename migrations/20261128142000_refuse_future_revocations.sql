-- Sessions opened up to a moment of this table are revoked. A moment in the future would also revoke sessions that have
-- yet to be opened: nobody could sign in any more.
--
-- A trigger, not a CHECK: a restore brings back the rows before it creates triggers, so that it also works on a machine
-- whose clock is behind. `heirloom` passes over such rows when it reads.
DELETE FROM everyone_revocations WHERE revoked_at > clock_timestamp();

CREATE FUNCTION refuse_future_revocations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revoked_at > clock_timestamp() THEN
        RAISE EXCEPTION 'everyone_revocations: % is in the future', NEW.revoked_at USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER everyone_revocations_not_in_the_future BEFORE INSERT OR UPDATE ON everyone_revocations
    FOR EACH ROW EXECUTE FUNCTION refuse_future_revocations();
