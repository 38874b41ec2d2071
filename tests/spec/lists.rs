//! Lists: pages of them, and what may be asked of them.

use crate::support::{Admin, TestApp};
use serde_json::Value;
use std::collections::BTreeSet;

const LISTS: [&str; 5] = [
    "/api/v1/me/sessions",
    "/api/v1/admin/users",
    "/api/v1/admin/sessions",
    "/api/v1/admin/audit",
    "/api/v1/admin/invitations",
];

/// People and sessions by the dozen, behind the server's back.
async fn fill(app: &TestApp, owner: &str) {
    let people = "INSERT INTO users (id, email, password_hash, created_at)
        SELECT gen_random_uuid(), 'user' || n || '@example.org', 'none', now() FROM generate_series(1, 120) AS n";
    sqlx::query(people).execute(app.db()).await.unwrap();
    let sessions = "INSERT INTO sessions (id, user_id, created_at, absolute_expires_at, transport, remembered,
                                          idle_expires_at, last_used_at, generation, secret_hash)
        SELECT gen_random_uuid(), $1::uuid, now(), now() + interval '1 h', 'body', true,
               now() + interval '1 h', now(), 0, sha256(n::text::bytea)
        FROM generate_series(1, 120) AS n";
    sqlx::query(sessions).bind(owner).execute(app.db()).await.unwrap();
    let events = "INSERT INTO audit_events (id, at, kind) SELECT gen_random_uuid(), now(), 'signed_in' FROM generate_series(1, 120)";
    sqlx::query(events).execute(app.db()).await.unwrap();
    // Of others nobody is shown: used, expired, or for something else.
    let invitations = "INSERT INTO confirmations (id, purpose, email, created_at, looked_up_at, expires_at, used_at)
        SELECT gen_random_uuid(), CASE WHEN n > 160 THEN 'reset_password' ELSE 'invite' END, 'invited' || n || '@example.org',
               now(), now(), CASE WHEN n > 140 AND n <= 160 THEN now() ELSE now() + interval '1 h' END,
               CASE WHEN n > 121 AND n <= 140 THEN now() END
        FROM generate_series(1, 180) AS n";
    sqlx::query(invitations).execute(app.db()).await.unwrap();
}

/// Walks through a whole list; the number of its pages, and its entries' ids in order.
async fn walk(admin: &Admin<'_>, list: &str, query: &str) -> (usize, Vec<String>) {
    let (mut pages, mut ids, mut cursor) = (0, Vec::new(), String::new());
    loop {
        let answer = admin.get(&format!("{list}?{query}{cursor}")).await;
        ids.extend(answer.items().iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        pages += 1;
        match &answer.json()["next_cursor"] {
            Value::Null => return (pages, ids),
            next => cursor = format!("&cursor={}", next.as_str().expect("a cursor")),
        }
    }
}

///
#[tokio::test]
async fn page_after_page_nothing_is_lost_or_repeated() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    fill(&app, &admin.id).await;
    for list in LISTS {
        let (pages, all) = walk(&admin, list, "limit=200").await;
        assert_eq!(pages, 1, "{list}");
        assert!(all.len() > 120, "{list}");
        for (query, limit) in [("limit=7", 7), ("limit=1", 1), ("", 50)] {
            let (pages, ids) = walk(&admin, list, query).await;
            assert_eq!(ids, all, "{list}?{query}");
            assert_eq!(pages, all.len().div_ceil(limit), "{list}?{query}");
        }
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{list}");
    }
}

/// A page that is exactly full leads nowhere.
#[tokio::test]
async fn the_last_page_has_no_cursor() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    app.sign_in("root").await;
    let answer = admin.get("/api/v1/me/sessions?limit=2").await;
    assert_eq!(answer.items().len(), 2);
    assert_eq!(answer.json()["next_cursor"], Value::Null);
}

///
#[tokio::test]
async fn what_no_list_knows_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    fill(&app, &admin.id).await;
    let cursor_of = async |list: &str| admin.get(&format!("{list}?limit=1")).await.text("/next_cursor");
    for list in LISTS {
        for wrong in
            ["limit=0", "limit=201", "limit=-1", "limit=abc", "limit=", "limit=99999999999999999999", "limit=1.5"]
        {
            admin.get(&format!("{list}?{wrong}")).await.expect_problem(422, "validation_failed");
        }
        let own = cursor_of(list).await;
        let other = cursor_of(if list == LISTS[0] { LISTS[1] } else { LISTS[0] }).await;
        let bent = format!("{}A", &own[..own.len() - 1]);
        let doubled = format!("{own}{own}");
        for cursor in
            ["", "x", "%00", "AAAA", "01890000-0000-7000-8000-000000000000", &other, &bent, &doubled, "%F0%9F%A6%84"]
        {
            if cursor != own {
                admin.get(&format!("{list}?cursor={cursor}")).await.expect_problem(422, "validation_failed");
            }
        }
        for wrong in ["nonsense=1", "limit=1&limit=2", "page=2"] {
            admin.get(&format!("{list}?{wrong}")).await.expect_problem(422, "validation_failed");
        }
        admin.get(&format!("{list}?cursor={own}&limit=200")).await.expect(200);
    }
}

///
#[tokio::test]
async fn users_are_found_by_a_part_of_their_address_or_name() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    app.person("bob").await;
    admin.block(&alice.id).await.expect(200);
    sqlx::query("UPDATE users SET name = 'Jo_e 100% O''Neil' WHERE email LIKE 'bob%'").execute(app.db()).await.unwrap();
    let found = async |query: &str| -> Vec<String> {
        let items = admin.get(&format!("/api/v1/admin/users{query}")).await.items();
        items
            .iter()
            .map(|user| user["email"].as_str().expect("an address").split('@').next().expect("a part").to_owned())
            .collect()
    };
    assert_eq!(found("").await, ["bob", "alice", "root"]);
    assert_eq!(found("?q=ALIC").await, ["alice"]);
    assert_eq!(found("?q=o%27neil").await, ["bob"]);
    assert_eq!(found("?q=@example.com").await.len(), 3);
    assert_eq!(found("?q=%20%20").await.len(), 3);
    assert_eq!(found("?q=nobody").await.len(), 0);
    // What is special to SQL is nothing special here.
    assert_eq!(found("?q=%25").await, ["bob"]);
    assert_eq!(found("?q=_").await, ["bob"]);
    assert_eq!(found("?q=%5C").await.len(), 0);
    assert_eq!(found("?status=blocked").await, ["alice"]);
    assert_eq!(found("?status=active").await, ["bob", "root"]);
    assert_eq!(found("?status=active&q=roo").await, ["root"]);
    for wrong in ["?status=nonsense", "?q=%00", "?status=blocked&status=active"] {
        admin.get(&format!("/api/v1/admin/users{wrong}")).await.expect_problem(422, "validation_failed");
    }
}

/// C-36. One normalization for what is stored and what is typed.
#[tokio::test]
async fn users_are_found_however_their_name_or_address_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    for (email, name) in [
        ("elodie@example.com", "\u{c9}lodie M\u{fc}ller"),
        ("ivan@example.com", "\u{418}\u{432}\u{430}\u{43d}"),
        ("ben2@b\u{fc}cher.example", "Ben"),
        ("jos\u{e9}.n\u{fa}\u{f1}ez@example.com", "Stra\u{df}e"),
    ] {
        let body = serde_json::json!({ "email": email, "name": name, "password": "correct horse battery staple" });
        app.post("/api/v1/auth/register", &body).await.expect(201);
    }
    // An earlier version, which knows nothing of the search, adds a user and renames one.
    sqlx::query(
        "INSERT INTO users (id, email, name, password_hash, created_at)
         VALUES (gen_random_uuid(), 'old@example.com', 'Z\u{fc}rich', '!', now())",
    )
    .execute(app.db())
    .await
    .unwrap();
    sqlx::query("UPDATE users SET name = '\u{391}\u{3a3}' WHERE email = 'ivan@example.com'")
        .execute(app.db())
        .await
        .unwrap();
    let found = async |typed: &str| -> Vec<String> {
        let query = serde_urlencoded::to_string([("q", typed)]).unwrap();
        let items = admin.get(&format!("/api/v1/admin/users?{query}")).await.items();
        items.iter().map(|user| user["email"].as_str().unwrap().split('@').next().unwrap().to_owned()).collect()
    };
    for (typed, user) in [
        ("\u{e9}lodie", "elodie"),
        ("E\u{301}LODIE mu\u{308}ller", "elodie"),
        ("ben2@b\u{fc}cher.example", "ben2"),
        ("BEN2@BU\u{308}CHER.EXAMPLE", "ben2"),
        ("xn--bcher-kva", "ben2"),
        ("JOS\u{c9}.N\u{da}\u{d1}EZ@EXAMPLE.COM", "jos\u{e9}.n\u{fa}\u{f1}ez"),
        ("STRASSE", "jos\u{e9}.n\u{fa}\u{f1}ez"),
        ("Z\u{dc}RICH", "old"),
        ("\u{3b1}\u{3c2}", "ivan"),
    ] {
        assert_eq!(found(typed).await, [user], "{typed}");
    }
    for typed in ["\u{438}\u{432}\u{430}\u{43d}", "elodie muller", "com\nben"] {
        assert_eq!(found(typed).await, Vec::<String>::new(), "{typed}");
    }
}

#[tokio::test]
async fn users_are_shown_with_their_live_sessions() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let over = app.sign_in("alice").await;
    let ended = app.sign_in("alice").await;
    app.alter_session(&over.session_id, "idle_expires_at = now() - interval '1 s'").await;
    app.sign_out(&ended.refresh_token).await.expect_done();
    assert_eq!(admin.user(&alice.id).await["live_sessions"], 1);
    let listed = admin.get("/api/v1/admin/users?q=alice").await.items();
    assert_eq!(listed[0]["live_sessions"], 1);
    assert_eq!(listed[0], admin.user(&alice.id).await);
}

#[tokio::test]
async fn sessions_are_found_by_user_and_state() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let over = app.sign_in("alice").await;
    let ended = app.sign_in("alice").await;
    app.alter_session(&over.session_id, "idle_expires_at = now() - interval '1 s'").await;
    app.sign_out(&ended.refresh_token).await.expect_done();

    let found = async |query: &str| -> Vec<String> {
        let items = admin.list_sessions(&format!("?user_id={}{query}", alice.id)).await;
        items.iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(found("").await, [&*ended.session_id, &*over.session_id, &*alice.tokens.session_id]);
    assert_eq!(found("&state=live").await, [&*alice.tokens.session_id]);
    assert_eq!(found("&state=revoked").await, [&*ended.session_id]);
    assert_eq!(found("&state=expired").await, [&*over.session_id]);
    assert_eq!(admin.list_sessions("").await.len(), 4);
    for wrong in ["?state=dead", "?user_id=alice", "?user_id="] {
        admin.get(&format!("/api/v1/admin/sessions{wrong}")).await.expect_problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn events_are_found_by_user_session_kind_and_time() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    app.sign_out(&alice.tokens.refresh_token).await.expect_done();
    let count = async |query: &str| admin.events(query).await.len();
    assert_eq!(count(&format!("?user_id={}", alice.id)).await, 3);
    assert_eq!(count(&format!("?session_id={}", alice.tokens.session_id)).await, 2);
    assert_eq!(count("?kind=signed_in").await, 2);
    assert_eq!(count(&format!("?kind=signed_in&user_id={}", alice.id)).await, 1);
    // With the first signing key.
    assert_eq!(count("?since=2020-01-01T00:00:00Z").await, 6);
    assert_eq!(count("?since=2120-01-01T00:00:00Z").await, 0);
    for wrong in ["?kind=nonsense", "?since=yesterday", "?session_id=x", "?user_id=x"] {
        admin.get(&format!("/api/v1/admin/audit{wrong}")).await.expect_problem(422, "validation_failed");
    }
}
