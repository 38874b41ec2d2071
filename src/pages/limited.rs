use super::explain;
use crate::http::too_many_requests;
use actix_web::{
    Error, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

/// Refuses what an address asks for too often: 429 with `Retry-After`.
///
/// # Errors
/// Those of the services inside.
pub async fn limited(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(problem) = too_many_requests(&request) else { return Ok(next.call(request).await?.map_into_left_body()) };
    let answer = explain(request.request(), problem).unwrap_or_else(|problem| problem.error_response());
    let answer: ServiceResponse<EitherBody<_>> = request.into_response(answer.map_into_right_body());
    Ok(answer)
}
