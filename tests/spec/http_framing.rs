//! What becomes of a body that is framed, packed or announced in a way that we do not take, and of ids that are written
//! in other ways than ours.

use crate::support::{Request, TestApp};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends a request and no more, with the connection left open, and reads until the answer's body is there.
async fn say(app: &TestApp, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let request = format!("{head}\r\nHost: heirloom.test\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut answer, mut part) = (String::new(), [0; 4096]);
    // Generous: it is there to end a test that fails.
    let reading = async {
        while !answer.ends_with('}') {
            let length = stream.read(&mut part).await.unwrap_or(0);
            if length == 0 {
                break;
            }
            answer.push_str(&String::from_utf8_lossy(&part[..length]));
        }
    };
    drop(tokio::time::timeout(Duration::from_mins(1), reading).await);
    answer
}

/// The status and the code of a problem, as it came over the wire.
fn problem(answer: &str) -> (&str, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    assert!(head.to_lowercase().contains("content-type: application/problem+json"), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (head.split(' ').nth(1).unwrap_or_default(), body["code"].as_str().unwrap_or_default().to_owned())
}

/// What reads JSON of anyone: the first two must have it, the others may.
const POSTS: [&str; 4] = ["/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout"];

/// A-11: Who waited for it would answer 408 after ten seconds.
#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_waited_for() {
    let app = TestApp::start().await;
    for path in POSTS {
        for length in [64 * 1024 + 1, 5_000_000_000_u64] {
            let rest = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
            let answer = say(&app, &format!("POST {path} HTTP/1.1"), &rest).await;
            assert_eq!(problem(&answer), ("413", "payload_too_large".to_owned()), "{path}");
        }
    }
    app.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_body_in_broken_chunks_gets_a_problem_of_ours() {
    let app = TestApp::start().await;
    for path in POSTS {
        for chunks in
            ["zz\r\n{}\r\n0\r\n\r\n", "2;\0\r\n{}", "-1\r\n", "2\r\n{}xx0\r\n\r\n", "ffffffffffffffffff\r\n{}"]
        {
            let rest = format!("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            let answer = say(&app, &format!("POST {path} HTTP/1.1"), &rest).await;
            assert_eq!(problem(&answer), ("400", "malformed_request".to_owned()), "{path} {chunks:?}");
            for words in ["payload", "Payload", "chunk", "parse", "Invalid", "Some("] {
                assert!(!answer.contains(words), "{answer}");
            }
        }
    }
}

/// A-12: Nothing is unpacked: not a small body that grows to a large one, either.
#[tokio::test]
async fn a_packed_body_is_of_the_wrong_type() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let body = crate::support::credentials("alice");
    let send = |coding: &str, request: Request| request.header("Content-Encoding", coding).send();
    for coding in ["gzip", "br", "deflate", "zstd", "x-gzip", "identity, gzip", "nonsense", ""] {
        let json = app.request("POST", "/api/v1/auth/login").json(&body);
        let answer = send(coding, json).await;
        answer.expect_problem(415, "unsupported_media_type").expect_no_cookie();
        assert_eq!(answer.header("accept-encoding"), Some("identity"), "{answer:?}");
        let optional = app.request("POST", "/api/v1/auth/refresh").json(&json!({ "refresh_token": "x" }));
        send(coding, optional).await.expect_problem(415, "unsupported_media_type");
        let form = app.request("POST", "/login").form(&[("email", "a@b.c"), ("password", "x")]);
        assert_eq!(send(coding, form).await.status, 415, "{coding}");
    }
    for coding in ["identity", "IDENTITY"] {
        send(coding, app.request("POST", "/api/v1/auth/login").json(&body)).await.expect_tokens();
    }
}

/// A-1: One thing, one name: who counts, compares or blocks ids as text in front of us is not led past.
#[tokio::test]
async fn an_id_is_written_with_dashes_and_nothing_else() {
    let app = TestApp::start().await;
    let (admin, alice) = (app.admin("root").await, app.person("alice").await);
    let id = alice.id.clone();
    let user = |id: &str| format!("/api/v1/admin/users/{id}");
    admin.get(&user(&id)).await.expect(200);
    admin.get(&user(&id.to_uppercase())).await.expect(200);
    let bare = id.replace('-', "");
    let braced = format!("{{{id}}}");
    for other in [
        &bare,
        &braced,
        &format!("{{{bare}}}"),
        &format!("urn:uuid:{id}"),
        &format!("{id}-"),
        &format!("-{}", &id[..35]),
        &format!("+{}", &id[1..]),
        &id[..35].to_owned(),
    ] {
        let in_path = other.replace('{', "%7B").replace('}', "%7D");
        admin.get(&user(&in_path)).await.expect_problem(404, "not_found");
        admin.patch(&user(&in_path), &json!({})).await.expect_problem(404, "not_found");
        let own = format!("/api/v1/me/sessions/{in_path}");
        alice.delete(&own).await.expect_problem(404, "not_found");
        let query = format!("/api/v1/admin/sessions?user_id={in_path}");
        admin.get(&query).await.expect_problem(422, "validation_failed");
        let revoke = admin.post("/api/v1/admin/revoke", &json!({ "user_id": other })).await;
        revoke.expect_fields(&["user_id"]);
    }
    alice.check().await.expect_done();
}
