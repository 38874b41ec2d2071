use crate::{
    admin,
    http::{self, Cursors, Limits, Problem, Readiness, SecurityHeaders, paths},
    keys::{self, Keys},
    lifecycle::{self, Lifecycle},
    mail::Mail,
    me,
    openapi::{self, ServedDocument},
    pages::{self, Pages},
    sessions::{self, Sessions},
    sign_in,
    upstream::Upstream,
    users::Accounts,
    world::World,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, ServiceConfig, scope, to},
};

/// What every request may ask for.
#[derive(Clone)]
pub(super) struct Shared {
    pub world: Data<World>,
    pub accounts: Data<Accounts>,
    pub keys: Data<Keys>,
    pub sessions: Data<Sessions>,
    pub mail: Data<Mail>,
    pub lifecycle: Data<Lifecycle>,
    pub upstream: Data<Upstream>,
    pub cursors: Data<Cursors>,
    pub readiness: Data<Readiness>,
    pub pages: Data<Pages>,
    pub headers: Data<SecurityHeaders>,
    pub limits: Data<Limits>,
    pub document: Data<ServedDocument>,
}

impl Shared {
    pub fn configure(self, config: &mut ServiceConfig) {
        let options = self.world.config.http.clone();
        config
            .app_data(self.world)
            .app_data(self.accounts)
            .app_data(self.keys)
            .app_data(self.sessions)
            .app_data(self.mail)
            .app_data(self.lifecycle)
            .app_data(self.upstream)
            .app_data(self.cursors)
            .app_data(self.readiness)
            .app_data(self.pages)
            .app_data(self.headers)
            .app_data(self.limits)
            .app_data(self.document)
            .configure(http::health_routes)
            .configure(pages::asset_routes)
            .configure(openapi::page_routes)
            .configure(keys::routes)
            .configure(sign_in::page_routes)
            .configure(lifecycle::page_routes)
            .configure(me::page_routes)
            .configure(admin::page_routes)
            .service(scope(paths::API).wrap(http::cors(&options)).configure(api))
            .default_service(to(nothing_here));
    }
}

/// The API, behind CORS.
fn api(config: &mut ServiceConfig) {
    config
        .configure(sign_in::api_routes)
        .configure(sessions::routes)
        .configure(lifecycle::routes)
        .configure(me::api_routes)
        .configure(admin::api_routes)
        .configure(openapi::routes)
        .default_service(to(nothing_here));
}

async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, Problem> {
    http::check_limit(&request)?;
    Err(Problem::not_found("endpoint"))
}
