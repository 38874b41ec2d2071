//! Clusters of version 0.1: one role for the application, and one password for it and the superuser.

use crate::place::{Place, connect, connect_as, read, write};
use private_postgres::{PrivatePostgres, Role, Tenant};
use sqlx::{Connection, PgConnection};
use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
};

const PASSWORD: &str = "0123456789abcdef0123456789abcdef";

/// Makes a running cluster what version 0.1 would have created.
async fn age(place: &Place, postgres: &PrivatePostgres) {
    let mut superuser = connect_as(postgres, Role::Superuser).await;
    let statements = format!(
        "ALTER ROLE postgres PASSWORD '{PASSWORD}';
         ALTER ROLE heirloom PASSWORD '{PASSWORD}';
         REVOKE CONNECT ON DATABASE heirloom FROM heirloom_runtime;
         GRANT CONNECT, TEMPORARY ON DATABASE heirloom TO PUBLIC;
         DROP ROLE heirloom_runtime"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut superuser).await.unwrap();
    for (file, text) in [
        ("data/pg_hba.conf", "local all all scram-sha-256\nlocal replication all scram-sha-256\n"),
        ("data/pg_ident.conf", ""),
        ("password", &format!("{PASSWORD}\n")),
    ] {
        let (path, owner) = (place.home().join(file), fs::metadata(place.data()).unwrap());
        fs::write(&path, text).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    sqlx::raw_sql("SELECT pg_reload_conf()").execute(&mut superuser).await.unwrap();
}

async fn as_version_0_1(postgres: &PrivatePostgres) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&postgres.connect_options(Role::Owner).password(PASSWORD)).await
}

async fn assert_moved(postgres: &PrivatePostgres) {
    assert_eq!(read(postgres).await, ["of version 0.1"]);
    let mut superuser = connect_as(postgres, Role::Superuser).await;
    let passwords = "SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL";
    let passwords: i64 = sqlx::query_scalar(passwords).fetch_one(&mut superuser).await.unwrap();
    assert_eq!(passwords, 0);
    let lets_all_in = "SELECT has_database_privilege('public', 'heirloom', 'CONNECT')";
    let lets_all_in: bool = sqlx::query_scalar(lets_all_in).fetch_one(&mut superuser).await.unwrap();
    assert!(!lets_all_in);
    let mut runtime = connect_as(postgres, Role::Runtime).await;
    let is_refused = sqlx::raw_sql("DROP TABLE notes").execute(&mut runtime).await.is_err();
    assert!(is_refused);
    write(postgres, "of this version").await;
}

#[tokio::test]
async fn a_stopped_cluster_of_version_0_1_is_moved_and_loses_nothing() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "of version 0.1").await;
    age(&place, &postgres).await;
    postgres.stop().await.unwrap();

    let postgres = place.start(Tenant::Server).await;
    assert_moved(&postgres).await;
    postgres.stop().await.unwrap();
    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["of this version", "of version 0.1"]);
    postgres.stop().await.unwrap();
}

/// The program was replaced while its server runs: a command of the new version moves the cluster under it.
#[tokio::test]
async fn a_running_cluster_of_version_0_1_is_moved_while_its_server_goes_on() {
    let place = Place::new();
    let server = place.start(Tenant::Server).await;
    write(&server, "of version 0.1").await;
    age(&place, &server).await;
    let refused = async {
        while PgConnection::connect_with(&server.connect_options(Role::Owner)).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), refused).await.expect("the rules of 0.1 take effect");
    let mut before = as_version_0_1(&server).await.expect("version 0.1 signs in with its password");

    let command = place.start(Tenant::Command).await;
    assert_moved(&command).await;
    sqlx::raw_sql("SELECT * FROM notes").execute(&mut before).await.expect("its connections go on");
    let mut after = as_version_0_1(&server).await.expect("and it opens new ones");
    sqlx::raw_sql("SELECT * FROM notes").execute(&mut after).await.unwrap();
    drop((before, after));
    command.stop().await.unwrap();
    drop(connect(&server).await);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_move_that_was_cut_short_is_finished_by_the_next_start() {
    for undone in [
        "REVOKE CONNECT ON DATABASE heirloom FROM heirloom_runtime; DROP ROLE heirloom_runtime",
        "GRANT CONNECT ON DATABASE heirloom TO PUBLIC",
        "ALTER ROLE postgres PASSWORD 'shared'",
        "REVOKE CONNECT ON DATABASE heirloom FROM heirloom_runtime",
    ] {
        let place = Place::new();
        let postgres = place.start(Tenant::Server).await;
        write(&postgres, "of version 0.1").await;
        let mut superuser = connect_as(&postgres, Role::Superuser).await;
        sqlx::raw_sql(undone).execute(&mut superuser).await.unwrap();
        drop(superuser);
        postgres.stop().await.unwrap();
        let postgres = place.start(Tenant::Server).await;
        assert_moved(&postgres).await;
        postgres.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_cluster_whose_first_start_was_cut_short_gets_its_database() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    let superuser = postgres.connect_options(Role::Superuser).database("postgres");
    let mut superuser = PgConnection::connect_with(&superuser).await.unwrap();
    sqlx::raw_sql("DROP DATABASE heirloom").execute(&mut superuser).await.unwrap();
    drop(superuser);
    postgres.stop().await.unwrap();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "of version 0.1").await;
    assert_moved(&postgres).await;
    postgres.stop().await.unwrap();
}
