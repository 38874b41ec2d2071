//! Which folders are used, which are refused, and which are left as they are.

use crate::place::{Place, are_we_root, mode, read, settings, write};
use private_postgres::{PrivatePostgres, Settings, StartError, Tenant};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
    process::Command,
};

/// As `/root` is: closed to everyone but its owner.
fn closed_folder(place: &Place) -> Settings {
    let closed = place.settings.data_dir.parent().unwrap().join("closed");
    fs::DirBuilder::new().mode(0o700).create(&closed).unwrap();
    settings(closed.join("data"))
}

#[tokio::test]
async fn below_a_folder_closed_to_others_the_cluster_of_root_is_elsewhere_and_that_of_a_user_where_it_should_be() {
    let mut place = Place::new();
    place.settings = closed_folder(&place);
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "here").await;
    postgres.stop().await.unwrap();
    assert_eq!(place.location().exists(), are_we_root());
    assert_eq!(place.home().starts_with("/var/lib/heirloom"), are_we_root());

    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["here"]);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_elsewhere_is_neither_forgotten_nor_begun_anew_by_itself() {
    let mut place = Place::new();
    place.settings = closed_folder(&place);
    if !are_we_root() {
        return; // An ordinary user's cluster is never elsewhere.
    }
    place.start(Tenant::Server).await.stop().await.unwrap();
    let (home, location) = (place.home(), fs::read_to_string(place.location()).unwrap());

    fs::remove_file(place.location()).unwrap();
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::LeftBehind { .. }), "{refusal:?}");

    fs::write(place.location(), location).unwrap();
    fs::rename(&home, home.with_extension("away")).unwrap();
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::Missing { .. }), "{refusal:?}");

    fs::rename(home.with_extension("away"), &home).unwrap();
    place.start(Tenant::Server).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_with_something_in_it_keeps_its_permissions() {
    let place = Place::new();
    fs::DirBuilder::new().mode(0o700).create(&place.settings.data_dir).unwrap();
    fs::write(place.settings.data_dir.join("something"), "else").unwrap();
    place.start(Tenant::Command).await.stop().await.unwrap();
    let found = fs::metadata(&place.settings.data_dir).unwrap();
    assert_eq!(found.mode() & 0o777, 0o700);
    assert_eq!(place.location().exists(), are_we_root(), "root's Postgres cannot pass through it");
}

fn folder_of_mode(place: &Place, bits: u32) {
    fs::create_dir_all(&place.settings.data_dir).unwrap();
    fs::set_permissions(&place.settings.data_dir, mode(bits)).unwrap();
}

///
#[tokio::test]
async fn a_data_directory_that_others_can_change_is_refused_with_the_command_that_mends_it() {
    let place = Place::below("a folder, 'quoted'");
    for bits in [0o777, 0o775, 0o722, 0o702, 0o1777] {
        folder_of_mode(&place, bits);
        let refusal = place.refusal(Tenant::Server).await;
        assert!(matches!(refusal, StartError::OpenToOthers { .. }), "{bits:o}: {refusal:?}");
        assert!(refusal.to_string().contains(&format!("{bits:04o}")), "{refusal}");
        assert!(PrivatePostgres::exists(&place.settings).is_err(), "asking says so too");
        assert_eq!(fs::read_dir(&place.settings.data_dir).unwrap().count(), 0, "nothing was created");

        let message = refusal.to_string();
        let command = message.split('`').nth(1).unwrap();
        assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
        let mode = fs::metadata(&place.settings.data_dir).unwrap().mode() & 0o022;
        assert_eq!(mode, 0, "{command}");
    }
    place.start(Tenant::Server).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_whose_data_directory_was_opened_to_others_later_is_refused_too() {
    let place = Place::new();
    place.start(Tenant::Server).await.stop().await.unwrap();
    folder_of_mode(&place, 0o777);
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::OpenToOthers { .. }), "{refusal:?}");
    assert_eq!(place.postmaster(), None, "nothing was started");
}

#[tokio::test]
async fn a_folder_that_others_can_read_but_not_change_is_used() {
    let place = Place::new();
    folder_of_mode(&place, 0o755);
    place.start(Tenant::Server).await.stop().await.unwrap();
    assert_eq!(fs::metadata(&place.settings.data_dir).unwrap().mode() & 0o777, 0o755);
}

fn plant(home: &Path, file: &str) {
    fs::create_dir_all(home.join(file).parent().unwrap()).unwrap();
    fs::write(home.join(file), "of something else").unwrap();
    fs::set_permissions(home, mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_folder_with_foreign_files_in_the_place_of_ours_is_refused_and_left_as_it_is() {
    for file in ["notes.txt", "data/PG_VERSION", "data/notes.txt"] {
        let place = Place::new();
        folder_of_mode(&place, 0o755);
        let home = place.settings.data_dir.join("postgres");
        plant(&home, file);
        if are_we_root() {
            // What is below `data` decides on the account; for it to be looked at, it must be one that may be used.
            Command::new("chown").arg("-R").arg("nobody").arg(&home).status().unwrap();
        }
        let before = fs::metadata(&home).unwrap();
        let refusal = place.refusal(Tenant::Server).await;
        assert!(matches!(refusal, StartError::ForeignFiles { .. } | StartError::Foreign { .. }), "{file}: {refusal:?}");
        let after = fs::metadata(&home).unwrap();
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()), "{file}");
        assert_eq!(fs::read_to_string(home.join(file)).unwrap(), "of something else");
    }
}

/// A backup need not hold our locks.
#[tokio::test]
async fn a_restored_cluster_is_used_once_the_operator_confirms_that_it_is_ours() {
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    write(&postgres, "backed up").await;
    postgres.stop().await.unwrap();
    for lock in ["turn.lock", "tenants.lock", "server.lock"] {
        fs::remove_file(place.home().join(lock)).unwrap();
    }
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::ForeignFiles { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("turn.lock`"), "{refusal}");

    fs::write(place.home().join("turn.lock"), "").unwrap();
    let postgres = place.start(Tenant::Server).await;
    assert_eq!(read(&postgres).await, ["backed up"]);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_lost_its_version_file_is_neither_started_nor_replaced() {
    let place = Place::new();
    place.start(Tenant::Server).await.stop().await.unwrap();
    fs::remove_file(place.data().join("PG_VERSION")).unwrap();
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::NoCluster { .. }), "{refusal:?}");
    assert!(place.data().join("global").exists(), "it is still there");
}
