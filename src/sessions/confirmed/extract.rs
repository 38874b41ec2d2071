use crate::{
    http::Problem,
    postgres::DatabaseError,
    sessions::{Extraction, Sessions, SignedIn},
    work::Work,
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};

/// Proof that the request bears an access token of a live session, which is fresh if its user has a second factor: for what
/// needs the password too, so that with it two factors count.
#[derive(Debug, Clone)]
pub struct Confirmed(SignedIn);

impl Confirmed {
    /// Whose session it is.
    #[must_use]
    pub fn signed_in(&self) -> &SignedIn {
        &self.0
    }

    /// Locks the user until the caller's transaction ends, and checks again: a factor that was set up first, or a revocation,
    /// decides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        let found = self.0.locked(work).await?;
        Ok(found.is_some_and(|found| found.is_fresh || !found.has_second_factor()))
    }
}

impl FromRequest for Confirmed {
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        let sessions = request.app_data::<Data<Sessions>>().cloned();
        Box::pin(async move {
            let signed_in = signed_in.await?;
            sessions.ok_or_else(Problem::internal)?.require_confirmed(signed_in).await
        })
    }
}

impl Sessions {
    /// The problem of a request whose session was confirmed when it arrived, and not when it was to be carried out.
    pub async fn no_longer_confirmed(&self, confirmed: &Confirmed) -> Problem {
        let refused = self.require_confirmed(confirmed.0.clone()).await.err();
        refused
            .unwrap_or_else(|| Problem::unavailable("The session changed meanwhile. Nothing was changed; try again."))
    }

    async fn require_confirmed(&self, signed_in: SignedIn) -> Result<Confirmed, Problem> {
        let found = self.freshness(&signed_in).await?;
        if found.has_second_factor() {
            self.require_fresh(signed_in.clone()).await?;
        }
        Ok(Confirmed(signed_in))
    }
}
