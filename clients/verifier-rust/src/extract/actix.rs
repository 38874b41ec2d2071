use super::{RETRY_AFTER, SignedIn, bearer};
use crate::{Error, Verifier};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    error::ErrorInternalServerError,
    http::{StatusCode, header},
    web::Data,
};
use std::{future::Future, pin::Pin};

/// Needs a `Verifier` among the application's data: `App::new().app_data(web::Data::new(verifier.clone()))`.
impl FromRequest for SignedIn {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let verifier = request.app_data::<Data<Verifier>>().cloned();
        let header = request.headers().get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
        let token = bearer(header).map(str::to_owned);
        Box::pin(async move {
            let verifier =
                verifier.ok_or_else(|| ErrorInternalServerError("no heirloom_verifier::Verifier in app_data"))?;
            let claims = verifier.verify(&token.ok_or(Error::Missing)?).await?;
            Ok(Self(claims))
        })
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        if *self == Self::Stale { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::UNAUTHORIZED }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        match self.challenge() {
            Some(challenge) => answer.insert_header((header::WWW_AUTHENTICATE, challenge)),
            None => answer.insert_header((header::RETRY_AFTER, RETRY_AFTER)),
        };
        answer.body(self.to_string())
    }
}
