//! Two roles in the database: an owner that migrates, and one that reads and writes rows and serves.

use heirloom_testing::{Home, Ran};
use private_postgres::Role;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, postgres::PgConnectOptions};

const MASTER_KEY: (&str, &str) = ("HEIRLOOM_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
/// With what a URL has to encode.
const SECRET: &str = "p@ss/w?rd é";

/// A database of an administrator's, as Heirloom finds it elsewhere than in its private Postgres.
struct Elsewhere {
    home: Home,
    admin: PgConnectOptions,
}

impl Elsewhere {
    async fn new() -> Self {
        let home = Home::start().await.with(MASTER_KEY.0, MASTER_KEY.1);
        let here = Self { admin: home.options(Role::Superuser).database("elsewhere"), home };
        here.execute_in("postgres", "CREATE DATABASE elsewhere").await;
        here
    }

    async fn execute_in(&self, database: &str, statements: &str) {
        let mut connection = self.admin.clone().database(database).connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    }

    async fn connect_as(&self, role: &str) -> PgConnection {
        self.admin.clone().username(role).password(SECRET).connect().await.unwrap()
    }

    fn url_of(&self, role: &str, password: &str) -> String {
        self.admin.clone().username(role).password(password).to_url_lossy().into()
    }

    /// Runs a command; the server's role is `app`, and the owner the role that this names.
    fn run_as(&self, owner: Option<&str>, arguments: &[&str], typed: &str) -> Ran {
        let mut command = self.home.command(arguments);
        command.env("DATABASE_URL", self.url_of("app", SECRET));
        command.envs(owner.map(|owner| ("HEIRLOOM_DATABASE_URL_OWNER", self.url_of(owner, SECRET))));
        Ran::of(&mut command, typed)
    }

    /// Runs a command as the server's role.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as(None, arguments, "plum-garage-velvet-9\n")
    }

    async fn owners(&self) -> Vec<String> {
        let mut connection = self.admin.connect().await.unwrap();
        let owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class
                      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                      UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
        sqlx::query_scalar(owners).fetch_all(&mut connection).await.unwrap()
    }
}

async fn refusal(connection: &mut PgConnection, statement: &str) -> String {
    let refused = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await;
    let refused = refused.expect_err(statement);
    refused.as_database_error().unwrap().code().unwrap().into_owned()
}

/// A-68, C-12.
#[tokio::test]
async fn a_superuser_creates_both_roles_once_and_every_command_runs_without_the_owner() {
    let here = Elsewhere::new().await;
    let first = here.run_as(Some("postgres"), &["migrate", "--roles", "--json"], "").done().json();
    assert_eq!(first["runtime_role"], "app");
    assert!(!first["applied"].as_array().unwrap().is_empty());
    let again = here.run_as(Some("postgres"), &["migrate", "--roles", "--json"], "").done().json();
    assert_eq!(again["applied"].as_array().unwrap().len(), 0);
    assert_eq!(here.owners().await, ["heirloom_owner"]);

    for arguments in [
        &["migrate"][..],
        &["user", "add", "root@example.com", "--admin"],
        &["user", "list"],
        &["user", "set-password", "root@example.com"],
        &["user", "export"],
        &["keys", "rotate"],
        &["keys", "list"],
        &["sessions", "revoke", "--everyone", "--yes"],
        &["audit", "export"],
        &["audit", "verify"],
        &["sweep"],
    ] {
        assert_eq!(here.run(arguments).code, 0, "{arguments:?}: {:?}", here.run(arguments));
    }
    let checked = here.run(&["check"]).expect(0).stdout;
    assert!(!checked.contains("owns") && !checked.contains("superuser"), "{checked}");
}

/// C-12.
#[tokio::test]
async fn the_role_of_the_server_can_neither_change_the_schema_nor_rewrite_the_audit_log() {
    let here = Elsewhere::new().await;
    here.run_as(Some("postgres"), &["migrate", "--roles"], "").done();
    here.run(&["user", "add", "root@example.com", "--admin"]).expect(0);
    here.run(&["audit", "verify"]).expect(0);
    let mut app = here.connect_as("app").await;
    for (statement, code) in [
        ("CREATE TABLE t (x int)", "42501"),
        ("DROP TABLE sessions", "42501"),
        ("ALTER TABLE users ADD COLUMN x int", "42501"),
        ("TRUNCATE audit_events", "42501"),
        ("DELETE FROM audit_events", "42501"),
        ("UPDATE audit_events SET kind = 'x'", "42501"),
        ("UPDATE audit_events SET seq = seq + 1", "23001"),
        ("SET heirloom.moves_audit_events = 'on'; DELETE FROM audit_events_default", "42501"),
        ("DELETE FROM audit_chain_anchors", "42501"),
        ("DELETE FROM audit_chain_head", "42501"),
        ("UPDATE audit_retention SET period = '1 day'", "42501"),
        ("UPDATE heirloom_migrations SET success = false", "42501"),
        ("SELECT audit_drop_month(current_date)", "23001"),
        ("SELECT audit_drop_month((current_date - interval '1 month')::date)", ""),
        ("SET ROLE heirloom_owner", "42501"),
        ("ALTER FUNCTION audit_drop_month(date) SECURITY INVOKER", "42501"),
        ("CREATE OR REPLACE FUNCTION audit_lock_months() RETURNS boolean LANGUAGE sql AS 'SELECT true'", "42501"),
    ] {
        if code.is_empty() {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut app).await.unwrap();
        } else {
            assert_eq!(refusal(&mut app, statement).await, code, "{statement}");
        }
    }
    here.run(&["audit", "verify"]).expect(0);
}

#[tokio::test]
async fn an_old_month_is_dropped_only_once_it_is_anchored() {
    let here = Elsewhere::new().await;
    here.run_as(Some("postgres"), &["migrate", "--roles"], "").done();
    here.run(&["user", "add", "root@example.com", "--admin"]).expect(0);
    let mut app = here.connect_as("app").await;
    let invent = |at: &str| {
        format!(
            "INSERT INTO audit_events (id, at, kind) VALUES (gen_random_uuid(), now() + interval '{at}', 'signed_in')"
        )
    };
    let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass";
    for at in ["-450 days", "-900 years", "900 years"] {
        sqlx::raw_sql(AssertSqlSafe(invent(at))).execute(&mut app).await.unwrap();
    }
    let before: i64 = sqlx::query_scalar(count).fetch_one(&mut app).await.unwrap();
    sqlx::raw_sql("SELECT audit_prepare_months()").execute(&mut app).await.unwrap();
    let after: i64 = sqlx::query_scalar(count).fetch_one(&mut app).await.unwrap();
    assert_eq!(after - before, 1, "invented events create no tables without end");
    let long_ago = "SELECT audit_drop_month((now() - interval '450 days')::date)";
    assert_eq!(refusal(&mut app, long_ago).await, "23001", "it has no position");
    here.run(&["audit", "verify"]);
    assert_eq!(refusal(&mut app, long_ago).await, "23001", "it has no anchor");
    here.run(&["sweep"]).expect(0);
    let swept: i64 = sqlx::query_scalar(count).fetch_one(&mut app).await.unwrap();
    assert_eq!(swept, before, "the server anchors and drops it");
}

/// C-13.
#[tokio::test]
async fn a_database_that_a_superuser_migrated_passes_to_the_owner_with_its_content() {
    let here = Elsewhere::new().await;
    let as_superuser = |arguments: &[&str], typed: &str| {
        Ran::of(here.home.command(arguments).env("DATABASE_URL", here.url_of("postgres", "")), typed)
    };
    as_superuser(&["migrate"], "").expect(0);
    as_superuser(&["user", "add", "root@example.com", "--admin"], "plum-garage-velvet-9\n").expect(0);
    let checked = as_superuser(&["check"], "").expect(0).stdout;
    assert!(checked.contains("is a superuser"), "{checked}");
    assert_eq!(here.owners().await, ["postgres"]);

    here.run_as(Some("postgres"), &["migrate", "--roles"], "").done();
    assert_eq!(here.owners().await, ["heirloom_owner"]);
    assert!(here.run(&["user", "list"]).done().stdout.contains("root@example.com"));
    here.run(&["audit", "verify"]).expect(0);
    here.run_as(Some("postgres"), &["migrate"], "").done();
    assert_eq!(here.owners().await, ["heirloom_owner"]);
}

/// C-13.
#[tokio::test]
async fn an_owner_that_may_not_create_roles_learns_what_is_missing_and_continues_once_it_exists() {
    let here = Elsewhere::new().await;
    let owner = format!("CREATE ROLE boss LOGIN PASSWORD '{SECRET}'; ALTER DATABASE elsewhere OWNER TO boss");
    here.execute_in("elsewhere", &owner).await;
    here.execute_in("elsewhere", "ALTER SCHEMA public OWNER TO boss").await;
    here.run_as(Some("boss"), &["migrate", "--roles"], "").refused(1, "CREATE ROLE app");
    assert_eq!(here.owners().await, Vec::<String>::new(), "all or nothing");

    here.execute_in("elsewhere", &format!("CREATE ROLE app LOGIN PASSWORD '{SECRET}'")).await;
    here.run_as(Some("boss"), &["migrate", "--roles"], "").done();
    assert_eq!(here.owners().await, ["boss"]);
    here.run(&["user", "add", "root@example.com", "--admin"]).expect(0);
    let checked = Ran::of(here.home.command(&["check"]).env("DATABASE_URL", here.url_of("boss", SECRET)), "");
    assert!(checked.expect(0).stdout.contains("owns the tables"));
}

/// C-13.
#[tokio::test]
async fn what_the_role_of_the_server_lacks_is_named_and_the_next_migration_grants_it() {
    let here = Elsewhere::new().await;
    here.run_as(Some("postgres"), &["migrate", "--roles"], "").done();
    here.execute_in("elsewhere", "ALTER ROLE heirloom_owner LOGIN PASSWORD 'p@ss/w?rd é'").await;
    for (right, table) in [
        ("SELECT", "users"),
        ("UPDATE", "sessions"),
        ("DELETE", "sessions"),
        ("INSERT", "audit_events"),
        ("SELECT", "heirloom_migrations"),
    ] {
        here.execute_in("elsewhere", &format!("REVOKE {right} ON {table} FROM app")).await;
        here.run(&["user", "list"]).refused(1, table);
        here.run(&["check"]).expect(1);
        let checked = here.run_as(Some("heirloom_owner"), &["check"], "").stdout;
        assert!(
            table == "heirloom_migrations" || checked.contains(&format!("lacks {right} on {table}")),
            "{right} on {table}: {checked}"
        );
        here.run_as(Some("heirloom_owner"), &["migrate"], "").done();
        here.run(&["user", "list"]).expect(0);
        here.run(&["check"]).expect(0);
    }
    // Rights to single columns are not enough.
    here.execute_in("elsewhere", "REVOKE UPDATE ON sessions FROM app; GRANT UPDATE (amr) ON sessions TO app").await;
    here.run_as(Some("heirloom_owner"), &["migrate"], "").done();
    here.run(&["check"]).expect(0);
    here.execute_in("elsewhere", "REVOKE UPDATE ON audit_chain_head FROM app").await;
    here.run(&["user", "list"]).refused(1, "UPDATE on audit_chain_head");
    here.run_as(Some("heirloom_owner"), &["migrate"], "").done();
    here.execute_in("elsewhere", "REVOKE EXECUTE ON FUNCTION audit_drop_month(date) FROM app").await;
    here.run_as(Some("heirloom_owner"), &["migrate"], "").done();
    let mut app = here.connect_as("app").await;
    sqlx::raw_sql("SELECT audit_drop_month((current_date - interval '1 month')::date)")
        .execute(&mut app)
        .await
        .unwrap();

    // The role that the server's becomes when it signs in gets nothing: that is found at once.
    here.execute_in("elsewhere", "CREATE ROLE other; GRANT other TO app; ALTER ROLE app SET role = 'other'").await;
    here.run_as(Some("heirloom_owner"), &["migrate"], "").refused(1, "the role other lacks");
}

/// C-13.
#[tokio::test]
async fn a_database_that_every_role_may_connect_to_is_reported() {
    let here = Elsewhere::new().await;
    here.run_as(Some("postgres"), &["migrate", "--roles"], "").done();
    let words = "every role of this server may connect to the database: REVOKE CONNECT ON DATABASE elsewhere";
    for (statement, is_reported) in [
        ("REVOKE CONNECT ON DATABASE elsewhere FROM PUBLIC; GRANT CONNECT ON DATABASE elsewhere TO app", false),
        ("GRANT CONNECT ON DATABASE elsewhere TO PUBLIC", true),
    ] {
        here.execute_in("postgres", statement).await;
        let checked = here.run(&["check"]).expect(0).stdout;
        assert_eq!(checked.contains(words), is_reported, "{statement}: {checked}");
    }
}

#[tokio::test]
async fn a_role_that_could_do_everything_is_refused_as_that_of_the_server() {
    let here = Elsewhere::new().await;
    let mighty = format!("CREATE ROLE app LOGIN SUPERUSER PASSWORD '{SECRET}'");
    here.execute_in("elsewhere", &mighty).await;
    here.run_as(Some("postgres"), &["migrate", "--roles"], "").refused(1, "app");
    here.run_as(Some("postgres"), &["migrate", "--roles", "--owner", "app"], "").refused(1, "app");
    assert_eq!(here.owners().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_the_owner_missing_migrations_are_reported_with_the_remedy() {
    let here = Elsewhere::new().await;
    let limited = format!("CREATE ROLE app LOGIN PASSWORD '{SECRET}'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    here.execute_in("elsewhere", &limited).await;
    here.run(&["user", "list"]).refused(1, "heirloom migrate");
    here.run(&["migrate"]).refused(1, "HEIRLOOM_DATABASE_URL_OWNER");
}

/// C-12.
#[tokio::test]
async fn the_private_postgres_has_its_roles_by_itself() {
    let home = Home::start().await;
    home.run(&["migrate", "--roles"]).refused(1, "already has its roles");
    home.add("root@example.com", &["--admin"]);
    let mut runtime = home.options(Role::Runtime).connect().await.unwrap();
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut runtime).await.unwrap();
    assert_eq!(users, 1);
    assert_eq!(refusal(&mut runtime, "DELETE FROM audit_events").await, "42501");
    assert_eq!(refusal(&mut runtime, "DROP TABLE users").await, "42501");
    let checked = home.run(&["check"]).expect(0).stdout;
    assert!(!checked.contains("owns") && !checked.contains("superuser"), "{checked}");
}
