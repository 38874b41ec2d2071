use super::{MediaType, Problem, SameOrigin, json, kind};
use actix_web::{FromRequest, HttpRequest, web::Payload};
use serde::de::DeserializeOwned;

/// Reads a form that a browser sent, with or without script. Fields that we do not know are passed over: extensions add
/// them.
///
/// # Errors
/// 415 for another content type, 413, 408, or 422 when a field is missing or sent twice.
pub async fn form<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Problem> {
    if !MediaType::of(request).is_some_and(|media| media.is("application/x-www-form-urlencoded")) {
        return Err(Problem::new(kind::UNSUPPORTED_MEDIA_TYPE, "Send the form as application/x-www-form-urlencoded."));
    }
    let body = json::read(request, payload).await?;
    serde_urlencoded::from_bytes(&body).map_err(|_why| Problem::field("form", "invalid", "cannot be read"))
}

/// Reads a form that one of our own pages sent. What a foreign page sends is not even read, so that no page of ours shows it.
///
/// # Errors
/// 403 for a foreign page; otherwise as [`form`].
pub async fn own_form<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Problem> {
    SameOrigin::extract(request).await?;
    form(request, payload).await
}
