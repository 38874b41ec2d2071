use super::Lifecycle;
use crate::{
    kernel::Client,
    postgres::DatabaseError,
    sessions::lock_live,
    upstream::{Aim, BegunIn, Decision, Upstream, UpstreamUser, link},
    work::Caller,
};

/// The outcome of connecting an identity.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linking {
    /// It is connected.
    Connected,
    /// Another account has it, or this one another identity of the provider.
    Taken,
    /// The session in which it was begun is not live any more.
    SessionEnded,
}

impl Linking {
    /// For the metrics, and the pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Taken => "identity_taken",
            Self::SessionEnded => "session_revoked",
        }
    }
}

impl Lifecycle {
    /// Connects an identity to the account in whose session it was begun. The session must still be live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn link_identity(
        &self,
        upstream: &Upstream,
        user: &UpstreamUser,
        begun_in: BegunIn,
        client: &Client,
    ) -> Result<Linking, DatabaseError> {
        let (owner, session) = (begun_in.user(), begun_in.session());
        let is_new = match upstream.consider(Aim::Connect(owner), user).await?.decision {
            Decision::Connect(_) => true,
            Decision::Connected => false,
            Decision::SignIn(_)
            | Decision::Blocked(_)
            | Decision::Register(_)
            | Decision::RegisterWithoutAddress
            | Decision::RegistrationClosed
            | Decision::ConnectAfterSignIn(_)
            | Decision::ConfirmByEmail(_)
            | Decision::AskAddress
            | Decision::IdentityTaken
            | Decision::AnotherConnected => return Ok(Linking::Taken),
        };
        let identity = user.identity.clone();
        let linked = self.world().transaction(Caller::user(owner, client), move |mut work| {
            Box::pin(async move {
                if !lock_live(&mut work, owner, session).await? {
                    return Ok(Linking::SessionEnded);
                }
                let is_linked = !is_new || link(&mut work, owner, &identity).await?;
                Ok(if is_linked { Linking::Connected } else { Linking::Taken })
            })
        });
        linked.await
    }
}
