use super::{Problem, kind};
use crate::{
    config::{HttpOptions, Origin},
    world::World,
};
use actix_cors::Cors;
use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};
use std::future::{Ready, ready};

/// Proof that this request does not come from a foreign page (OWASP CSRF: Fetch Metadata with an `Origin` check behind
/// it).
///
/// Asked for by everything that bears the cookie or would set it. No browser omits both headers on a cross-site POST;
/// a client that sends neither is not a browser, and passes.
#[derive(Debug)]
pub struct SameOrigin(());

impl FromRequest for SameOrigin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let world = request.app_data::<web::Data<World>>();
        ready(world.ok_or_else(Problem::internal).and_then(|world| check(request, &world.config.http)))
    }
}

/// As [`SameOrigin`], or the proof that an app asks with a token in the body: its origin is allowed, and the request
/// bears no cookie that a foreign page could have sent along. What sets a cookie asks for [`SameOrigin`] itself.
#[derive(Debug)]
pub struct TokenOrigin(());

impl FromRequest for TokenOrigin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let world = request.app_data::<web::Data<World>>();
        ready(world.ok_or_else(Problem::internal).and_then(|world| {
            let options = &world.config.http;
            if is_app_without_cookie(request, options) {
                return Ok(Self(()));
            }
            check(request, options).map(|SameOrigin(())| Self(()))
        }))
    }
}

fn is_app_without_cookie(request: &HttpRequest, options: &HttpOptions) -> bool {
    let origins: Vec<_> = request.headers().get_all(header::ORIGIN).map(HeaderValue::as_bytes).collect();
    let is_app = |known: &Origin| !known.is_web() && origins == [known.as_str().as_bytes()];
    options.allowed_origins.iter().any(is_app) && !request.headers().contains_key(header::COOKIE)
}

fn check(request: &HttpRequest, options: &HttpOptions) -> Result<SameOrigin, Problem> {
    let origins: Vec<_> = request.headers().get_all(header::ORIGIN).collect();
    let sites: Vec<_> = request.headers().get_all("sec-fetch-site").map(HeaderValue::as_bytes).collect();
    // With `Referrer-Policy: no-referrer`, which a proxy may add, a browser hides the origin of our own pages as well.
    // Fetch Metadata then still states where the request comes from, and no page can forge it.
    let is_hidden = matches!(&*origins, [origin] if origin.as_bytes() == b"null");
    if is_hidden && sites == [b"same-origin"] {
        return Ok(SameOrigin(()));
    }
    let known = origins.iter().all(|origin| origin.to_str().is_ok_and(|origin| is_allowed(origin, options)));
    let vouched = known && origins.len() == 1;
    let foreign = |site: &&[u8]| *site == b"cross-site" || (*site == b"same-site" && !vouched);
    if !known || sites.iter().any(foreign) {
        let public = options.public_url.origin().as_str();
        let allowed = format!("Call from {public} or an origin in HEIRLOOM_ALLOWED_ORIGINS.");
        return Err(Problem::new(kind::ORIGIN_NOT_ALLOWED, allowed));
    }
    Ok(SameOrigin(()))
}

/// Whether pages of this origin may call us with the cookie. An app may not: its pages bring the token in the body.
#[must_use]
pub fn is_allowed(origin: &str, options: &HttpOptions) -> bool {
    let mut allowed = std::iter::once(options.public_url.origin()).chain(&options.allowed_origins);
    allowed.any(|known: &Origin| known.is_web() && known.as_str() == origin)
}

/// CORS for the API: exactly the allowed origins, with credentials (Fetch §3.2).
pub fn cors(options: &HttpOptions) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        // Instrumentation adds headers of its own. Those that could do harm, a browser forbids (Fetch §2.2.2); none
        // that we read decides more than its sender may decide anyway.
        .allow_any_header()
        .expose_headers(["x-request-id", "retry-after", "www-authenticate"])
        .supports_credentials()
        .max_age(600);
    options.allowed_origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin.as_str()))
}
