//! The extractors, each in a server of its framework.

use crate::{
    stub::{Mode, Stub},
    watched::Watched,
};
use heirloom_verifier::{OnStale, SignedIn, Verifier};
use reqwest::header;

const SID: &str = "0197a1f2-0000-7000-8000-000000000001";
const USER: &str = "3b1f0d9e-6c1c-4f7b-9a55-000000000001";

async fn hello(SignedIn(user): SignedIn) -> String {
    user.sub
}

async fn serve_axum(verifier: Verifier) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/", axum::routing::get(hello)).with_state(verifier);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn serve_actix(verifier: Verifier) -> String {
    use actix_web::{App, HttpServer, web};
    let app = move || App::new().app_data(web::Data::new(verifier.clone())).route("/", web::get().to(hello));
    let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.addrs()[0]);
    tokio::spawn(server.run());
    url
}

/// Status, one header and body of a request with this `Authorization`.
async fn answer(url: &str, authorization: Option<&str>, name: header::HeaderName) -> (u16, String, String) {
    let request = reqwest::Client::new().get(url);
    let request = match authorization {
        Some(value) => request.header(header::AUTHORIZATION, value),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let value = answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (answer.status().as_u16(), value, answer.text().await.unwrap())
}

async fn expect_answers(stub: &Stub, watched: &Watched, url: &str) {
    let token = stub.signer.token(SID, USER, 3);
    let bearer = format!("bearer {token}");
    let (status, _, body) = answer(url, Some(&bearer), header::DATE).await;
    assert_eq!((status, body.as_str()), (200, USER));

    let (status, challenge, _) = answer(url, None, header::WWW_AUTHENTICATE).await;
    assert_eq!((status, challenge.as_str()), (401, "Bearer"));
    let (status, challenge, _) = answer(url, Some("Basic YTpi"), header::WWW_AUTHENTICATE).await;
    assert_eq!((status, challenge.as_str()), (401, "Bearer"));
    for (token, code) in [("nonsense", "invalid"), (token.as_str(), "revoked")] {
        if code == "revoked" {
            stub.revoke(SID);
            watched.expect(token, "revoked").await;
        }
        let (status, challenge, _) = answer(url, Some(&format!("Bearer {token}")), header::WWW_AUTHENTICATE).await;
        assert_eq!(status, 401);
        assert_eq!(challenge, format!("Bearer error=\"invalid_token\", error_description=\"{code}\""));
    }
    stub.becomes(Mode::Unreachable);
    stub.cut();
    watched.expect(&token, "stale").await;
    let (status, again, _) = answer(url, Some(&bearer), header::RETRY_AFTER).await;
    assert_eq!((status, again.as_str()), (503, "2"));
}

#[tokio::test]
async fn axum_refuses_what_the_verifier_refuses() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let url = serve_axum(watched.verifier.clone()).await;
    expect_answers(&stub, &watched, &url).await;
}

#[actix_web::test]
async fn actix_refuses_what_the_verifier_refuses() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let url = serve_actix(watched.verifier.clone());
    expect_answers(&stub, &watched, &url).await;
}
