use super::Pages;
use crate::{
    http::{Endpoint, Problem, paths},
    kernel::sha256,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, AcceptEncoding, ETag, Encoding, EntityTag, Header, HeaderValue, IfNoneMatch},
    web::{Data, Query, ServiceConfig},
};
use aws_lc_rs::digest;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use flate2::{Compression, write::GzEncoder};
use rust_embed::RustEmbed;
use serde_json::{Value, json};
use std::{borrow::Cow, io::Write};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static"]
struct Assets;

/// The folder of [`paths::ASSET`].
const FOLDER: &str = "/static";
/// The list of all files, with their versions and integrity hashes.
const LIST: &str = "manifest.json";

/// The files of `static/`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ASSET).get(asset).mount(config);
}

/// Serves one file, embedded or made of the options. Browsers keep it and ask each time whether it is still the one, so that an upgrade is seen
/// at once; under its version they keep it for good. Pages of other origins may load it: it is the same for everybody.
async fn asset(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("name").unwrap_or_default();
    if name == LIST {
        return Ok(public(HttpResponse::Ok(), "no-cache").json(list()));
    }
    let pages = request.app_data::<Data<Pages>>();
    let brand = pages.and_then(|pages| pages.brand_file(name)).map(|file| Cow::Owned(file.content.clone()));
    let embedded = || Assets::get(name).map(|file| file.data);
    let data = brand.or_else(embedded).ok_or_else(|| Problem::not_found("file"))?;
    let version = version(&data);
    let asked_for = Query::<Vec<(String, String)>>::from_query(request.query_string()).ok();
    let is_pinned = asked_for.is_some_and(|query| query.iter().any(|(key, value)| key == "v" && *value == version));
    let caching = if is_pinned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = send(&request, version, (content_type(name), caching), &data);
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(answer)
}

/// Sends what is the same for everybody: not at all to whom has this version, and compressed to whom takes it.
#[must_use]
pub fn send(
    request: &HttpRequest,
    version: String,
    (content_type, caching): (&str, &'static str),
    data: &[u8],
) -> HttpResponse {
    // Weak: the same file travels compressed and not.
    let tag = EntityTag::new_weak(version);
    let known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        _ => false,
    };
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::CACHE_CONTROL, caching)).insert_header((header::VARY, "Accept-Encoding"));
    answer.insert_header(ETag(tag));
    if known {
        return answer.finish();
    }
    answer.content_type(content_type);
    match compressed(request, data) {
        Some(body) => answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(body),
        None => answer.body(data.to_vec()),
    }
}

/// The file as gzip, for those who take it. Unlike pages, files hold nothing that is secret (BREACH).
fn compressed(request: &HttpRequest, data: &[u8]) -> Option<Vec<u8>> {
    let accepted = AcceptEncoding::parse(request).ok()?;
    let wanted = [Encoding::gzip(), Encoding::identity()];
    if accepted.is_empty() || accepted.negotiate(wanted.iter()) != Some(Encoding::gzip()) {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).ok()?;
    encoder.finish().ok()
}

fn public(mut answer: actix_web::HttpResponseBuilder, caching: &'static str) -> actix_web::HttpResponseBuilder {
    answer.insert_header((header::CACHE_CONTROL, caching)).insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    answer.insert_header((header::VARY, "Accept-Encoding"));
    answer
}

/// Sixteen characters that change with the content.
#[must_use]
pub fn version(data: &[u8]) -> String {
    let digest = sha256(data);
    URL_SAFE_NO_PAD.encode(digest.as_bytes().iter().take(12).copied().collect::<Vec<_>>())
}

/// For pages elsewhere that load the client from here: where each file is under its version, and its hash for the
/// `integrity` attribute (W3C Subresource Integrity).
fn list() -> Value {
    let entry = |name: &str| {
        let file = Assets::get(name)?;
        let integrity = digest::digest(&digest::SHA384, &file.data);
        let url = format!("{FOLDER}/{name}?v={}", version(&file.data));
        Some((name.to_owned(), json!({ "url": url, "integrity": format!("sha384-{}", STANDARD.encode(integrity)) })))
    };
    let files: serde_json::Map<_, _> = Assets::iter().filter_map(|name| entry(&name)).collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "files": files })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ts") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
