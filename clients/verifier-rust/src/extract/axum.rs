use super::{RETRY_AFTER, SignedIn, bearer};
use crate::{Error, Verifier};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

/// Needs a `Verifier` in the router's state: `Router::new().with_state(verifier)`, or a state from which `FromRef` takes one.
impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Verifier: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let header = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let token = bearer(header).ok_or(Error::Missing)?;
        Verifier::from_ref(state).verify(token).await.map(Self)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Some(challenge) = self.challenge() {
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], self.to_string()).into_response()
        } else {
            let again = [(header::RETRY_AFTER, RETRY_AFTER)];
            (StatusCode::SERVICE_UNAVAILABLE, again, self.to_string()).into_response()
        }
    }
}
