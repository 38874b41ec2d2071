use super::Document;
use crate::{
    http::{Endpoint, Problem, paths},
    pages::{Sample, View, asset_version, send_asset},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Bytes, Data, ServiceConfig},
};
use minijinja::context;

/// The document as it is sent, made once.
#[derive(Debug, Clone)]
pub struct ServedDocument {
    body: Bytes,
    version: String,
}

impl ServedDocument {
    /// Writes it out.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let body = Bytes::from(document.as_json().to_string());
        Self { version: asset_version(&body), body }
    }
}

/// `/api/openapi.json`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::OPENAPI).get(openapi).mount(config);
}

/// `/docs`.
pub fn page_routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::DOCS_PAGE).get(docs).mount(config);
}

const DOCS: &str = "docs/docs.html";

/// The page to read it and try it: its script asks for the document.
async fn docs(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, DOCS, &context! {})
}

/// The page, to be tried.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    vec![(DOCS, context! {})]
}

/// The document: the same for everybody, until the next version.
async fn openapi(request: HttpRequest, document: Data<ServedDocument>) -> HttpResponse {
    send_asset(&request, document.version.clone(), ("application/json", "no-cache"), &document.body)
}
