use super::{
    audience::JoinError,
    extract::FeedReader,
    listener::{Dropped, Listening},
};
use crate::{
    http::{Endpoint, Problem, forget_connection, is_known, kind, paths},
    sessions::Sessions,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, ETag, EntityTag},
    },
    web::{Bytes, Data, ServiceConfig},
};
use futures_util::{Stream, stream};
use utoipa::OpenApi;

/// The revocations, as a stream and as a snapshot.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::REVOCATIONS).unlimited().get(snapshot).mount(config);
    Endpoint::api(paths::REVOCATION_STREAM).unlimited().get(listen).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(snapshot, listen))]
pub struct StreamDescribed;

/// Seconds after which who was one too many may try again.
const AGAIN: &str = "10";

#[utoipa::path(
    get,
    path = paths::REVOCATIONS,
    tag = "service",
    operation_id = "revocations",
    summary = "The revocations that matter at this moment, signed",
    description = "For services that verify access tokens themselves and cannot keep a connection open. A compact JWS of type `heirloom-revocations+jwt`, signed again each second. 404 where `HEIRLOOM_FEED_KEYS` is not set.",
    security(("feed_key" = []), ()),
    responses(
        (status = 200, body = String, content_type = "application/jwt", description = "The snapshot"),
        (status = 304, description = "The snapshot is the one that `If-None-Match` names"),
    ),
    extensions(("x-problems" = json!([kind::FEED_KEY_INVALID.code, kind::NOT_FOUND.code, kind::TEMPORARILY_UNAVAILABLE.code])), ("x-unlimited" = json!(true))),
)]
async fn snapshot(
    _reader: FeedReader,
    request: HttpRequest,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let snapshot = sessions.stream().snapshot().await?;
    let tag = EntityTag::new_strong(snapshot.tag());
    let known = is_known(&request, &tag);
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, "max-age=1"));
    Ok(if known { answer.finish() } else { answer.content_type("application/jwt").body(snapshot.jws()) })
}

#[utoipa::path(
    get,
    path = paths::REVOCATION_STREAM,
    tag = "service",
    operation_id = "revocationStream",
    summary = "Follow the revocations as they happen",
    description = "Server-sent events. The data of each is a compact JWS of type `heirloom-revocations+jwt`: first a snapshot, then what is new within 50 ms, and a beat each second. Without a beat for 5 s, something may have been missed. 404 where `HEIRLOOM_FEED_KEYS` is not set.",
    security(("feed_key" = []), ()),
    responses((status = 200, body = String, content_type = "text/event-stream", description = "The events")),
    extensions(
        ("x-problems" = json!([kind::FEED_KEY_INVALID.code, kind::NOT_FOUND.code, kind::TOO_MANY_LISTENERS.code, kind::TEMPORARILY_UNAVAILABLE.code])),
        ("x-unlimited" = json!(true)),
    ),
)]
async fn listen(_reader: FeedReader, request: HttpRequest, sessions: Data<Sessions>) -> Result<HttpResponse, Problem> {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx passes each event on at once.
        .insert_header(("X-Accel-Buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let listening = sessions.stream().join().await?;
    forget_connection(&request);
    // The connection counts for its address no longer: it may not serve anything else.
    answer.force_close();
    Ok(answer.streaming(events(listening)))
}

/// What a listener reads, in pieces.
fn events(listening: Listening) -> impl Stream<Item = Result<Bytes, Dropped>> {
    stream::try_unfold(listening, async |mut listening| Ok(listening.next().await?.map(|piece| (piece, listening))))
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::TooMany => Self::new(
                kind::TOO_MANY_LISTENERS,
                "As many listen at this instance as HEIRLOOM_FEED_MAX_LISTENERS allows.",
            )
            .with_header(header::RETRY_AFTER, AGAIN),
            JoinError::NotComplete => Self::unavailable("This instance may have missed a revocation."),
            JoinError::Signing(error) => {
                tracing::error!(%error, "sessions.stream_failed");
                Self::internal()
            }
        }
    }
}
