use super::{EndReason, Grant, NewSession, Opening, SessionError, Sessions};
use crate::{
    factors::{Challenge, Enrolment, SecondFactor},
    guessing::{Attempt, DeviceOwner, DeviceToken},
    identity::{AuthenticationMethods, DeviceName, ProvenBy, UpstreamStep},
    kernel::{Client, Transport, UserId},
    users::{Accounts, Credentials},
};
use std::fmt;
use zeroize::Zeroizing;

/// A user who may enter, and how.
pub struct Entry {
    /// Who, with which password.
    pub credentials: Credentials,
    /// By which methods they proved who they are.
    pub methods: AuthenticationMethods,
    /// The second step of the sign-in, or a passkey that is both, if this is one.
    pub second_factor: Option<SecondFactor>,
    /// The factor that is set up with this sign-in.
    pub enrolment: Option<Enrolment>,
    /// Whether no session is wanted without a second factor, also where no role demands one.
    pub wants_factor: bool,
    /// The identity of another provider through which they enter, or that is connected with it.
    pub upstream: Option<UpstreamStep>,
    /// Forgiven by the statement that opens the session.
    pub attempt: Attempt,
    /// How the refresh token will be sent.
    pub transport: Transport,
    /// Whether the user wants to be remembered.
    pub remembered: bool,
    /// The device's name, given by the user.
    pub device_name: Option<DeviceName>,
    /// The refresh tokens that the request holds: their sessions are replaced (S-51).
    pub presented: Vec<Zeroizing<String>>,
}

/// A session that was opened, and the token by which a device is recognised later that wants to be remembered and is not
/// known yet.
pub type Entered = (Grant, Option<DeviceToken>);

/// The outcome of entering.
#[must_use]
#[derive(Debug)]
pub enum Entering {
    /// Signed in.
    Opened(Box<Entered>),
    /// The user is blocked.
    Blocked,
    /// The user must verify the address first.
    Unverified,
    /// The user must present a second factor.
    SecondFactorRequired(Challenge),
    /// The user must set up a second factor.
    EnrolmentRequired(Challenge),
    /// The challenge of the second step was used, has expired or is void.
    ChallengeExpired,
    /// The proof of the second step was used by another request.
    ProofUsed,
    /// Another account has the identity that was to be connected, or the user has another one of the provider.
    IdentityTaken,
    /// The password has changed, the identity was disconnected, or the user was deleted.
    Outdated,
}

impl Entry {
    /// The first session of a new account, in the browser that asked for it.
    #[must_use]
    pub fn first(user: UserId, remembered: bool, presented: Vec<Zeroizing<String>>) -> Self {
        Self {
            // The first password of an account.
            credentials: Credentials { user, password_version: 0 },
            methods: AuthenticationMethods::of(ProvenBy::Password),
            second_factor: None,
            enrolment: None,
            wants_factor: false,
            upstream: None,
            attempt: Attempt::default(),
            transport: Transport::Cookie,
            remembered,
            device_name: None,
            presented,
        }
    }

    /// Opens a session, in place of those whose tokens the request holds (ASVS 5 §7.2.4).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(
        self,
        accounts: &Accounts,
        sessions: &Sessions,
        client: &Client,
    ) -> Result<Entering, SessionError> {
        let owner = DeviceOwner::from(self.credentials);
        let new = NewSession {
            user: owner.user,
            password_version: owner.password_version,
            methods: self.methods,
            second_factor: self.second_factor,
            enrolment: self.enrolment,
            wants_factor: self.wants_factor,
            upstream: self.upstream,
            transport: self.transport,
            remembered: self.remembered,
            device_name: self.device_name.map(|name| name.as_str().to_owned()),
            client: client.clone(),
            known_device: accounts.guard().knows(owner, client),
            forgiven: self.attempt,
        };
        let grant = match Box::pin(sessions.open(new)).await? {
            Opening::Opened(grant) => grant,
            Opening::Blocked => return Ok(Entering::Blocked),
            Opening::Unverified => return Ok(Entering::Unverified),
            Opening::SecondFactorRequired(challenge) => return Ok(Entering::SecondFactorRequired(challenge)),
            Opening::EnrolmentRequired(challenge) => return Ok(Entering::EnrolmentRequired(challenge)),
            Opening::ChallengeExpired => return Ok(Entering::ChallengeExpired),
            Opening::ProofUsed => return Ok(Entering::ProofUsed),
            Opening::IdentityTaken => return Ok(Entering::IdentityTaken),
            Opening::Outdated => return Ok(Entering::Outdated),
        };
        for token in &self.presented {
            sessions.revoke_presented(token, Transport::Cookie, EndReason::Replaced, client).await?;
        }
        let device = if grant.remembered { accounts.guard().introduce(owner, client) } else { None };
        Ok(Entering::Opened(Box::new((grant, device))))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(…)")
    }
}
