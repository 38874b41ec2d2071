use super::{Pages, ServedFile, embedded::FILES};
use crate::{
    config::HttpOptions,
    http::{Endpoint, Framed, Problem, paths},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, ServiceConfig},
};

/// The frame of the browser client.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::CLIENT_FRAME).get(frame).mount(config);
}

/// How long browsers keep it: most page loads need no request for it, and a changed list of origins counts soon.
const CACHING: &str = "public, max-age=300";
/// The script in it.
const SCRIPT: &str = "client-frame.js";

/// An empty page with a script, through which the pages of the allowed origins share what browsers keep for each
/// origin. The same for every request.
async fn frame(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let frame = pages.client_frame().ok_or_else(|| Problem::not_found("page"))?;
    let mut answer = frame.send(&request, CACHING);
    answer.extensions_mut().insert(Framed);
    Ok(answer)
}

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
