use crate::{
    http::{Endpoint, Problem, paths},
    pages::{Sample, View},
};
use actix_web::{HttpResponse, http::StatusCode, web::ServiceConfig};
use minijinja::context;

const ADMIN: &str = "admin/admin.html";

/// `/admin` and what lies below: one page, whose script shows what its address says, so that links and reloads work.
pub fn routes(config: &mut ServiceConfig) {
    let pages = [
        paths::ADMIN_PAGE,
        paths::ADMIN_PEOPLE_PAGE,
        paths::ADMIN_PERSON_PAGE,
        paths::ADMIN_INVITATIONS_PAGE,
        paths::ADMIN_SESSIONS_PAGE,
        paths::ADMIN_AUDIT_PAGE,
    ];
    for path in pages {
        Endpoint::at(path).get(console).mount(config);
    }
}

/// The page without any data: the API decides whether the user is an administrator.
async fn console(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, ADMIN, &context! {})
}

/// A sample of the page.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    vec![(ADMIN, context! {})]
}
