//! The description of the interface, held against the interface.

use crate::support::{NOBODY, TestApp};
use heirloom::{
    app::description,
    http::{kind, paths},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Pages and files for browsers: they are not part of the interface.
fn is_for_programs(path: &str) -> bool {
    path.starts_with(paths::API) || [paths::JWKS, paths::HEALTH, paths::READY].contains(&path)
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |m| (path, m)));
    methods.map(|(path, (method, operation))| (method.to_uppercase(), path.clone(), operation)).collect()
}

fn described(document: &Value) -> BTreeSet<(String, String)> {
    operations(document).into_iter().map(|(method, path, _)| (method, path)).collect()
}

///
#[test]
fn every_endpoint_is_described_and_nothing_else() {
    let endpoints = paths::ALL.iter().filter(|(_, path)| is_for_programs(path));
    let endpoints: BTreeSet<_> = endpoints.map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described(description().as_json()), endpoints);
}

/// Asked over HTTP: what is described is there, and what is not described is 405.
#[tokio::test]
async fn the_server_has_the_methods_that_are_described() {
    let app = TestApp::start().await;
    let document = app.get("/api/openapi.json").await.json();
    assert_eq!(&document, description().as_json());
    let described = described(&document);
    let paths: BTreeSet<_> = described.iter().map(|(_, path)| path.clone()).collect();
    for path in paths {
        for method in METHODS {
            let answer = app.request(method, &path.replace("{id}", NOBODY)).send().await;
            let is_there = described.contains(&(method.to_owned(), path.clone()));
            assert_eq!(answer.status != 405, is_there, "{method} {path}: {answer:?}");
        }
    }
}

/// Collects every value under a key, wherever it stands.
fn collect<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(key));
            members.values().for_each(|member| collect(member, key, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        _ => {}
    }
}

///
#[test]
fn every_kind_of_problem_is_described_with_its_status() {
    let document = description();
    let mut codes = BTreeSet::new();
    let shared = document.as_json()["components"]["responses"].as_object().unwrap().values();
    let own = operations(document.as_json())
        .into_iter()
        .flat_map(|(_, _, one)| one["responses"].as_object().unwrap().values());
    for answer in shared.chain(own) {
        let Some(content) = answer.pointer("/content/application~1problem+json") else { continue };
        let narrowed = &content["schema"]["allOf"][1]["properties"];
        for code in narrowed["code"]["enum"].as_array().unwrap() {
            let known = kind::ALL.iter().find(|kind| kind.code == code).expect("a code of web/kind.rs");
            assert_eq!(narrowed["status"]["const"], known.status);
            codes.insert(known.code);
        }
    }
    assert_eq!(codes, kind::ALL.iter().map(|kind| kind.code).collect());
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let document = description();
    let document = document.as_json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect(document, "$ref", &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let names: BTreeSet<_> = operations(document).iter().map(|(_, _, one)| one["operationId"].to_string()).collect();
    assert_eq!(names.len(), operations(document).len());
}

/// Everybody has the same document: who has it already gets nothing but 304.
#[tokio::test]
async fn the_description_is_sent_once() {
    let app = TestApp::start().await;
    let first = app.get("/api/openapi.json").await;
    assert_eq!((first.status, first.header("content-type")), (200, Some("application/json")));
    let tag = first.header("etag").unwrap().to_owned();
    let again = app.request("GET", "/api/openapi.json").header("If-None-Match", &tag).send().await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

/// C-31: Nothing of the page comes from elsewhere: it works offline, and under our Content-Security-Policy.
#[tokio::test]
async fn the_page_to_read_it_needs_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.get("/docs").await;
    page.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let script = app.get("/static/docs.js").await;
    for text in [&page.body, &script.expect(200).body] {
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"), "{text}");
    }
    assert!(page.body.contains("/static/docs.js") && script.body.contains("/api/openapi.json"));
}
