use super::{
    Problem, Readiness, RequestId,
    client::client_address,
    connections::Connection,
    kind,
    security_headers::{Framed, SecurityHeaders},
};
use crate::{
    config::HttpOptions,
    kernel::{Duration, RequestSpan, UserId, new_uuid, with_database_time},
    world::World,
};
use actix_cors::CorsError;
use actix_web::{
    Error, HttpMessage, HttpRequest, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use std::net::IpAddr;
use tracing::{Instrument, Span, field};

/// The user, for the log line.
struct NotedUser(UserId);

/// Records the user for the log line.
pub fn note_user(request: &HttpRequest, user: UserId) {
    request.extensions_mut().insert(NotedUser(user));
}

/// Characters of a caller's request id that we repeat at most.
const REQUEST_ID_LIMIT: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request gets: an id, security headers, and one log line. The line holds the route, never the path and the
/// query: they may contain secrets. Whatever else is logged meanwhile carries the id too, in its span.
///
/// # Errors
/// Those of the services inside.
pub async fn middleware(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let world = request.app_data::<web::Data<World>>().cloned();
    let headers = request.app_data::<web::Data<SecurityHeaders>>().cloned();
    let draining = request.app_data::<web::Data<Readiness>>().is_some_and(|readiness| readiness.is_draining());
    let given = given_id(&request);
    let id = world.as_ref().map(|world| new_uuid(world.clock.now(), &world.rng).to_string()).unwrap_or_default();
    request.extensions_mut().insert(RequestId { own: id.clone(), given: given.clone() });
    let began = world.as_ref().map(|world| world.clock.uptime());
    // As an error's span it is there at every level at which anything is logged.
    let span =
        tracing::error_span!("http.request", request.id = id, request.given_id = given, otel.kind = field::Empty);
    RequestSpan::begin(&span, request.headers().get("traceparent").and_then(|value| value.to_str().ok()));
    let (response, database) = with_database_time(next.call(request).instrument(span.clone())).await;
    let mut response = explained(response?);
    if let Ok(value) = HeaderValue::from_str(given.as_deref().unwrap_or(&id)) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(headers) = headers {
        let framed = response.response().extensions().get::<Framed>().copied();
        headers.apply(response.headers_mut(), framed);
    }
    if draining || Connection::of(response.request()).is_some_and(Connection::is_one_too_many) {
        // The client opens its next connection where it is still welcome.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if let Some((world, began)) = world.zip(began) {
        let elapsed = world.clock.uptime().saturating_sub(began);
        let (request, status) = (response.request(), response.status().as_u16());
        world.metrics.answered(request.method().as_str(), request.match_pattern(), status, elapsed);
        let client = client_of(request, &world.config.http);
        RequestLine { id: &id, given_id: given.as_deref(), client, elapsed, database }.log(&response);
        tell(&response, &span, database);
    }
    Ok(response)
}

/// What the answer to a preflight depends on, refused or not.
const PREFLIGHT_VARIES: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Replaces the CORS library's own refusal of a preflight by ours.
fn explained<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let detail = match response.response().error().and_then(|error| error.as_error::<CorsError>()) {
        None => return response.map_into_left_body(),
        Some(CorsError::MethodNotAllowed) => "Pages of other origins may use GET, POST, PATCH and DELETE.",
        Some(_other) => "This origin may not call the API. Add it to HEIRLOOM_ALLOWED_ORIGINS.",
    };
    let problem = Problem::new(kind::ORIGIN_NOT_ALLOWED, detail).with_header(header::VARY, PREFLIGHT_VARIES);
    response.into_response(problem.error_response()).map_into_right_body()
}

/// The caller's id, if sane.
fn given_id(request: &ServiceRequest) -> Option<String> {
    let given = request.headers().get(&REQUEST_ID)?.to_str().ok()?;
    is_sane(given).then(|| given.to_owned())
}

fn is_sane(id: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.:/+=".contains(character);
    !id.is_empty() && id.len() <= REQUEST_ID_LIMIT && id.chars().all(allowed)
}

/// The address and the user of a request, unless the operator wants neither in the log.
fn client_of(request: &HttpRequest, options: &HttpOptions) -> Option<(Option<IpAddr>, Option<UserId>)> {
    options.log_clients.then(|| {
        let user = request.extensions().get::<NotedUser>().map(|noted| noted.0);
        (client_address(request, options), user)
    })
}

/// What the log line of a request holds, besides what the response says of it.
struct RequestLine<'a> {
    id: &'a str,
    given_id: Option<&'a str>,
    client: Option<(Option<IpAddr>, Option<UserId>)>,
    elapsed: Duration,
    database: Duration,
}

impl RequestLine<'_> {
    fn log<B>(&self, response: &ServiceResponse<B>) {
        let request = response.request();
        let route = request.match_pattern();
        let (ip, user) = self.client.unwrap_or_default();
        tracing::info!(
            request.id = self.id,
            request.given_id = self.given_id,
            method = %request.method(),
            route = route.as_deref().unwrap_or("-"),
            status = response.status().as_u16(),
            client.ip = ip.map(field::display),
            user.id = user.map(field::display),
            elapsed_ms = milliseconds(self.elapsed),
            database_ms = milliseconds(self.database),
            "request"
        );
    }
}

fn tell<B>(response: &ServiceResponse<B>, span: &Span, database: Duration) {
    let request = response.request();
    let (method, status) = (request.method().as_str(), response.status().as_u16());
    RequestSpan { method, route: request.match_pattern().as_deref(), status, database }.end(span);
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
