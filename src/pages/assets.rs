use super::{Pages, embedded::FILES};
use crate::http::{Endpoint, Framed, Problem, paths};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::{Data, Query, ServiceConfig},
};

/// The files of `static/`, and the frame of the browser client.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ASSET).get(asset).mount(config);
    Endpoint::at(paths::CLIENT_FRAME).get(client_frame).mount(config);
}

/// How long browsers keep the frame: most page loads need no request for it, and a changed list of origins counts soon.
const FRAME_CACHING: &str = "public, max-age=300";

/// The same for every request.
async fn client_frame(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let frame = pages.client_frame().ok_or_else(|| Problem::not_found("page"))?;
    let mut answer = frame.send(&request, FRAME_CACHING);
    answer.extensions_mut().insert(Framed);
    Ok(answer)
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
