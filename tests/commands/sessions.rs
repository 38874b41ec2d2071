use heirloom_testing::Home;
use serde_json::json;

/// with nothing configured, and without a database.
#[tokio::test]
async fn the_name_of_an_entry_is_printed() {
    let home = Home::start().await;
    let session = "01a206a3-efa4-7c1e-8d3f-2b8a6c0d9e11";
    assert_eq!(home.run(&["sessions", "digest", session]).done().stdout, "g9vMnWv9gbE\n");
    assert_eq!(home.json(&["sessions", "digest", &session.to_uppercase()]), json!({ "digest": "g9vMnWv9gbE" }));
    for wrong in ["", "alice@example.com", "01a206a3efa47c1e8d3f2b8a6c0d9e11"] {
        home.run(&["sessions", "digest", wrong]).refused(2, "must be a UUID");
    }
}

#[tokio::test]
async fn without_sessions_there_is_nothing_to_list_and_nothing_to_revoke() {
    let home = Home::start().await;
    home.add("a@example.com", &[]);
    assert_eq!(home.json(&["sessions", "list"]), json!({ "items": [] }));
    assert_eq!(home.json(&["sessions", "list", "--all", "--user", "a@example.com"]), json!({ "items": [] }));
    assert!(home.run(&["sessions", "list"]).done().stdout.starts_with("ID  USER  STATE"));
    assert_eq!(home.json(&["sessions", "revoke", "--user", "a@example.com"]), json!({ "revoked": 0 }));
    assert_eq!(home.json(&["sessions", "revoke", "--everyone"]), json!({ "revoked": 0 }), "a program is not asked");
    let unknown = "01a206b8-3efb-7d63-a6dc-8bf962cd3fd7";
    home.run(&["sessions", "revoke", "--session", unknown]).refused(1, &format!("there is no session {unknown}"));
    assert_eq!(home.json(&["sweep"]), json!({ "deleted": 0 }));
    assert_eq!(home.run(&["sweep"]).done().stdout, "Sessions deleted: 0.\n");
}
