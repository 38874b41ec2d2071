//! The files of `static/`, inside the binary.

use super::{ServedFile, served::content_type};
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
pub(super) static FILES: LazyLock<BTreeMap<String, ServedFile>> = LazyLock::new(|| {
    let embedded = Embedded::iter().filter_map(|name| {
        let content = Embedded::get(&name)?.data.into_owned();
        Some((name.to_string(), ServedFile::new(content_type(&name), content)))
    });
    let mut files: BTreeMap<_, _> = embedded.collect();
    let list = ServedFile::new("application/json", list(&files).to_string());
    files.insert(LIST.to_owned(), list);
    files
});

/// Compresses the files, so that no request waits for that.
pub(super) fn prepare() {
    LazyLock::force(&FILES);
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
