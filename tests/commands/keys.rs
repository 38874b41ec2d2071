use heirloom_testing::Home;
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

///
#[tokio::test]
async fn a_rotation_publishes_a_key_that_signs_a_little_later() {
    let home = Home::start().await;
    let first = home.json(&["keys", "list"]);
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    assert_eq!(first["items"][0]["algorithm"], "ES256");
    assert_eq!(first["items"][0]["signs"], true);
    let fields: BTreeSet<_> = first["items"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["algorithm", "created_at", "id", "signs", "signs_from"]));

    let rotated = home.json(&["keys", "rotate"]);
    assert_eq!(rotated["key"]["signs"], false);
    let second = home.json(&["keys", "list"]);
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
    assert_eq!(second["items"][0]["id"], first["items"][0]["id"]);
    assert_eq!(second["items"][0]["signs"], true, "the old one signs until every instance knows the new one");
    assert_eq!(second["items"][1], rotated["key"]);

    let text = home.run(&["keys", "rotate"]).done().stdout;
    assert!(text.starts_with("Published ") && text.contains("It signs from 2"), "{text}");
    let text = home.run(&["keys", "list"]).done().stdout;
    assert!(text.starts_with("ID ") && text.lines().count() == 4, "{text}");
}

#[tokio::test]
async fn a_wrong_master_key_is_reported_and_leaves_no_postgres_running() {
    let home = Home::empty();
    home.run(&["keys", "list"]).done();
    let wrong = home.with("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    wrong.run(&["keys", "list"]).refused(1, "Put the old master key back");
    let pid = wrong.data_dir().join("postgres/data/postmaster.pid");
    assert!(!pid.exists(), "the last to leave stops it");
}

/// another key would open nothing of what is there: the lost one is asked for, and no new one is written.
#[tokio::test]
async fn a_lost_master_key_is_not_replaced_by_another_one() {
    let home = Home::start().await;
    home.add("alice@example.com", &[]);
    let key = home.data_dir().join("master.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    for command in [&["serve"][..], &["user", "list"], &["keys", "rotate"], &["sweep"], &["audit", "verify"]] {
        home.run(command).refused(1, "is missing: restore it from a backup");
        assert!(!key.exists(), "{command:?}");
    }
    let left: Vec<_> = fs::read_dir(home.data_dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("master.key")), "{left:?}");
    fs::write(&key, &kept).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(home.run(&["user", "list"]).done().stdout.contains("alice@example.com"));
}

/// What is sealed under a key that leaked is deleted on purpose: then a new one is made.
#[tokio::test]
async fn without_signing_keys_a_new_master_key_is_created() {
    let home = Home::start().await;
    home.add("alice@example.com", &[]);
    fs::remove_file(home.data_dir().join("master.key")).unwrap();
    sqlx::raw_sql("DELETE FROM signing_keys").execute(&mut home.connect().await).await.unwrap();
    home.run(&["user", "list"]).done();
    assert!(home.data_dir().join("master.key").exists());
}
