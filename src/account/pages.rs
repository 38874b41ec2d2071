use crate::web::{Endpoint, Pages, Problem, html, paths};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::{Data, ServiceConfig},
};
use minijinja::context;

/// `/account`, and the way there from `/`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ACCOUNT_PAGE).get(account).mount(config);
    Endpoint::at(paths::HOME).get(home).mount(config);
}

/// The page without anybody's data: the cookie does not come here. Its script signs in silently and fills it in.
async fn account(pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    Ok(html(StatusCode::OK, pages.render("account/account.html", context! {})?))
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::ACCOUNT_PAGE)).finish()
}
