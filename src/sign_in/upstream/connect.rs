//! `/connect`: an identity that no account has yet gets one. By a sign-in to the account that has its address, or by an email.

mod pages;

pub(in crate::sign_in) use pages::page_samples;
pub(super) use pages::routes;

use super::Federation;
use crate::{
    identity::{AuthenticationMethods, EmailAddress, ProvenBy, UpstreamStep},
    kernel::{Digest32, Transport},
    lifecycle::Requested,
    postgres::DatabaseError,
    sessions::Entry,
    sign_in::{SignInError, SigningIn},
    upstream::PendingIdentity,
    users::PasswordCheck,
};
use zeroize::Zeroizing;

impl Federation<'_> {
    /// Signs in to the account with this address, which has the identity from then on.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    async fn connect_by_password(
        &self,
        pending: &PendingIdentity,
        email: &str,
        password: &str,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<SigningIn, SignInError> {
        let (credentials, attempt) = match self.accounts.check(email, password, self.client).await? {
            PasswordCheck::Right(credentials, attempt) => (credentials, attempt),
            PasswordCheck::Wrong => return Ok(SigningIn::WrongCredentials),
            PasswordCheck::Limited { wait } => return Ok(SigningIn::Limited { wait }),
        };
        let entry = Entry {
            credentials,
            methods: AuthenticationMethods::of(ProvenBy::Password).and(ProvenBy::Provider),
            second_factor: None,
            enrolment: None,
            wants_factor: false,
            upstream: Some(UpstreamStep { identity: pending.identity.clone(), is_new: true, proven_at: None }),
            attempt: attempt.clone(),
            transport: Transport::Cookie,
            remembered: pending.remembered,
            device_name: None,
            presented,
        };
        let entered = self.entered(credentials, entry).await;
        if entered.is_err() {
            // The password was right all the same. If this fails too, it stays counted.
            drop(self.accounts.guard().forgive(attempt).await);
        }
        entered
    }

    /// Requests the email by which an address gets an account with the identity. The same for every address.
    ///
    /// # Errors
    /// When the database fails.
    async fn connect_by_email(
        &self,
        pending: &PendingIdentity,
        email: EmailAddress,
        browser: Digest32,
    ) -> Result<Requested, DatabaseError> {
        self.lifecycle.request_connection(email, pending, Some(browser), self.client).await
    }
}
