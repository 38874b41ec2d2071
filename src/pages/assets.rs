use super::{Pages, ServedFile};
use crate::http::{Endpoint, Problem, paths};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::{Data, Query, ServiceConfig},
};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use rust_embed::RustEmbed;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static"]
struct Embedded;

/// The folder of [`paths::ASSET`].
const FOLDER: &str = "/static";
/// The list of all files, with their versions and integrity hashes.
const LIST: &str = "manifest.json";

/// The files of `static/` and their list, compressed once per process.
static FILES: LazyLock<BTreeMap<String, ServedFile>> = LazyLock::new(|| {
    let embedded = Embedded::iter().filter_map(|name| {
        let content = Embedded::get(&name)?.data.into_owned();
        Some((name.to_string(), ServedFile::new(content_type(&name), content)))
    });
    let mut files: BTreeMap<_, _> = embedded.collect();
    let list = ServedFile::new("application/json", list(&files).to_string());
    files.insert(LIST.to_owned(), list);
    files
});

/// The files of `static/`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ASSET).get(asset).mount(config);
}

/// Compresses the files, so that no request waits for that.
pub(super) fn prepare() {
    LazyLock::force(&FILES);
}

/// Serves one file, embedded or created from the options. Browsers revalidate it each time, so that they see an upgrade
/// at once; with its version in the URL they cache it permanently. Pages of other origins may load it: it is public.
async fn asset(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("name").unwrap_or_default();
    let file = pages.brand_file(name).or_else(|| FILES.get(name)).ok_or_else(|| Problem::not_found("file"))?;
    let query = Query::<Vec<(String, String)>>::from_query(request.query_string()).ok();
    let is_pinned = query.is_some_and(|query| query.iter().any(|(key, value)| key == "v" && value == file.version()));
    let caching = if is_pinned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = file.send(&request, caching);
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(answer)
}

/// For pages of other origins that load the client from here: the URL of each file with its version, and its hash for
/// the `integrity` attribute (W3C Subresource Integrity).
fn list(files: &BTreeMap<String, ServedFile>) -> Value {
    let entry = |(name, file): (&String, &ServedFile)| {
        let integrity = digest::digest(&digest::SHA384, file.content());
        let url = format!("{FOLDER}/{name}?v={}", file.version());
        (name.clone(), json!({ "url": url, "integrity": format!("sha384-{}", STANDARD.encode(integrity)) }))
    };
    let files: serde_json::Map<_, _> = files.iter().map(entry).collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "files": files })
}

/// The media type of a file name.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ts") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
