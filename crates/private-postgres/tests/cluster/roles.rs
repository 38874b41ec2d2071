//! Who may sign in, and what each role may do.

use crate::place::{Place, are_we_root, connect, connect_as, refusal_of, show};
use private_postgres::{PrivatePostgres, Role, Tenant};
use sqlx::{Connection, PgConnection};
use std::{os::unix::process::CommandExt, process::Command};

#[tokio::test]
async fn no_role_has_a_password_and_those_of_the_application_are_no_superusers() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    let mut superuser = connect_as(&postgres, Role::Superuser).await;
    let with_password = "SELECT rolname::text FROM pg_authid WHERE rolpassword IS NOT NULL";
    let with_password: Vec<String> = sqlx::query_scalar(with_password).fetch_all(&mut superuser).await.unwrap();
    assert_eq!(with_password, Vec::<String>::new());
    let privileged = "SELECT rolname::text FROM pg_roles
        WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls ORDER BY 1";
    let privileged: Vec<String> = sqlx::query_scalar(privileged).fetch_all(&mut superuser).await.unwrap();
    assert_eq!(privileged, ["postgres"]);
    drop(superuser);
    assert_eq!(show(&postgres, "is_superuser").await, "off");
    assert!(!place.home().join("password").exists());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn the_runtime_role_can_neither_create_nor_drop_nor_become_another_role() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    let mut owner = connect(&postgres).await;
    sqlx::raw_sql("CREATE TABLE notes (note text)").execute(&mut owner).await.unwrap();
    let mut runtime = connect_as(&postgres, Role::Runtime).await;
    for statement in [
        "CREATE TABLE other (x int)",
        "CREATE TEMPORARY TABLE other (x int)",
        "CREATE SCHEMA other",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP TABLE notes",
        "SELECT * FROM notes",
        "SET ROLE heirloom",
        "SET ROLE postgres",
        "CREATE ROLE other",
        "CREATE DATABASE other",
        "ALTER ROLE heirloom SUPERUSER",
        "ALTER SYSTEM SET log_statement = 'all'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
    ] {
        assert_eq!(refusal_of(&mut runtime, statement).await, "42501", "{statement}");
    }
    sqlx::raw_sql("GRANT SELECT ON notes TO heirloom_runtime").execute(&mut owner).await.unwrap();
    sqlx::raw_sql("SELECT * FROM notes").execute(&mut runtime).await.unwrap();
    drop((owner, runtime));
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_role_that_the_operator_adds_needs_its_own_password_and_is_let_in_nowhere_by_itself() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    let mut superuser = connect_as(&postgres, Role::Superuser).await;
    let add = "CREATE ROLE backup LOGIN PASSWORD 'correct horse'; CREATE ROLE other LOGIN";
    sqlx::raw_sql(add).execute(&mut superuser).await.unwrap();
    let refused = |role: &str, password: &str| {
        let options = postgres.connect_options(Role::Owner).username(role).password(password);
        async move {
            let refused = PgConnection::connect_with(&options).await.err()?;
            Some(refused.as_database_error().unwrap().code().unwrap().into_owned())
        }
    };
    assert_eq!(refused("backup", "wrong").await.as_deref(), Some("28P01"));
    assert_eq!(refused("other", "").await.as_deref(), Some("28P01"));
    assert_eq!(refused("backup", "correct horse").await.as_deref(), Some("42501"), "not allowed to connect");
    sqlx::raw_sql("GRANT CONNECT ON DATABASE heirloom TO backup").execute(&mut superuser).await.unwrap();
    assert_eq!(refused("backup", "correct horse").await, None);
    drop(superuser);
    postgres.stop().await.unwrap();
}

/// Signs in with `psql` as Postgres' own account, which may enter the folder of the socket, but is not ours.
fn as_postgres_account(place: &Place, postgres: &PrivatePostgres, role: Role) -> String {
    let account = std::fs::metadata(place.data()).unwrap();
    let owner = postgres.connect_options(Role::Owner);
    let mut command = Command::new("psql");
    command.arg("-h").arg(owner.get_socket().unwrap()).args(["-U", role.name(), "-w", "-c", "SELECT 1", "heirloom"]);
    let ids = [std::os::unix::fs::MetadataExt::uid(&account), std::os::unix::fs::MetadataExt::gid(&account)];
    let output = command.uid(ids[0]).gid(ids[1]).current_dir("/").output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn another_account_of_the_machine_is_not_let_in() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    // An ordinary user's Postgres runs as that user: there is no other account that reaches the socket.
    if are_we_root() {
        for role in [Role::Superuser, Role::Owner, Role::Runtime] {
            let refusal = as_postgres_account(&place, &postgres, role);
            assert!(refusal.contains("Peer authentication failed"), "{role:?}: {refusal}");
        }
    }
    postgres.stop().await.unwrap();
}
