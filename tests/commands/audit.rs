use heirloom_testing::{Home, PASSWORD, Ran};
use serde_json::{Value, json};
use sqlx::Connection;

async fn sql(home: &Home, statements: &str) {
    let mut connection = home.connect().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What an attacker who owns the database can do: they can drop the trigger.
async fn tamper(home: &Home, statements: &str) {
    let before = "DROP TRIGGER IF EXISTS audit_events_append_only ON audit_events";
    sql(home, &format!("{before}; {statements}")).await;
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The findings, in JSON, of a log in which there are some.
fn findings(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<_> = ["audit", "verify", "--json"].iter().chain(arguments).copied().collect();
    let ran = home.run(&arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{ran:?}");
    assert_eq!(ran.json()["ok"], false);
    ran.json()["report"]["findings"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_log_that_was_left_alone_is_whole_and_its_end_can_be_noted() {
    let home = Home::start().await;
    home.add("a@example.com", &[]);
    let whole = home.json(&["audit", "verify"]);
    assert_eq!(whole["ok"], true);
    assert_eq!(whole["report"]["events"], 2, "a signing key, and a user");
    assert_eq!((&whole["report"]["unchained"], &whole["report"]["dropped"]), (&json!(0), &json!(0)));
    let head = whole["report"]["head"].as_str().unwrap();
    assert!(head.starts_with("2:") && head.len() == 74, "{head}");
    home.add("b@example.com", &[]);
    let text = home.run(&["audit", "verify", "--head", head]).done().stdout;
    assert!(text.contains("3 events, from the first one") && text.contains("Nothing was changed"), "{text}");
    home.run(&["audit", "verify", "--head", "2"]).refused(2, "write SEQ:HASH");
}

#[tokio::test]
async fn a_tail_that_was_cut_off_with_the_stored_end_is_found_by_a_noted_one() {
    let home = Home::start().await;
    home.add("a@example.com", &[]);
    home.json(&["audit", "verify"]);
    sql(&home, "CREATE TABLE head_of_before AS SELECT * FROM audit_chain_head").await;
    home.add("b@example.com", &[]);
    let noted = home.json(&["audit", "verify"])["report"]["head"].as_str().unwrap().to_owned();
    let cut = "DELETE FROM audit_events WHERE seq = 3; DELETE FROM audit_chain_head;
               INSERT INTO audit_chain_head SELECT * FROM head_of_before";
    tamper(&home, cut).await;
    assert_eq!(home.json(&["audit", "verify"])["ok"], true, "an older state of everything is whole in itself");
    assert_eq!(findings(&home, &["--head", &noted]), [json!({ "finding": "not_the_noted_head", "seq": 3 })]);
    // Cut off without the stored end, it needs no note.
    tamper(&home, "DELETE FROM audit_events WHERE seq = 2").await;
    assert_eq!(findings(&home, &[]), [json!({ "finding": "removed", "first": 2, "last": 2 })]);
    tamper(&home, "DELETE FROM audit_chain_head").await;
    assert_eq!(findings(&home, &[])[..1], [json!({ "finding": "head_forged" })]);
    // Nothing is chained any more, until an operator says so; that is an event.
    home.add("c@example.com", &[]);
    assert_eq!(home.run(&["audit", "verify", "--json"]).json()["report"]["unchained"], 1);
    home.json(&["audit", "resume"]);
    let resumed = home.json(&["audit", "verify"]);
    assert_eq!((&resumed["ok"], &resumed["report"]["unchained"]), (&json!(true), &json!(0)), "{resumed}");
    assert_eq!(lines(&home.run(&["audit", "export", "--kind", "audit_chain_resumed"])).len(), 1);
    home.run(&["audit", "resume"]).refused(1, "there is nothing to resume");
}

/// C-16: The issue's own figures: of 100,000 events one changed, one removed, one inserted.
#[tokio::test]
async fn in_a_hundred_thousand_events_what_was_changed_removed_or_inserted_is_named() {
    let home = Home::start().await;
    home.run(&["migrate"]).done();
    // There before the chain began, as in an installation that is older than it.
    sql(
        &home,
        "INSERT INTO audit_events (id, at, kind, user_id, ip, user_agent, request_id, details)
         SELECT gen_random_uuid(), now() - n * interval '1 millisecond', 'signed_in', gen_random_uuid(), '192.0.2.7',
                'a browser', n::text, jsonb_build_object('transport', 'cookie', 'remembered', true)
         FROM generate_series(1, 100000) AS n",
    )
    .await;
    let whole = home.json(&["audit", "verify"]);
    assert_eq!((&whole["ok"], &whole["report"]["events"]), (&json!(true), &json!(100_001)), "{whole}");

    let inserted = "01a206b8-3efb-7d63-a6dc-8bf962cd3fd7";
    tamper(
        &home,
        &format!(
            "UPDATE audit_events SET ip = '192.0.2.8' WHERE seq = 70000;
             DELETE FROM audit_events WHERE seq = 40000;
             INSERT INTO audit_events (id, at, kind) VALUES ('{inserted}', now(), 'signed_in')"
        ),
    )
    .await;
    let mut connection = home.connect().await;
    let changed = sqlx::query_scalar::<_, String>("SELECT id::text FROM audit_events WHERE seq = 70000");
    let changed = changed.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let expected = [
        json!({ "finding": "removed", "first": 40_000, "last": 40_000 }),
        json!({ "finding": "changed", "seq": 70_000, "id": changed }),
        json!({ "finding": "inserted", "seq": 100_002, "id": inserted }),
    ];
    assert_eq!(findings(&home, &[]), expected);
    let text = home.run(&["audit", "verify"]);
    assert!(text.stdout.contains("removed: the event at position 40000\n"), "{text:?}");
    assert!(text.stdout.contains(&format!("changed: event {changed}, position 70000\n")), "{text:?}");
    assert!(text.stdout.contains(&format!("inserted: event {inserted}, position 100002\n")), "{text:?}");
    assert_eq!(home.run(&["audit", "export"]).done().stdout.lines().count(), 100_001);
}

#[tokio::test]
async fn events_are_exported_a_line_each() {
    let home = Home::start().await;
    let alice = home.add("alice@example.com", &[]);
    home.add("bob@example.com", &[]);
    home.run(&["user", "block", "alice@example.com", "--reason", "lost a laptop"]).done();
    let all = lines(&home.run(&["audit", "export"]).done());
    let kinds: Vec<_> = all.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["signing_key_added", "user_added", "user_added", "user_blocked"]);
    let blocked = &all[3];
    assert_eq!(blocked["user_id"], alice.as_str());
    assert_eq!(blocked["outcome"], "success");
    assert_eq!(blocked["request_id"], "command-line");
    assert_eq!(blocked["details"], json!({ "reason": "lost a laptop", "sessions": 0 }));
    assert_eq!((&blocked["seq"], blocked["hash"].as_str().unwrap().len()), (&json!(4), 72));
    assert!(!home.run(&["audit", "export"]).stdout.contains('@'), "no address");

    let count = |arguments: &[&str]| {
        let arguments: Vec<_> = ["audit", "export"].iter().chain(arguments).copied().collect();
        lines(&home.run(&arguments).done()).len()
    };
    assert_eq!(count(&["--kind", "user_added"]), 2);
    assert_eq!(count(&["--user", "alice@example.com"]), 2);
    assert_eq!(count(&["--user", &alice, "--kind", "user_blocked"]), 1);
    assert_eq!(count(&["--since", "2100-01-01T00:00:00Z"]), 0);
    assert_eq!(count(&["--until", "2100-01-01T00:00:00Z"]), 4);
    let at = blocked["at"].as_str().unwrap();
    assert_eq!((count(&["--since", at]), count(&["--until", at])), (1, 3));
    home.run(&["audit", "export", "--kind", "x"]).refused(2, "not a kind of event");
    home.run(&["audit", "export", "--since", "today"]).refused(2, "2026-11-23T00:00:00Z");
    home.run(&["audit", "export", "--user", "nobody@example.com"]).refused(1, "there is no user");
}

/// C-17, C-18.
#[tokio::test]
async fn what_happened_is_said_first_and_accepted_knowingly() {
    let home = Home::start().await;
    home.add("a@example.com", &[]);
    home.run(&["audit", "resume", "--accept-findings"]).refused(1, "there are no findings to accept");
    home.run(&["audit", "resume", "--accept-findings", "--after-restore"]).refused(2, "cannot be used with");
    tamper(&home, "UPDATE audit_events SET details = '{}', ip = '192.0.2.1' WHERE kind = 'user_added'").await;
    let found = home.run(&["audit", "verify"]);
    assert!(found.code == 1 && found.stdout.starts_with("month_rewritten: 1 events of 20"), "{found:?}");
    home.run(&["audit", "resume", "--accept-findings"]).done();
    let accepted = home.run(&["audit", "verify", "--json"]);
    assert_eq!((accepted.code, &accepted.json()["report"]["accepted"]), (1, &json!(true)), "{accepted:?}");
    assert!(home.run(&["audit", "verify"]).stdout.contains("An operator has accepted them."));
    home.run(&["audit", "resume", "--accept-findings"]).refused(1, "were accepted already");

    tamper(&home, "UPDATE audit_chain_head SET seq = 0, hash = '', untagged_until = 0, tag = NULL").await;
    let found = home.run(&["audit", "verify"]);
    assert!(found.code == 1 && found.stdout.starts_with("head_reset: The head of the chain was set back"), "{found:?}");
    tamper(&home, "DELETE FROM audit_chain_head").await;
    let found = home.run(&["audit", "verify"]);
    assert!(
        found.code == 1 && found.stdout.starts_with("head_missing: The head of the chain was removed"),
        "{found:?}"
    );
    home.run(&["audit", "resume"]).done();
    let resumed = home.run(&["audit", "verify", "--json"]);
    assert_eq!(resumed.json()["report"]["findings"].as_array().unwrap().len(), 1, "{resumed:?}");
}

/// C-17: a command ends before any server would look: it chains what it recorded.
#[tokio::test]
async fn a_command_leaves_no_event_unchained() {
    let home = Home::start().await;
    home.add("a@example.com", &[]);
    let mut connection = home.connect().await;
    let unchained = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM audit_events WHERE seq IS NULL");
    assert_eq!(unchained.fetch_one(&mut connection).await.unwrap(), 0);
    connection.close().await.unwrap();
}

/// C-19: a loop over the command line: what changes nothing leaves no event, and what is refused leaves none either.
#[tokio::test]
async fn commands_that_change_nothing_leave_no_event() {
    let home = Home::start().await;
    home.add("root@example.com", &["--admin"]);
    home.add("a@example.com", &[]);
    home.run(&["user", "grant", "a@example.com", "editor"]).done();
    home.run(&["user", "block", "a@example.com", "--reason", "away"]).done();
    std::fs::write(home.folder().join("users.ndjson"), home.run(&["user", "export"]).done().stdout).unwrap();
    let mut connection = home.connect().await;
    let count = async |connection: &mut sqlx::PgConnection| -> Vec<(String, i64)> {
        let counted = sqlx::query_as("SELECT kind, count(*) FROM audit_events GROUP BY 1 ORDER BY 1");
        counted.fetch_all(connection).await.unwrap()
    };
    let before = count(&mut connection).await;
    for _ in 0..3 {
        home.run(&["user", "grant", "a@example.com", "editor"]).done();
        home.run(&["user", "remove-role", "a@example.com", "reader"]).done();
        home.run(&["user", "block", "a@example.com", "--reason", "away"]).done();
        home.run(&["user", "unblock", "root@example.com"]).done();
        home.run(&["sessions", "revoke", "--user", "a@example.com"]).done();
        home.run(&["sessions", "revoke", "--everyone", "--yes"]).done();
        home.run(&["user", "import", "users.ndjson"]).done();
        home.run(&["user", "import", "--dry-run", "users.ndjson"]).done();
        home.run(&["sweep"]).done();
        home.run(&["migrate"]).done();
        home.run(&["audit", "verify"]).done();
        home.run(&["audit", "resume"]).refused(1, "nothing to resume");
        home.run(&["user", "remove-role", "root@example.com", "admin"]).refused(1, "last administrator");
        home.run(&["user", "delete", "--yes", "nobody@example.com"]).refused(1, "there is no user");
        let again = home.type_in(&["user", "add", "a@example.com"], &format!("{PASSWORD}\n"));
        again.refused(1, "already exists");
        let weak = home.type_in(&["user", "set-password", "a@example.com"], "password1\n");
        weak.refused(1, "easy to guess");
    }
    let denied = ("access_denied".to_owned(), 3);
    let mut after = count(&mut connection).await;
    // The one refusal that is a security decision: at most sixty in an hour.
    assert_eq!(after.iter().position(|counted| *counted == denied).map(|at| after.remove(at)), Some(denied));
    assert_eq!(after, before);
    connection.close().await.unwrap();
}
