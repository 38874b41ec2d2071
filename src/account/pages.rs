use crate::web::{Endpoint, Problem, Sample, View, paths};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::ServiceConfig,
};
use minijinja::context;

const ACCOUNT: &str = "account/account.html";

/// `/account`, and the way there from `/`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ACCOUNT_PAGE).get(account).mount(config);
    Endpoint::at(paths::HOME).get(home).mount(config);
}

/// The page without anybody's data: the cookie does not come here. Its script signs in silently and fills it in.
async fn account(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, ACCOUNT, &context! {})
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::ACCOUNT_PAGE)).finish()
}

/// The page, to be tried.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    vec![(ACCOUNT, context! {})]
}
