use crate::{
    http::{Problem, note_user},
    sessions::{
        Sessions, SignedIn,
        extract::{Extraction, bearer, refused, unauthenticated},
    },
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};

/// Proof that the request bears an access token of a live session, for Heirloom's own API or for one of the services that have
/// tokens of their own.
#[derive(Debug, Clone)]
pub struct ForAny {
    pub signed_in: SignedIn,
    /// For what the token is.
    pub audience: String,
}

impl FromRequest for ForAny {
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let sessions = request.app_data::<Data<Sessions>>().cloned();
        let (token, request) = (bearer(request), request.clone());
        Box::pin(async move {
            let sessions = sessions.ok_or_else(Problem::internal)?;
            let token = token?.ok_or_else(unauthenticated)?;
            let (verified, audience) = sessions.keys().verify_for_any(&token).map_err(refused)?;
            let signed_in = sessions.signed_in(verified).await?;
            note_user(&request, signed_in.user);
            Ok(Self { signed_in, audience: audience.to_owned() })
        })
    }
}
