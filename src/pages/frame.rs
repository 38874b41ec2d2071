//! The frame of the browser client: an empty page with a script, through which the pages of the allowed origins share what
//! browsers keep for each origin.

use super::{ServedFile, embedded::FILES};
use crate::config::HttpOptions;

/// The script in it.
const SCRIPT: &str = "client-frame.js";

/// None where no web site's origin is allowed. An origin holds no character that HTML would read as more than text.
pub(super) fn client_frame(options: &HttpOptions) -> Option<ServedFile> {
    let origins: Vec<_> = options.allowed_sites().collect();
    let version = FILES.get(SCRIPT)?.version();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\" data-origins=\"{}\">\n<meta charset=\"utf-8\">\n<title>Heirloom</title>\n\
         <script type=\"module\" src=\"../static/{SCRIPT}?v={version}\"></script>\n",
        origins.join(" ")
    );
    (!origins.is_empty()).then(|| ServedFile::new("text/html; charset=utf-8", page))
}
