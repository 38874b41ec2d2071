//! The files of `static/`: the same for all users, cached by browsers, pinned by pages elsewhere.

use crate::support::TestApp;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};

#[tokio::test]
async fn the_manifest_names_every_file_with_its_version_and_its_integrity() {
    let app = TestApp::start().await;
    let manifest = app.get("/static/manifest.json").await;
    assert_eq!(manifest.text("/version"), env!("CARGO_PKG_VERSION"));
    for name in ["heirloom.js", "heirloom.css"] {
        let file = &manifest.json()["files"][name];
        let (url, integrity) = (file["url"].as_str().expect("a URL"), file["integrity"].as_str().expect("a hash"));
        let served = app.get(url).await;
        let hash = STANDARD.encode(digest::digest(&digest::SHA384, served.body.as_bytes()));
        assert_eq!(integrity, format!("sha384-{hash}"));
        // Pages of other origins load it with `crossorigin`, without which there is no integrity check.
        assert_eq!(served.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test]
async fn a_file_is_kept_for_good_under_its_version_only() {
    let app = TestApp::start().await;
    let manifest = app.get("/static/manifest.json").await.json();
    let url = manifest["files"]["heirloom.js"]["url"].as_str().expect("a URL").to_owned();
    assert_eq!(app.get(&url).await.header("cache-control"), Some("public, max-age=31536000, immutable"));
    for other in ["/static/heirloom.js", "/static/heirloom.js?v=older", "/static/heirloom.js?v"] {
        assert_eq!(app.get(other).await.header("cache-control"), Some("no-cache"), "{other}");
    }
}

#[tokio::test]
async fn a_browser_that_has_the_file_gets_no_second_copy() {
    let app = TestApp::start().await;
    let first = app.get("/static/heirloom.js").await;
    let tag = first.header("etag").expect("a tag");
    let second = app.request("GET", "/static/heirloom.js").header("If-None-Match", tag).send().await;
    second.expect(304);
    assert!(second.body.is_empty());
}

/// Compressed once at the start: an answer carries the bytes of the answer before.
#[tokio::test]
async fn every_client_gets_the_encoding_that_it_accepts() {
    let app = TestApp::start().await;
    for path in ["/static/heirloom.js", "/static/manifest.json", "/static/heirloom.css", "/api/openapi.json"] {
        for (accepted, expected) in
            [("gzip, deflate, br, zstd", Some("br")), ("gzip", Some("gzip")), ("br;q=0", None), ("identity", None)]
        {
            let send = || app.request("GET", path).header("Accept-Encoding", accepted).send_raw();
            let (first, second) = (send().await, send().await);
            let encoding =
                first.headers().get("content-encoding").map(|value| value.to_str().expect("ASCII").to_owned());
            assert_eq!(encoding.as_deref(), expected, "{path} {accepted}");
            let vary = first.headers()["vary"].to_str().expect("ASCII");
            assert!(vary.contains("Accept-Encoding"), "{path}: {vary}");
            let (first, second) = (first.bytes().await.expect("a body"), second.bytes().await.expect("a body"));
            assert!(!first.is_empty() && first == second, "{path} {accepted}");
        }
    }
}

/// The client is smaller than 5 KB in transfer.
#[tokio::test]
async fn files_travel_compressed_and_pages_do_not() {
    let app = TestApp::start().await;
    let compressed = app.request("GET", "/static/heirloom.js").header("Accept-Encoding", "gzip").send_raw().await;
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    assert!(compressed.bytes().await.expect("a body").len() < 5_000);
    // A page that shows what was typed must not be compressed together with it (BREACH).
    let page = app.request("GET", "/login").header("Accept-Encoding", "gzip").send_raw().await;
    assert!(!page.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn the_package_has_the_version_that_is_served() {
    let package: serde_json::Value = serde_json::from_str(include_str!("../../clients/js/package.json")).expect("JSON");
    let app = TestApp::start().await;
    assert_eq!(
        app.get("/static/manifest.json").await.text("/version"),
        package["version"].as_str().expect("a version")
    );
}
