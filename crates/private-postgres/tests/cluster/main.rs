//! The private Postgres from within: after any start, join, kill or crash, the next start needs no help.
//!
//! Everything here holds for root and for an ordinary user; where they differ, the test says so.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says where")]

mod environment;
mod folders;
mod log;
mod place;
mod roles;
mod upgrade;

use place::{Place, are_we_root, connect, read, show, socket_folder, write};
use private_postgres::{PrivatePostgres, Role, StartError, Tenant};
use sqlx::{Connection, PgConnection};
use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

#[tokio::test]
async fn a_first_start_makes_a_durable_cluster_without_a_tcp_port() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("max_connections", "100"),
        ("server_encoding", "UTF8"),
        ("log_timezone", "UTC"),
        ("is_superuser", "off"),
    ] {
        assert_eq!(show(&postgres, setting).await, value, "{setting}");
    }
    for (path, expected) in [("data", 0o700), ("run", 0o700), ("postgres.log", 0o600)] {
        assert_eq!(fs::metadata(place.home().join(path)).unwrap().mode() & 0o777, expected, "{path}");
    }
    let others = fs::metadata(place.home()).unwrap().mode() & 0o067;
    assert_eq!(others, 0, "the home is closed to others; as root the account's group may pass through it");
    postgres.stop().await.unwrap();
    assert_eq!(place.postmaster(), None, "stopped with its last tenant");
}

#[tokio::test]
async fn a_second_start_finds_everything() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "from before").await;
    postgres.stop().await.unwrap();

    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["from before"]);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_postgres_is_started_again_while_the_server_runs() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "committed").await;
    let killed = place.postmaster();
    let idle = connect(&postgres).await;

    place.kill_postmaster();
    let revived = async {
        while place.postmaster() == killed
            || PgConnection::connect_with(&postgres.connect_options(Role::Owner)).await.is_err()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = postgres.watch() => unreachable!("it watches permanently"),
        revived = tokio::time::timeout(Duration::from_mins(3), revived) => revived.expect("it comes back"),
    }
    assert_eq!(read(&postgres).await, ["committed"]);
    drop(idle);
    postgres.stop().await.unwrap();
    assert_eq!(place.postmaster(), None);
}

#[tokio::test]
async fn a_postgres_killed_together_with_its_server_recovers_at_the_next_start() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "committed").await;
    // A backend that is still at work holds the data directory for a moment longer than its postmaster.
    let mut busy = connect(&postgres).await;
    let busy = tokio::spawn(async move { sqlx::query("SELECT pg_sleep(2)").execute(&mut busy).await.is_ok() });
    let mut look = connect(&postgres).await;
    let at_work =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active')";
    while !sqlx::query_scalar::<_, bool>(at_work).fetch_one(&mut look).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    place.kill_postmaster();
    drop(postgres);

    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["committed"]);
    drop(busy.await);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_postgres_that_outlived_its_server_is_adopted_and_stopped_by_the_next() {
    let place = Place::new();
    let killed = place.start(Tenant::Server).await;
    let postmaster = place.postmaster().expect("it runs");
    // What a `kill -9` of the server leaves: its locks are gone and Postgres runs.
    drop(killed);

    let postgres = place.start(Tenant::Server).await;
    assert_eq!(place.postmaster(), Some(postmaster), "it is still the same");
    assert_eq!(show(&postgres, "fsync").await, "on");
    postgres.stop().await.unwrap();
    assert_eq!(place.postmaster(), None);
}

#[tokio::test]
async fn a_second_server_is_refused_with_the_process_of_the_first() {
    let place = Place::new();
    let first = place.start(Tenant::Server).await;

    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::InUse { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains(&format!("process {}", std::process::id())), "{refusal}");
    assert_eq!(show(&first, "fsync").await, "on", "the first still works");

    first.stop().await.unwrap();
    place.start(Tenant::Server).await.stop().await.unwrap();
}

#[tokio::test]
async fn who_leaves_last_stops_postgres() {
    let place = Place::new();
    let command = place.start(Tenant::Command).await;
    let postmaster = place.postmaster();
    let (server, another) = (place.start(Tenant::Server).await, place.start(Tenant::Command).await);
    assert_eq!(place.postmaster(), postmaster, "who comes later joins");

    another.stop().await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(show(&command, "fsync").await, "on", "the command is still there");
    command.stop().await.unwrap();
    assert_eq!(place.postmaster(), None);
}

#[tokio::test]
async fn ten_that_start_at_once_share_one_cluster() {
    let place = Place::new();
    let starts = (0..10).map(|_| place.start(Tenant::Command));
    let all = futures_util::future::join_all(starts).await;
    for postgres in &all {
        assert_eq!(show(postgres, "fsync").await, "on");
    }
    let stops = all.into_iter().map(PrivatePostgres::stop);
    assert!(futures_util::future::join_all(stops).await.into_iter().all(|stopped| stopped.is_ok()));
    assert_eq!(place.postmaster(), None);
}

#[tokio::test]
async fn a_stop_and_a_watch_that_is_just_reviving_do_not_fight() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    place.kill_postmaster();
    // Long enough for the watch to notice, too short for it to be done.
    drop(tokio::time::timeout(Duration::from_millis(1050), postgres.watch()).await);
    postgres.stop().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let rises_again = place.postmaster().filter(|pid| Path::new("/proc").join(pid.to_string()).exists());
    assert_eq!(rises_again, None);
}

#[tokio::test]
async fn a_long_path_has_its_socket_elsewhere_and_the_same_at_every_start() {
    let place = Place::below(&"long-".repeat(30));
    let first = place.start(Tenant::Server).await;
    let folder = socket_folder(&first).await;
    let found = fs::metadata(&folder).unwrap();
    assert!(folder.as_os_str().len() < 90, "{}", folder.display());
    assert_eq!((found.mode() & 0o777, found.uid()), (0o700, fs::metadata(place.data()).unwrap().uid()));
    drop(first);

    let joined = place.start(Tenant::Server).await;
    assert_eq!(socket_folder(&joined).await, folder);
    joined.stop().await.unwrap();

    // Who tidies /tmp may take it away.
    fs::remove_dir_all(&folder).unwrap();
    let again = place.start(Tenant::Server).await;
    assert_eq!(socket_folder(&again).await, folder);
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_may_hold_blanks_commas_and_quotes() {
    let place = Place::below("a b, 'c' \"d\" é");
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "here").await;
    postgres.stop().await.unwrap();
    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["here"]);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_socket_that_was_removed_comes_back() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    fs::remove_file(place.home().join("run/.s.PGSQL.5432")).unwrap();
    let back = async {
        while PgConnection::connect_with(&postgres.connect_options(Role::Owner)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = postgres.watch() => unreachable!("it watches permanently"),
        back = tokio::time::timeout(Duration::from_mins(3), back) => back.expect("it comes back"),
    }
    postgres.stop().await.unwrap();
}

/// A process of Postgres' own account that is no Postgres.
fn stranger(place: &Place) -> Child {
    let owner = fs::metadata(place.data()).unwrap();
    let mut command = Command::new("sleep");
    command.arg("600").current_dir("/");
    if are_we_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.spawn().unwrap()
}

#[tokio::test]
async fn a_killed_postgres_whose_process_id_now_belongs_to_a_stranger_is_started_again() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "committed").await;
    let killed = place.postmaster().unwrap().to_string();
    place.kill_postmaster();
    drop(postgres);

    let mut stranger = stranger(&place);
    for file in [place.data().join("postmaster.pid"), place.home().join("run/.s.PGSQL.5432.lock")] {
        let noted = fs::read_to_string(&file).unwrap();
        fs::write(&file, noted.replacen(&killed, &stranger.id().to_string(), 1)).unwrap();
    }
    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["committed"]);
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_initdb_left_is_swept_away() {
    let place = Place::new();
    place.start(Tenant::Server).await.stop().await.unwrap();
    fs::rename(place.data(), place.home().join("data.new.0123")).unwrap();
    place.start(Tenant::Server).await.stop().await.unwrap();
    let left = fs::read_dir(place.home()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("new")));
}

#[tokio::test]
async fn postgres_holds_neither_our_locks_nor_our_standard_streams() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    let held = format!("/proc/{}/fd", place.postmaster().unwrap());
    let held: Vec<_> = fs::read_dir(held).unwrap().map(|entry| fs::read_link(entry.unwrap().path()).unwrap()).collect();
    assert!(held.iter().any(|file| file.ends_with("postgres.log")), "{held:?}");
    assert!(!held.iter().any(|file| file.to_string_lossy().ends_with(".lock")), "{held:?}");
    assert!(!held.iter().any(|file| file.starts_with("/dev/pts")), "{held:?}");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn without_server_binaries_the_error_states_what_to_install() {
    let mut place = Place::new();
    place.settings.binaries = Some(PathBuf::from("/nowhere"));
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::NoBinaries { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("apt-get install postgresql"), "{refusal}");
}

#[tokio::test]
async fn a_cluster_of_another_version_is_not_touched() {
    let place = Place::new();
    place.start(Tenant::Command).await.stop().await.unwrap();
    fs::write(place.data().join("PG_VERSION"), "9\n").unwrap();
    let refusal = place.refusal(Tenant::Command).await;
    assert!(refusal.to_string().contains("of version 9, which created this data directory"), "{refusal}");
}

#[tokio::test]
async fn whether_there_is_a_cluster_can_be_asked_without_making_one() {
    let place = Place::new();
    assert!(!PrivatePostgres::exists(&place.settings).unwrap());
    assert!(!place.settings.data_dir.exists(), "nothing was made");
    place.start(Tenant::Command).await.stop().await.unwrap();
    assert!(PrivatePostgres::exists(&place.settings).unwrap());
}

/// A start that fails says why, with the end of Postgres' own log.
#[tokio::test]
async fn a_postgres_that_cannot_start_reports_why() {
    let place = Place::new();
    place.start(Tenant::Command).await.stop().await.unwrap();
    fs::write(place.data().join("postgresql.auto.conf"), "shared_buffers = 'much'\n").unwrap();
    let refusal = place.refusal(Tenant::Command).await;
    assert!(matches!(refusal, StartError::NotStarted { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("shared_buffers"), "{refusal}");
}
