use super::View;
use crate::http::{Problem, paths};
use actix_web::{
    Error, HttpRequest, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header,
    middleware::Next,
};

/// Shows a problem as a page where a browser asked for one. A program, and every path of the API, gets the problem.
///
/// # Errors
/// Those of the services inside.
pub async fn explained(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let response = next.call(request).await?;
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    let Some(problem) = problem.filter(|_| wants_page(response.request())) else {
        return Ok(response.map_into_left_body());
    };
    let page = View::of(response.request()).show_problem(problem);
    let page = page.unwrap_or_else(|problem| problem.error_response());
    Ok(response.into_response(page.map_into_right_body()))
}

fn wants_page(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    !request.path().starts_with(paths::API) && accept.contains("text/html")
}
