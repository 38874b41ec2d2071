use crate::{
    config::HttpOptions,
    http::{Problem, expired_cookies, kind, tokens_in_cookies},
    kernel::Transport,
};
use actix_web::{HttpRequest, http::header};
use zeroize::Zeroizing;

/// A refresh token as it was sent.
pub struct Carried {
    pub token: Zeroizing<String>,
    pub transport: Transport,
}

/// Finds the refresh token in the cookie or the body. None if there is neither.
///
/// # Errors
/// 400 when a cookie and a body token differ, or the cookies of the current path hold different tokens: to guess which
/// is meant could lead to the wrong session (cookie tossing). The answer expires the cookies, so that the next sign-in
/// works.
pub fn carried(
    request: &HttpRequest,
    body: Option<Zeroizing<String>>,
    options: &HttpOptions,
) -> Result<Option<Carried>, Problem> {
    let mut cookies = tokens_in_cookies(request, options);
    let cookie = cookies.pop();
    if !cookies.is_empty() {
        return Err(ambiguous("The cookies hold different tokens. Sign in again.", options));
    }
    match (cookie, body) {
        (Some(cookie), Some(body)) if cookie != body => {
            Err(ambiguous("The cookie and the body hold different tokens. Sign in again.", options))
        }
        (Some(token), _) => Ok(Some(Carried { token, transport: Transport::Cookie })),
        (None, Some(token)) => Ok(Some(Carried { token, transport: Transport::Body })),
        (None, None) => Ok(None),
    }
}

fn ambiguous(detail: &str, options: &HttpOptions) -> Problem {
    let expired = expired_cookies(options);
    let problem = Problem::new(kind::AMBIGUOUS_TOKEN, detail);
    expired.iter().fold(problem, |problem, cookie| problem.with_header(header::SET_COOKIE, cookie.to_string()))
}
