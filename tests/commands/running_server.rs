//! Commands beside a running server, which feels what they do at once.
use heirloom_testing::{PASSWORD, Server};
use serde_json::{Value, json};

///
#[tokio::test]
async fn the_first_run_prints_a_command_that_creates_the_first_administrator() {
    let server = Server::start().await;
    let line = server.logged("app.no_admin");
    let command = line["command"].as_str().unwrap();
    assert!(command.ends_with(" user add you@example.com --admin"), "{line}");
    let made = server.home.shell(command).done();
    assert!(made.stdout.contains("roles         admin\n"), "{made:?}");
    let tokens = server.sign_in("you@example.com", PASSWORD).await;
    assert_eq!(server.me(&tokens).await, 200);
    server.home.run(&["check"]).done();
    assert_eq!(server.me(&tokens).await, 200, "a check disturbs nobody");
    assert_eq!(server.home.json(&["health"]), json!({ "status": "ok" }));
    assert_eq!(server.home.json(&["health", "--ready"])["dependencies"]["database"], "ok");
}

///
#[tokio::test]
async fn what_a_command_ends_a_running_server_refuses_at_once() {
    let server = Server::start().await;
    let home = &server.home;
    let alice = home.add("alice@example.com", &[]);
    let (phone, other) =
        (server.sign_in("alice@example.com", PASSWORD).await, server.sign_in("alice@example.com", PASSWORD).await);

    let listed = home.json(&["sessions", "list", "--user", "alice@example.com"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let newest = &listed["items"][0];
    assert_eq!(newest["id"], other["session_id"]);
    assert_eq!(newest["user_id"], json!(alice));
    assert_eq!(newest["state"], "live");
    assert_eq!(newest["device_name"], "phone");
    assert_eq!(newest["generation"], 0);
    assert!(!listed.to_string().contains("hrt_"));
    assert_eq!(home.json(&["user", "show", &alice])["user"]["live_sessions"], 2);

    let session = phone["session_id"].as_str().unwrap();
    let revoke = ["sessions", "revoke", "--session", session, "--reason", "laptop lost"];
    assert_eq!(home.json(&revoke), json!({ "revoked": 1 }));
    server.expect_signed_out(&phone).await;
    assert_eq!(server.me(&other).await, 200);
    assert_eq!(home.json(&revoke), json!({ "revoked": 0 }), "a second time is fine");
    assert_eq!(home.json(&["sessions", "list"])["items"].as_array().unwrap().len(), 1);
    let all = home.json(&["sessions", "list", "--all"]);
    assert_eq!(all["items"][1]["state"], "revoked");
    assert_eq!(all["items"][1]["revoked_reason"], "laptop lost");
    let text = home.run(&["sessions", "list"]).done().stdout;
    assert!(text.contains("phone") && text.contains("127.0.0.1") && text.lines().count() == 2, "{text}");

    assert_eq!(home.json(&["sessions", "revoke", "--user", "alice@example.com"]), json!({ "revoked": 1 }));
    server.expect_signed_out(&other).await;
}

#[tokio::test]
async fn a_deleted_user_is_signed_out_and_removed_and_the_audit_log_is_complete() {
    let server = Server::start().await;
    let home = &server.home;
    let alice = home.add("alice@example.com", &["--name", "Alice L"]);
    home.add("root@example.com", &["--admin"]);
    let tokens = server.sign_in("alice@example.com", PASSWORD).await;
    assert_eq!(server.me(&tokens).await, 200);

    home.run(&["user", "delete", "root@example.com"]).refused(1, "this is the last administrator");
    let deleted = home.json(&["user", "delete", "Alice@example.com"]);
    assert_eq!(deleted, json!({ "deleted": alice, "revoked": 1 }));
    server.expect_signed_out(&tokens).await;
    assert_eq!(server.sign_in("alice@example.com", PASSWORD).await["code"], "invalid_credentials");
    for gone in [alice.as_str(), "alice@example.com"] {
        home.run(&["user", "delete", gone]).refused(1, &format!("there is no user {gone}"));
        home.run(&["user", "show", gone, "--all"]).refused(1, &format!("there is no user {gone}"));
    }

    let verified = home.json(&["audit", "verify"]);
    assert_eq!((&verified["ok"], &verified["report"]["findings"]), (&json!(true), &json!([])));
    let events = home.run(&["audit", "export", "--user", &alice]).done().stdout;
    let kinds: Vec<_> =
        events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone()).collect();
    assert_eq!(kinds, ["user_added", "signed_in", "user_deleted"]);
    assert!(!events.contains("alice") && !events.contains("Alice"), "{events}");
}

#[tokio::test]
async fn all_data_about_a_user_is_shown_without_a_secret() {
    let server = Server::start().await;
    let home = &server.home;
    let alice = home.add("alice@example.com", &["--name", "Alice L", "--admin"]);
    let bob = home.add("bob@example.com", &[]);
    let ended = server.sign_in("alice@example.com", PASSWORD).await;
    home.run(&["sessions", "revoke", "--session", ended["session_id"].as_str().unwrap()]).done();
    let live = server.sign_in("alice@example.com", PASSWORD).await;
    server.sign_in("bob@example.com", PASSWORD).await;
    let block = server.http.patch(format!("{}/api/v1/admin/users/{bob}", server.url));
    let block = block.bearer_auth(live["access_token"].as_str().unwrap()).json(&json!({ "blocked": true }));
    assert_eq!(block.send().await.unwrap().status(), 200);

    let shown = home.run(&["user", "show", "alice@example.com", "--all"]).done();
    let held = shown.json();
    assert_eq!(held["user"]["id"], json!(alice));
    assert_eq!(held["user"]["email"], "alice@example.com");
    assert_eq!(held["user"]["name"], "Alice L");
    assert_eq!(held["user"]["roles"], json!(["admin"]));
    assert_eq!(held["user"]["password_changes"], 0);
    let states: Vec<_> = held["sessions"].as_array().unwrap().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, ["live", "revoked"]);
    assert_eq!(held["sessions"][0]["device_name"], "phone");
    assert_eq!(held["emails"], json!([]));
    let kinds: Vec<_> = held["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["user_added", "signed_in", "sessions_ended", "signed_in", "user_blocked"], "also what she did");
    assert_eq!(held["events"][4]["user_id"], json!(bob));
    for secret in ["$2b$", "$heirloom", "hrt_", "eyJ", PASSWORD, "secret_hash", "bob@example.com"] {
        assert!(!shown.stdout.contains(secret), "{secret} in {}", shown.stdout);
    }
    assert_eq!(home.json(&["user", "show", &alice, "--all"]), held, "the same by id, and as --json");
}

///
#[tokio::test]
async fn everyone_a_new_password_and_a_block_sign_out_too() {
    let server = Server::start().await;
    let home = &server.home;
    home.add("alice@example.com", &[]);
    home.add("bob@example.com", &[]);

    let (alice, bob) =
        (server.sign_in("alice@example.com", PASSWORD).await, server.sign_in("bob@example.com", PASSWORD).await);
    assert_eq!(home.json(&["sessions", "revoke", "--everyone", "--yes"]), json!({ "revoked": 2 }));
    server.expect_signed_out(&alice).await;
    server.expect_signed_out(&bob).await;

    let alice = server.sign_in("alice@example.com", PASSWORD).await;
    let set = home.type_in(&["user", "set-password", "alice@example.com", "--json"], "another-velvet-garage\n").done();
    assert_eq!(set.json(), json!({ "revoked": 1 }));
    server.expect_signed_out(&alice).await;
    assert_eq!(server.sign_in("alice@example.com", PASSWORD).await["code"], "invalid_credentials");
    let alice = server.sign_in("alice@example.com", "another-velvet-garage").await;
    assert_eq!(server.me(&alice).await, 200);
    home.type_in(&["user", "set-password", "alice@example.com"], "short\n").refused(1, "at least 8 characters");

    home.run(&["user", "block", "alice@example.com"]).done();
    server.expect_signed_out(&alice).await;
    assert_eq!(server.sign_in("alice@example.com", "another-velvet-garage").await["code"], "account_blocked");
}
