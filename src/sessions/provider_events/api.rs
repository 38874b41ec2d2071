use crate::{
    config::Preset,
    http::{Endpoint, FromClient, MediaType, Problem, kind, paths, read_body},
    sessions::Sessions,
    upstream::{EventRefused, Upstream},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload, ServiceConfig},
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// RFC 8935 §2.1.
const MEDIA_TYPE: &str = "application/secevent+jwt";

/// Where providers send events.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::KAKAO_EVENTS).post(kakao_event).mount(config);
}

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(kakao_event))]
pub struct ProviderEventsDescribed;

/// Why an event is refused (RFC 8935 §2.3).
#[derive(Serialize, ToSchema)]
struct EventError {
    /// `invalid_request`, `invalid_key`, `authentication_failed`, `invalid_issuer` or `invalid_audience`.
    #[schema(example = "invalid_audience")]
    err: &'static str,
    /// For readers.
    description: String,
}

#[utoipa::path(
    post,
    path = paths::KAKAO_EVENTS,
    tag = "events",
    operation_id = "kakaoEvent",
    summary = "Receive a security event of Kakao's",
    description = "For Kakao's account status webhook (RFC 8417, RFC 8935). A disabled account, revoked sessions or tokens end the sessions of that user that were opened with Kakao before. An event that came before changes nothing. 404 where no provider has the preset `kakao`.",
    request_body(content = String, content_type = "application/secevent+jwt", description = "A security event token, signed by Kakao"),
    responses(
        (status = 202, description = "The event was taken"),
        (status = 400, body = EventError, description = "The token is refused"),
    ),
    extensions(("x-problems" = json!([kind::NOT_FOUND.code, kind::UNSUPPORTED_MEDIA_TYPE.code, kind::PAYLOAD_TOO_LARGE.code, kind::UPSTREAM_FAILED.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn kakao_event(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    if !MediaType::of(&request).is_some_and(|media| media.is(MEDIA_TYPE)) {
        let problem = Problem::new(kind::UNSUPPORTED_MEDIA_TYPE, format!("Send the token as {MEDIA_TYPE}."));
        return Err(problem.with_header(header::ACCEPT, MEDIA_TYPE));
    }
    let body = read_body(&request, payload).await?;
    let token = std::str::from_utf8(body.trim_ascii()).map_err(|_not_text| EventRefused::Malformed);
    let read = match token {
        Ok(token) => upstream.read_event(Preset::Kakao, token).await,
        Err(refused) => Err(refused),
    };
    match read {
        Ok(event) => {
            sessions.take_event(event, &client).await?;
            Ok(HttpResponse::Accepted().finish())
        }
        Err(refused) => refusal(&refused),
    }
}

fn refusal(refused: &EventRefused) -> Result<HttpResponse, Problem> {
    let Some(err) = refused.code() else {
        return Err(match refused {
            EventRefused::NoProvider => Problem::not_found("provider"),
            _ => Problem::new(
                kind::UPSTREAM_FAILED,
                "The provider's keys cannot be fetched. Send the event again later.",
            ),
        });
    };
    tracing::info!(reason = err, "upstream.event_refused");
    let description = format!("The token is refused: {refused}.");
    Ok(HttpResponse::BadRequest().insert_header((header::CONTENT_LANGUAGE, "en")).json(EventError { err, description }))
}
