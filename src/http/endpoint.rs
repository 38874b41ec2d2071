use super::{
    Problem, kind,
    limits::{Limit, guarded},
    paths,
};
use actix_web::{
    FromRequest, Handler, HttpRequest, Resource, Responder,
    guard::{self, Guard},
    http::header,
    middleware::from_fn,
    web::{self, ServiceConfig},
};

/// One path and its methods. Any other method is 405 with `Allow` (RFC 9110 §15.5.6).
pub struct Endpoint {
    resource: Resource,
    allowed: Vec<&'static str>,
    limit: Limit,
}

impl Endpoint {
    /// An endpoint that has no method yet.
    #[must_use]
    pub fn at(path: &str) -> Self {
        Self { resource: web::resource(path), allowed: Vec::new(), limit: Limit::Usual }
    }

    /// An endpoint of the API, whose paths are mounted inside the scope [`paths::API`].
    #[must_use]
    pub fn api(path: &str) -> Self {
        Self::at(path.strip_prefix(paths::API).unwrap_or(path))
    }

    /// Its POST hashes a password: fewer of them are let through for each address.
    #[must_use]
    pub fn hashing(self) -> Self {
        Self { limit: Limit::Hashing, ..self }
    }

    /// Asked by machines on behalf of everyone, at next to no cost: no limit applies.
    #[must_use]
    pub fn unlimited(self) -> Self {
        Self { limit: Limit::None, ..self }
    }

    /// Answers GET, and HEAD without a body.
    #[must_use]
    pub fn get<F, A>(mut self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.allowed.push("HEAD");
        self.route("GET", guard::Any(guard::Get()).or(guard::Head()), handler)
    }

    /// Answers POST.
    #[must_use]
    pub fn post<F, A>(self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("POST", guard::Post(), handler)
    }

    /// Answers PATCH.
    #[must_use]
    pub fn patch<F, A>(self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("PATCH", guard::Patch(), handler)
    }

    /// Answers DELETE.
    #[must_use]
    pub fn delete<F, A>(self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("DELETE", guard::Delete(), handler)
    }

    /// Puts the endpoint in its place.
    pub fn mount(self, config: &mut ServiceConfig) {
        let allowed = self.allowed.join(", ");
        let refuse = move |request: HttpRequest| std::future::ready(method_not_allowed(&request, &allowed));
        let limit = self.limit;
        let guard = from_fn(move |request, next| guarded(limit, request, next));
        config.service(self.resource.default_service(web::to(refuse)).wrap(guard));
    }

    fn route<F, A>(mut self, method: &'static str, guard: impl Guard + 'static, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.allowed.push(method);
        self.resource = self.resource.route(web::route().guard(guard).to(handler));
        self
    }
}

fn method_not_allowed(request: &HttpRequest, allowed: &str) -> Result<&'static str, Problem> {
    let detail = format!("{} is not allowed; use {allowed}.", request.method());
    Err(Problem::new(kind::METHOD_NOT_ALLOWED, detail).with_header(header::ALLOW, allowed))
}
