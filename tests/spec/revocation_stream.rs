//! The stream of revocations for services that verify access tokens themselves.

use crate::support::{
    Event, Listener, PUBLIC_URL, Proxy, TestApp, TestDatabase, at_once, credentials, eventually, stream_name,
};
use serde_json::json;
use std::sync::Arc;

const KEY: &str = "a-key-for-the-tests-of-the-stream-1";
const OTHER_KEY: &str = "a-key-for-the-tests-of-the-stream-2";
const KEYS: &[(&str, &str)] =
    &[("HEIRLOOM_FEED_KEYS", "a-key-for-the-tests-of-the-stream-1, a-key-for-the-tests-of-the-stream-2")];
const STREAM: &str = "/api/v1/revocations/stream";
const SNAPSHOT: &str = "/api/v1/revocations";
const AWAY: &str = "temporarily_unavailable";

/// A server whose set is complete: it listens to the other instances.
async fn streaming() -> TestApp {
    let app = TestApp::with(KEYS).await;
    ready(&app).await;
    app
}

async fn ready(app: &TestApp) {
    let snapshot = async || app.request("GET", SNAPSHOT).bearer(KEY).send().await.status;
    eventually("the set is complete", async || snapshot().await == 200).await;
}

async fn expect_status(app: &TestApp, key: &str, status: u16, code: &str) {
    for path in [STREAM, SNAPSHOT] {
        app.request("GET", path).bearer(key).send().await.expect_problem(status, code);
    }
}

///
#[tokio::test]
async fn a_stream_is_a_snapshot_and_beats_without_a_gap() {
    let app = streaming().await;
    let mut listener = app.listen(KEY).await;
    let snapshot = listener.next().await.expect("a snapshot");
    assert_eq!(snapshot.kind(), "snapshot");
    assert_eq!(snapshot.header["alg"], "ES256");
    let fields: Vec<_> = snapshot.claims.as_object().expect("claims").keys().cloned().collect();
    assert_eq!(fields, ["iss", "iat", "exp", "kind", "stream", "n", "keep"], "what is empty is left out");
    assert_eq!((&snapshot.claims["iss"], &snapshot.claims["keep"]), (&json!(PUBLIC_URL), &json!(780)));
    let mut before = snapshot;
    for _ in 0..3 {
        let event = listener.next().await.expect("a beat");
        assert_eq!((event.kind(), event.number()), ("beat", before.number() + 1));
        assert_eq!(event.claims["stream"], before.claims["stream"]);
        let seconds = |event: &Event, name: &str| event.claims[name].as_i64().expect("seconds");
        assert!(seconds(&event, "iat") >= seconds(&before, "iat"), "{event:?}");
        assert_eq!(seconds(&event, "exp"), seconds(&event, "iat") + 5);
        before = event;
    }
}

/// an event is signed once for all who listen. R-4: who joins later goes on at the same number.
#[tokio::test]
async fn all_listeners_get_the_same_bytes() {
    let app = streaming().await;
    let (mut first, mut second) = (app.listen(KEY).await, app.listen(OTHER_KEY).await);
    let joined = second.next().await.expect("a snapshot").number();
    let of_first = first.until(|event| event.number() > joined).await;
    let of_second = second.next().await.expect("an event");
    assert_eq!((of_first.jws, joined + 1), (of_second.jws.clone(), of_second.number()));
}

/// however a beat travels among many, each gets it once, and before a revocation that follows it.
#[tokio::test]
async fn many_listeners_get_each_beat_and_each_delta_once_and_in_order() {
    let app = streaming().await;
    let signed_out = app.sign_in("alice").await;
    let mut listeners = Vec::new();
    for _ in 0..60 {
        listeners.push(app.listen(KEY).await);
    }
    let mut heard = Vec::new();
    for listener in &mut listeners {
        heard.push(listener.next().await.expect("a snapshot").number());
    }
    app.sign_out(&signed_out.refresh_token).await.expect_done();
    let mut deltas = Vec::new();
    for (listener, mut last) in listeners.iter_mut().zip(heard) {
        let mut next = async || {
            let event = listener.next().await.expect("an event");
            assert_eq!(event.number(), last + 1, "{event:?}");
            last = event.number();
            event
        };
        let mut event = next().await;
        while event.kind() == "beat" {
            event = next().await;
        }
        assert!(event.has_session(&signed_out.session_id), "{event:?}");
        deltas.push(event.number());
        assert_eq!(next().await.kind(), "beat");
    }
    assert_eq!(deltas, [deltas[0]; 60], "all got the same delta");
}

/// whatever revokes, at another instance, arrives as a delta under its name.
#[tokio::test]
async fn each_kind_of_revocation_reaches_the_listeners_of_the_other_instance() {
    let app = streaming().await;
    let other = app.another(KEYS).await;
    ready(&other).await;
    let root = app.admin("root").await;
    let mut listener = other.listen(KEY).await;

    let signed_out = app.sign_in("alice").await;
    app.sign_out(&signed_out.refresh_token).await.expect_done();
    listener.until(|event| event.kind() == "delta" && event.has_session(&signed_out.session_id)).await;

    let stolen = app.sign_in("alice").await;
    app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
    listener.until(|event| event.kind() == "delta" && event.has_session(&stolen.session_id)).await;

    let bob = app.person("bob").await;
    root.change(&bob.id, &json!({ "roles": ["editor"] })).await.expect(200);
    let changed = listener.until(|event| event.revision_of(&bob.id).is_some()).await;
    let refreshed = app.refresh(&bob.tokens.refresh_token).await.expect_tokens();
    let (_, claims) = crate::support::forge::decode(&refreshed.access_token);
    assert_eq!(changed.revision_of(&bob.id), claims["rev"].as_i64(), "the next token is good");

    root.block(&bob.id).await.expect(200);
    listener.until(|event| event.kind() == "delta" && event.has_session(&bob.tokens.session_id)).await;

    root.revoke(&json!({ "everyone": true })).await.expect(200);
    let everyone = listener.until(|event| event.claims["everyone"].is_i64()).await;
    let opened = uuid::Uuid::parse_str(&root.tokens.session_id).expect("a UUID").get_timestamp().expect("UUIDv7");
    let (seconds, nanos) = opened.to_unix();
    let milliseconds = i64::try_from(seconds).expect("seconds") * 1_000 + i64::from(nanos / 1_000_000);
    assert!(everyone.claims["everyone"].as_i64().expect("milliseconds") >= milliseconds);

    // who joins now learns all of it from the snapshot, at either instance; no id is shown.
    for app in [&app, &other] {
        let snapshot = app.snapshot(KEY).await;
        assert_eq!(snapshot.kind(), "snapshot");
        assert!(snapshot.has_session(&signed_out.session_id) && snapshot.has_session(&stolen.session_id));
        assert!(snapshot.revision_of(&bob.id).is_some() && snapshot.claims["everyone"].is_i64());
        assert!(!snapshot.claims.to_string().contains(&bob.id));
    }
}

/// what is revoked many at a time is said once each, in order, without a gap.
#[tokio::test]
async fn many_revocations_at_once_leave_no_gap() {
    let app = streaming().await;
    app.register("alice").await;
    let sessions = at_once((0..12).map(|_| app.sign_in("alice"))).await;
    let mut listener = app.listen(KEY).await;
    let mut last = listener.next().await.expect("a snapshot").number();
    at_once(sessions.iter().map(|tokens| app.sign_out(&tokens.refresh_token))).await;
    let mut missing: Vec<_> = sessions.iter().map(|tokens| stream_name(&tokens.session_id)).collect();
    while !missing.is_empty() {
        let event = listener.next().await.expect("an event");
        assert_eq!(event.number(), last + 1);
        last = event.number();
        let said = event.claims["sessions"].as_array().cloned().unwrap_or_default();
        for name in said {
            let place = missing.iter().position(|one| name == one.as_str()).expect("each is said once");
            missing.remove(place);
        }
    }
}

///
#[tokio::test]
async fn only_who_has_a_key_may_listen() {
    let app = streaming().await;
    let alice = app.person("alice").await;
    let both = format!("{KEY},{OTHER_KEY}");
    for wrong in ["", "open", "a-key", &both, &KEY.to_uppercase(), &alice.tokens.access_token] {
        expect_status(&app, wrong, 401, "feed_key_invalid").await;
    }
    for path in [STREAM, SNAPSHOT] {
        let answer = app.request("GET", path).send().await;
        answer.expect_problem(401, "feed_key_invalid");
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")));
        app.request("POST", path).bearer(KEY).send().await.expect_problem(405, "method_not_allowed");
        // The head alone: nobody waits for an end.
        app.request("HEAD", path).bearer(KEY).send().await.expect(200);
    }
    // A key opens nothing else.
    app.me(KEY).await.expect_challenge("access_token_invalid");

    let none = app.another(&[]).await;
    expect_status(&none, KEY, 404, "not_found").await;
    let open = app.another(&[("HEIRLOOM_FEED_KEYS", "open")]).await;
    ready(&open).await;
    open.request("GET", SNAPSHOT).send().await.expect(200);
    open.listen("whatever").await.next().await.expect("a snapshot");
}

/// by `typ`, neither can stand for the other.
#[tokio::test]
async fn an_event_is_no_access_token() {
    let app = streaming().await;
    let event = app.snapshot(KEY).await;
    app.check(&event.jws).await.expect_challenge("access_token_invalid");
}

///
#[tokio::test]
async fn a_snapshot_can_be_fetched_and_is_signed_again() {
    let app = streaming().await;
    let first = app.request("GET", SNAPSHOT).bearer(KEY).send().await;
    assert_eq!(first.expect(200).header("cache-control"), Some("max-age=1"));
    let tag = first.header("etag").expect("a tag").to_owned();
    eventually("another is signed", async || {
        let again = app.request("GET", SNAPSHOT).bearer(KEY).header("If-None-Match", &tag).send().await;
        match again.status {
            304 => assert!(again.body.is_empty() && again.header("etag") == Some(&tag)),
            _ => assert!(again.expect(200).header("etag") != Some(&tag) && again.body != first.body),
        }
        again.status == 200
    })
    .await;
}

///
#[tokio::test]
async fn so_many_may_listen_and_who_leaves_makes_room() {
    let more = &[("HEIRLOOM_FEED_MAX_LISTENERS", "2"), ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0")];
    let options = [KEYS, more].concat();
    let app = TestApp::with(&options).await;
    ready(&app).await;
    let (first, mut second) = (app.listen(KEY).await, app.listen(KEY).await);
    let refused = app.request("GET", STREAM).bearer(KEY).send().await;
    refused.expect_problem(503, "too_many_listeners");
    assert!(refused.header("retry-after").is_some());
    app.snapshot(KEY).await;
    assert!(app.metrics().await.contains("heirloom_revocation_listeners 2"));
    drop(first);
    eventually("there is room", async || app.request("GET", STREAM).bearer(KEY).send_raw().await.status() == 200).await;
    second.until(|event| event.kind() == "beat").await;
}

/// an instance that may have missed something is silent, and says what it missed before it goes on.
#[tokio::test]
async fn an_instance_that_hears_nothing_says_nothing() {
    let database = Arc::new(TestDatabase::create().await);
    let (proxy, way) = Proxy::to(&database);
    let deaf = TestApp::by_way_of(database, way, KEYS).await;
    let other = deaf.another(KEYS).await;
    ready(&deaf).await;
    let alice = other.sign_in("alice").await;
    let mut listener = deaf.listen(KEY).await;
    let snapshot = listener.next().await.expect("a snapshot");

    proxy.fall_silent();
    eventually("it notices", async || deaf.request("GET", SNAPSHOT).bearer(KEY).send().await.status == 503).await;
    expect_status(&deaf, KEY, 503, AWAY).await;
    other.sign_out(&alice.refresh_token).await.expect_done();
    let last = read_for_a_while(&mut listener, &snapshot).await;
    proxy.open();

    let next = listener.next().await.expect("the stream goes on");
    assert_eq!((next.number(), next.kind()), (last + 1, "delta"), "{next:?}");
    assert!(next.has_session(&alice.session_id));
    ready(&deaf).await;
    assert!(deaf.snapshot(KEY).await.has_session(&alice.session_id));
}

/// what an instance missed is held in memory for its listeners, but not without limit.
#[tokio::test]
async fn an_instance_that_missed_too_much_begins_another_stream() {
    let database = Arc::new(TestDatabase::create().await);
    let (proxy, way) = Proxy::to(&database);
    let deaf = TestApp::by_way_of(database, way, KEYS).await;
    let other = deaf.another(KEYS).await;
    ready(&deaf).await;
    let mut listener = deaf.listen(KEY).await;
    let stream = listener.next().await.expect("a snapshot").claims["stream"].clone();

    proxy.go_down();
    eventually("it notices", async || deaf.request("GET", SNAPSHOT).bearer(KEY).send().await.status == 503).await;
    let missed = "INSERT INTO departed_sessions (id, revoked_at)
        SELECT gen_random_uuid(), clock_timestamp() FROM generate_series(1, 20001)";
    sqlx::raw_sql(missed).execute(other.db()).await.unwrap();
    proxy.open();

    while let Some(event) = listener.next().await {
        assert_eq!((event.kind(), &event.claims["stream"]), ("beat", &stream));
    }
    ready(&deaf).await;
    let snapshot = deaf.snapshot(KEY).await;
    assert_ne!(snapshot.claims["stream"], stream);
    assert_eq!(snapshot.claims["sessions"].as_array().map(Vec::len), Some(20_001));
}

/// What was sent while the set was complete; then nothing comes.
async fn read_for_a_while(listener: &mut Listener, from: &Event) -> u64 {
    let mut last = from.number();
    while let Ok(event) = tokio::time::timeout(std::time::Duration::from_secs(2), listener.next()).await {
        let event = event.expect("the stream goes on");
        assert_eq!((event.number(), event.kind()), (last + 1, "beat"));
        last = event.number();
    }
    last
}

/// R-10, V4: an instance that starts knows what was revoked before, and another stream begins.
#[tokio::test]
async fn a_server_that_stops_ends_its_streams_and_the_next_one_knows_what_was_revoked() {
    let mut app = streaming().await;
    let alice = app.sign_in("alice").await;
    let mut listener = app.listen(KEY).await;
    let stream = listener.next().await.expect("a snapshot").claims["stream"].clone();
    app.sign_out(&alice.refresh_token).await.expect_done();
    app.stop().await;
    while listener.next().await.is_some() {}

    let next = app.another(KEYS).await;
    ready(&next).await;
    let snapshot = next.listen(KEY).await.next().await.expect("a snapshot");
    assert_ne!(snapshot.claims["stream"], stream);
    assert!(snapshot.has_session(&alice.session_id));
}

/// with the tables locked against every reader, listeners join and hear.
#[tokio::test]
async fn listeners_read_no_table() {
    let app = streaming().await;
    app.post("/api/v1/auth/register", &credentials("alice")).await.expect(201);
    let mut transaction = app.db().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE sessions, users, signing_keys IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    for _ in 0..3 {
        let mut listener = app.listen(KEY).await;
        listener.until(|event| event.kind() == "beat").await;
        app.snapshot(KEY).await;
    }
    transaction.rollback().await.unwrap();
}
