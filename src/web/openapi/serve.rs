use super::Document;
use crate::web::{Endpoint, assets, paths};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, ServiceConfig},
};

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
        Self { version: assets::version(&body), body }
    }
}

/// `/api/openapi.json`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::OPENAPI).get(openapi).mount(config);
}

/// The document: the same for everybody, until the next version.
async fn openapi(request: HttpRequest, document: Data<ServedDocument>) -> HttpResponse {
    assets::send(&request, document.version.clone(), ("application/json", "no-cache"), &document.body)
}
