use crate::{
    confirmations::Purpose,
    identity::EmailAddress,
    kernel::Client,
    lifecycle::{Lifecycle, Requested, Wanted},
    postgres::DatabaseError,
};

/// Requests the email that verifies an address, unless too many were requested.
pub(super) async fn ask_to_verify(lifecycle: &Lifecycle, email: &str, client: &Client) -> Result<(), DatabaseError> {
    let Ok(email) = EmailAddress::parse(email) else { return Ok(()) };
    match lifecycle.request(Wanted::of(Purpose::VerifyEmail, email), client).await? {
        Requested::Accepted(_) | Requested::Limited { .. } => Ok(()),
    }
}
