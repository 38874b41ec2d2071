use super::Document;
use crate::{
    http::{Endpoint, Problem, paths},
    pages::{Sample, ServedFile, View},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, ServiceConfig},
};
use minijinja::context;
use std::sync::{Arc, OnceLock};
use utoipa::OpenApi;

/// The document as it is sent: written once, when a client first asks for it. Few servers are ever asked, and writing it
/// takes three megabytes.
#[derive(Debug, Clone)]
pub struct ServedDocument {
    write: fn() -> Document,
    written: Arc<OnceLock<ServedFile>>,
}

impl ServedDocument {
    /// The document that this function writes.
    #[must_use]
    pub fn of(write: fn() -> Document) -> Self {
        Self { write, written: Arc::default() }
    }

    fn file(&self) -> &ServedFile {
        self.written.get_or_init(|| ServedFile::new("application/json", (self.write)().as_json().to_string()))
    }
}

/// `/api/openapi.json`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::OPENAPI).get(openapi).mount(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(openapi))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

/// `/docs`.
pub fn page_routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::DOCS_PAGE).get(docs).mount(config);
}

const DOCS: &str = "docs/docs.html";

/// The page to read it and to try it: its script loads the document.
async fn docs(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, DOCS, &context! {})
}

/// A sample of the page.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    vec![(DOCS, context! {})]
}

/// The document: the same for all clients, until the next version.
#[utoipa::path(
    get,
    path = paths::OPENAPI,
    tag = "service",
    operation_id = "openapi",
    summary = "Read this document",
    responses(
        (status = 200, body = std::collections::HashMap<String, serde_json::Value>, description = "OpenAPI 3.1, as JSON", headers(("ETag" = String))),
        (status = 304, description = "Not modified: `If-None-Match` names the current version", headers(("ETag" = String))),
    ),
)]
async fn openapi(request: HttpRequest, document: Data<ServedDocument>) -> HttpResponse {
    document.file().send(&request, "no-cache")
}
