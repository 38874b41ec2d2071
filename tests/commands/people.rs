use heirloom_testing::{Home, PASSWORD};
use serde_json::{Value, json};

fn emails(listed: &Value) -> Vec<&str> {
    listed["items"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_whatever_command_comes_first() {
    let home = Home::start().await;
    let id = home.add("Mike@Example.com", &["--admin", "--name", "Mike"]);
    let shown = home.json(&["user", "show", "mike@example.com"]);
    let user = &shown["user"];
    assert_eq!(user["id"], json!(id));
    assert_eq!(user["email"], "mike@example.com");
    assert_eq!(user["name"], "Mike");
    assert_eq!(user["roles"], json!(["admin"]));
    assert_eq!(user["blocked"], false);
    assert_eq!(user["claims"], json!({}));
    assert_eq!(user["live_sessions"], 0);
    assert_eq!(user["last_login_at"], Value::Null);
    assert!(!shown.to_string().contains("$2"), "a hash leaves by no command");
    let text = home.run(&["user", "show", &id]).done().stdout;
    assert!(text.contains(&id) && text.contains("roles         admin\n"), "{text}");
    assert_eq!(home.json(&["migrate"]), json!({ "applied": [], "runtime_role": null }));
    assert!(home.run(&["migrate"]).done().stdout.starts_with("Nothing to do"));
}

///
#[tokio::test]
async fn a_password_is_one_line_of_standard_input_and_must_be_a_good_one() {
    // Registration may be closed for all others.
    let home = Home::start().await.with("HEIRLOOM_REGISTRATION", "closed");
    let add = ["user", "add", "a@example.com"];
    home.type_in(&add, "").refused(1, "no password on standard input");
    home.type_in(&add, "\n").refused(1, "at least 8 characters");
    home.type_in(&add, "short\n").refused(1, "at least 8 characters");
    home.type_in(&add, "password1\n").refused(1, "easy to guess");
    home.type_in(&add, "a@example.com\n").refused(1, "Your own e-mail address cannot be your password");
    home.run(&["user", "show", "a@example.com"]).refused(1, "there is no user a@example.com");
    let added = home.type_in(&add, PASSWORD).done();
    assert!(!added.stdout.contains(PASSWORD));
    home.type_in(&["user", "add", "A@EXAMPLE.COM"], PASSWORD).refused(1, "a user with this address already exists");
}

#[tokio::test]
async fn users_are_listed_newest_first_all_or_by_status() {
    let home = Home::start().await;
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        home.add(email, &[]);
    }
    home.run(&["user", "block", "b@example.com"]).done();
    assert_eq!(emails(&home.json(&["user", "list"])), ["c@example.com", "b@example.com", "a@example.com"]);
    assert_eq!(emails(&home.json(&["user", "list", "--status", "blocked"])), ["b@example.com"]);
    assert_eq!(emails(&home.json(&["user", "list", "--status", "active"])), ["c@example.com", "a@example.com"]);
    let text = home.run(&["user", "list"]).done().stdout;
    let columns: Vec<_> = text.lines().map(|line| line.find("E-MAIL").or(line.find("@example.com"))).collect();
    assert_eq!(columns, [Some(38), Some(39), Some(39), Some(39)], "{text}");

    // A reader that stops reading (`| head`) is not an error.
    let mut command = home.command(&["user", "list"]);
    let (closed, stdout) = std::io::pipe().unwrap();
    drop(closed);
    let ended = command.stdout(stdout).output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()));
}

#[tokio::test]
async fn blocks_and_roles_come_and_go() {
    let home = Home::start().await;
    let id = home.add("a@example.com", &[]);
    let blocked = home.json(&["user", "block", &id, "--reason", "chargeback"]);
    assert_eq!(blocked["user"]["blocked"], true);
    assert_eq!(blocked["user"]["blocked_reason"], "chargeback");
    assert!(home.run(&["user", "show", &id]).done().stdout.contains("Z: chargeback\n"));
    let unblocked = home.json(&["user", "unblock", "a@example.com"]);
    assert_eq!(unblocked["user"]["blocked"], false);
    assert_eq!(unblocked["user"]["blocked_reason"], Value::Null);
    assert_eq!(home.json(&["user", "unblock", "a@example.com"])["user"]["blocked"], false, "a second time is fine");

    let granted = home.json(&["user", "grant", "a@example.com", "billing:read"]);
    assert_eq!(granted["user"]["roles"], json!(["billing:read"]));
    assert_eq!(home.json(&["user", "grant", "a@example.com", "billing:read"]), granted, "again changes nothing");
    let taken = home.json(&["user", "remove-role", "a@example.com", "billing:read"]);
    assert_eq!(taken["user"]["roles"], json!([]));
    home.run(&["user", "ungrant", "a@example.com", "billing:read"]).done();
}

///
#[tokio::test]
async fn the_last_administrator_cannot_be_removed_and_an_unknown_user_is_reported() {
    let home = Home::start().await;
    home.add("a@example.com", &["--admin"]);
    let message = "this is the last administrator: grant the role to another user first";
    home.run(&["user", "ungrant", "a@example.com", "admin"]).refused(1, message);
    home.run(&["user", "block", "a@example.com"]).refused(1, message);
    home.add("b@example.com", &[]);
    home.run(&["user", "grant", "b@example.com", "admin"]).done();
    home.run(&["user", "ungrant", "a@example.com", "admin"]).done();
    home.run(&["user", "block", "b@example.com"]).refused(1, message);
    let roles = home.json(&["user", "show", "b@example.com"])["user"]["roles"].clone();
    assert_eq!(roles, json!(["admin"]));

    for who in ["neither address nor id", "01a206b8-3efb-7d63-a6dc-8bf962cd3fd7"] {
        home.run(&["user", "show", who]).refused(1, &format!("there is no user {who}"));
    }
    let (who, message) = ("nobody@example.com", "there is no user nobody@example.com");
    home.run(&["user", "block", who]).refused(1, message);
    home.run(&["user", "unblock", who]).refused(1, message);
    home.run(&["user", "grant", who, "editor"]).refused(1, message);
    home.run(&["user", "ungrant", who, "editor"]).refused(1, message);
    home.type_in(&["user", "set-password", who], PASSWORD).refused(1, message);
    home.run(&["sessions", "list", "--user", who]).refused(1, message);
    home.run(&["sessions", "revoke", "--user", who]).refused(1, message);
}

/// Two administrators at two terminals: neither undoes what the other has just done.
#[tokio::test]
async fn roles_that_are_granted_at_once_are_all_there_afterwards() {
    let home = Home::start().await;
    home.add("a@example.com", &[]);
    let roles = ["auditor", "billing", "editor", "support"];
    std::thread::scope(|scope| {
        for role in roles {
            scope.spawn(|| home.run(&["user", "grant", "a@example.com", role]).done());
        }
    });
    let shown = home.json(&["user", "show", "a@example.com"]);
    let mut granted: Vec<_> = shown["user"]["roles"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    granted.sort_unstable();
    assert_eq!(granted, roles);
}

/// L-27, L-25.
#[tokio::test]
async fn an_operator_records_that_an_address_is_the_users() {
    let home = Home::start().await;
    let hash = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
    let row = json!({ "email": "a@example.com", "password_hash": hash }).to_string();
    home.type_in(&["user", "import", "-", "--format", "ndjson"], &row).done();
    home.add("b@example.com", &[]);
    let verified = |who: &str| home.json(&["user", "show", who])["user"]["email_verified"].clone();
    assert_eq!((verified("a@example.com"), verified("b@example.com")), (json!(false), json!(true)));
    assert_eq!(home.json(&["user", "verify", "a@example.com"])["user"]["email_verified"], true);
    assert_eq!(verified("a@example.com"), true);
    home.run(&["user", "verify", "a@example.com"]).done();
    home.run(&["user", "verify", "nobody@example.com"]).refused(1, "there is no user nobody@example.com");
    let exported: Vec<Value> =
        home.run(&["user", "export"]).done().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(exported.iter().all(|user| user["email_verified"] == true), "{exported:?}");
}

/// L-27, L-26: there is nothing to record, and nowhere to send an email.
#[tokio::test]
async fn a_user_without_an_address_is_neither_verified_nor_sent_a_reset() {
    let home = Home::start().await;
    let id = "01a2088b-2b09-7b94-9abc-1df4ba0764a1";
    let identity = json!({ "issuer": "https://op.example", "subject": "1", "provider": "op" });
    let row = json!({ "id": id, "identities": [identity] }).to_string();
    home.type_in(&["user", "import", "-", "--format", "ndjson"], &row).done();
    for command in ["verify", "send-reset"] {
        home.run(&["user", command, id]).refused(1, "this user has no address");
    }
    assert_eq!(home.json(&["user", "show", id])["user"]["email_verified"], false);
}

/// L-29, L-26.
#[tokio::test]
async fn an_operator_invites_and_sends_the_email_of_a_reset() {
    let home = Home::start().await.with("HEIRLOOM_REGISTRATION", "invite");
    home.add("a@example.com", &[]);
    let invite = ["user", "invite", "B@example.com", "--role", "editor", "--role", "admin", "--name", "B"];
    let invitation = home.json(&invite)["invitation"].clone();
    assert_eq!((&invitation["email"], &invitation["name"]), (&json!("b@example.com"), &json!("B")));
    assert_eq!(invitation["roles"], json!(["admin", "editor"]));
    home.run(&["user", "invite", "a@example.com"]).refused(1, "a user with this address already exists");
    home.run(&["user", "invite", "c@example.com", "--role", "Not A Role"]).refused(1, "--role");
    home.run(&["user", "invite", "nobody"]).refused(1, "EMAIL");
    home.run(&["user", "show", "b@example.com"]).refused(1, "there is no user");
    assert!(
        home.run(&["user", "send-reset", "a@example.com"]).done().stdout.contains("A running server sends the email.")
    );
    home.run(&["user", "send-reset", "b@example.com"]).refused(1, "there is no user");
}
