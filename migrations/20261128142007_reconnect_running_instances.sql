-- Instances of the version before hold prepared statements, which Postgres refuses once the collation of a column in
-- their result has changed ("cached plan must not change result type"). Ending their idle connections makes them connect
-- again; those at work end their transaction first. Where the runtime role is another one, its connections are left
-- alone: restart the instances.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = 'heirloom' AND state = 'idle'
  AND pid <> pg_backend_pid();
