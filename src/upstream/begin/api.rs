use super::BeginError;
use crate::{
    http::{Problem, lax_cookie, upstream_cookie_name},
    upstream::{FLOW_LIFETIME, Provider, Upstream, Wanted, upstream_failed},
};
use actix_web::{HttpResponse, http::header};
use serde::Serialize;
use utoipa::ToSchema;

/// Where the browser goes.
#[derive(Serialize, ToSchema)]
pub struct AuthorizeAnswer {
    /// The provider's page.
    #[schema(format = "uri")]
    authorize_url: String,
}

impl Upstream {
    /// Begins a flow for a script, which sends the browser to the provider. The cookie of the answer belongs to the flow.
    ///
    /// # Errors
    /// 502 when the provider's endpoints are not known and cannot be fetched.
    pub async fn begin_for_script(&self, provider: &Provider, wanted: Wanted) -> Result<HttpResponse, Problem> {
        let begun = match self.begin(provider, wanted).await {
            Ok(begun) => begun,
            Err(BeginError::Discovery(error)) => {
                self.unreachable(provider, &error);
                return Err(upstream_failed());
            }
            Err(BeginError::Ticket(error)) => {
                tracing::error!(%error, "upstream.not_sealed");
                return Err(Problem::internal());
            }
        };
        let options = &self.world().config.http;
        let answer = AuthorizeAnswer { authorize_url: begun.authorize.to_string() };
        let mut answer = HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer);
        let cookie = lax_cookie(upstream_cookie_name(options), &begun.cookie, FLOW_LIFETIME, options);
        answer.add_cookie(&cookie).map_err(|_malformed| Problem::internal())?;
        Ok(answer)
    }
}
