use super::{Endpoint, Problem, paths};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, ETag, EntityTag, Header, IfNoneMatch},
    web::ServiceConfig,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static"]
struct Assets;

/// The files of `static/`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ASSET).get(asset).mount(config);
}

/// Serves one embedded file. Browsers keep it and ask each time whether it is still the one: an upgrade is seen at once.
async fn asset(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("name").unwrap_or_default();
    let file = Assets::get(name).ok_or_else(|| Problem::not_found("file"))?;
    let tag = EntityTag::new_strong(URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash()));
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        _ => false,
    };
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    if known {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(content_type(name)).body(file.data.into_owned()))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ts") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
