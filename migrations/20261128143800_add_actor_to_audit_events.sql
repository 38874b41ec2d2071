-- What the actor of an event is: 'user' (and then actor_id says which), 'operator' (the command line), 'server', or
-- 'anonymous'. None: the event was recorded by a version before this one, whose tag does not cover the column.
--
-- No check constraint: it would read every event under a lock that recording waits for. The tag covers the column
-- wherever it holds anything, so that `heirloom audit verify` names an event whose actor was changed.
ALTER TABLE audit_events ADD COLUMN actor text;
