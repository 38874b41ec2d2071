use super::{Problem, Readiness, kind, security_headers::SecurityHeaders};
use crate::{
    kernel::{Duration, RequestSpan, new_uuid, with_database_time},
    world::World,
};
use actix_cors::CorsError;
use actix_web::{
    Error, HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use tracing::{Instrument, Span, field};

/// The id of a request: the caller's, if sane.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Characters of a caller's request id that we repeat at most.
const REQUEST_ID_LIMIT: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request gets: an id, security headers, and one log line. The line holds the route, never the path and the
/// query: what stands there is not ours to log. Whatever else is logged meanwhile carries the id too, in its span.
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
    let id = request_id(&request, world.as_ref().map(web::Data::get_ref));
    request.extensions_mut().insert(RequestId(id.clone()));
    let began = world.as_ref().map(|world| world.clock.uptime());
    // As an error's span it is there at every level at which anything is logged.
    let span = tracing::error_span!("web.request", request.id = id, otel.kind = field::Empty);
    RequestSpan::begin(&span, request.headers().get("traceparent").and_then(|value| value.to_str().ok()));
    let (response, database) = with_database_time(next.call(request).instrument(span.clone())).await;
    let mut response = explained(response?);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(headers) = headers {
        headers.apply(response.headers_mut());
    }
    if draining {
        // The client opens its next connection where it is still welcome.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if let Some((world, began)) = world.zip(began) {
        let elapsed = world.clock.uptime().saturating_sub(began);
        let (request, status) = (response.request(), response.status().as_u16());
        world.metrics.answered(request.method().as_str(), request.match_pattern(), status, elapsed);
        log(&response, &id, elapsed, database);
        tell(&response, &span, database);
    }
    Ok(response)
}

/// CORS refuses a foreign page's preflight in words of its own: here it gets ours.
fn explained<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let foreign = response.response().error().is_some_and(|error| error.as_error::<CorsError>().is_some());
    if !foreign {
        return response.map_into_left_body();
    }
    let detail = "Pages of this origin may not call the API: name it in HEIRLOOM_ALLOWED_ORIGINS.";
    let problem = Problem::new(kind::ORIGIN_NOT_ALLOWED, detail).error_response();
    response.into_response(problem).map_into_right_body()
}

fn request_id(request: &ServiceRequest, world: Option<&World>) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| is_sane(id)) {
        Some(id) => id.to_owned(),
        None => world.map(|world| new_uuid(world.clock.now(), &world.entropy).to_string()).unwrap_or_default(),
    }
}

fn is_sane(id: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.:/+=".contains(character);
    !id.is_empty() && id.len() <= REQUEST_ID_LIMIT && id.chars().all(allowed)
}

fn log<B>(response: &ServiceResponse<B>, id: &str, elapsed: Duration, database: Duration) {
    let request = response.request();
    let route = request.match_pattern();
    tracing::info!(
        request.id = id,
        method = %request.method(),
        route = route.as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
        elapsed_ms = milliseconds(elapsed),
        database_ms = milliseconds(database),
        "request"
    );
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
