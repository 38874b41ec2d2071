use heirloom_testing::Home;
use serde_json::json;

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
