use heirloom_testing::Home;
use std::collections::BTreeSet;

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
