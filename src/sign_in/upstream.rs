//! Signing in with another provider: what becomes of a user who is back from one.

mod api;
mod connect;
mod pages;
mod step_up;

pub(super) use api::{UpstreamDescribed, routes as api_routes};
pub(super) use connect::page_samples;
pub(super) use pages::{next_factor, routes as page_routes};
pub(super) use step_up::{ProviderStepUpDescribed, routes as step_up_routes};

use super::{SignInError, SigningIn, verification::ask_to_verify};
use crate::{
    factors::{Challenge, FactorKind},
    guessing::Attempt,
    identity::{AuthenticationMethods, DeviceName, EmailAddress, ProvenBy, UpstreamStep},
    kernel::{Client, Transport},
    lifecycle::{Lifecycle, Linking},
    sessions::{Entered, Entry, ProviderStepUp, Sessions},
    upstream::{
        Aim, BegunIn, CameBack, ConnectWay, Decision, Flow, FlowAim, NextFactor, NextStep, PendingIdentity, Provider,
        Returned, Upstream, UpstreamUser,
    },
    users::{Accounts, Credentials},
};
use zeroize::Zeroizing;

/// The rooms that such a sign-in passes.
pub(super) struct Federation<'a> {
    pub accounts: &'a Accounts,
    pub sessions: &'a Sessions,
    pub lifecycle: &'a Lifecycle,
    pub upstream: &'a Upstream,
    pub client: &'a Client,
}

/// How the session shall be.
pub(super) struct WantedSession {
    pub transport: Transport,
    pub remembered: bool,
    pub device_name: Option<DeviceName>,
    /// The refresh tokens that the request holds: their sessions are replaced (S-51).
    pub presented: Vec<Zeroizing<String>>,
}

/// What becomes of a user of a provider.
#[must_use]
pub(super) enum Federated {
    /// Signed in.
    In(Box<Entered>),
    /// Not signed in; never [`SigningIn::Opened`].
    Refused(SigningIn),
    /// The user signs in once to the account with this address, which then has the identity too.
    LinkRequired(EmailAddress),
    /// An account has the address and was never verified: an email decides.
    ConfirmRequired(EmailAddress),
    /// The user types an address.
    EmailRequired,
    /// Would get an account, but strangers may not register.
    RegistrationClosed,
    /// The address belongs to another account by now.
    EmailTaken,
}

/// What becomes of a browser that is back.
#[must_use]
pub(super) enum BrowserBack {
    /// Signed in, and led there.
    In(Box<Entered>, String),
    /// Does this next.
    Next(NextStep),
    /// What was begun in its session is done, and the session goes on; led there.
    SignedInAsBefore(String),
    /// Refused, with this code, after this flow.
    Refused(&'static str, Option<Flow>),
}

impl Federation<'_> {
    /// Takes a callback of a provider in a browser, which holds these refresh tokens.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn come_back(
        &self,
        provider: &Provider,
        returned: Returned<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<BrowserBack, SignInError> {
        let (user, flow) = match self.upstream.come_back(provider, returned).await? {
            CameBack::User(back) => *back,
            CameBack::StateInvalid => {
                self.upstream.count(provider, "state_invalid");
                return Ok(BrowserBack::Refused("upstream_state_invalid", None));
            }
            CameBack::Denied(flow) => {
                self.upstream.refused(provider, "denied", self.client).await?;
                return Ok(BrowserBack::Refused("upstream_denied", Some(flow)));
            }
            CameBack::Forged(flow, fault) => {
                self.upstream.forged(provider, fault, self.client).await?;
                return Ok(BrowserBack::Refused("upstream_denied", Some(flow)));
            }
            CameBack::Failed(flow, error) => {
                self.upstream.failed(provider, &error, self.client).await?;
                return Ok(BrowserBack::Refused("upstream_failed", Some(flow)));
            }
        };
        match flow.aim {
            FlowAim::Connect(begun_in) => self.connect(provider, &user, begun_in, flow).await,
            FlowAim::StepUp(begun_in) => self.step_up(provider, &user, begun_in, flow).await,
            FlowAim::SignIn | FlowAim::NewSignIn => self.enter_browser(provider, user, flow, presented).await,
        }
    }

    async fn enter_browser(
        &self,
        provider: &Provider,
        user: UpstreamUser,
        mut flow: Flow,
        mut presented: Vec<Zeroizing<String>>,
    ) -> Result<BrowserBack, SignInError> {
        presented.append(&mut flow.presented);
        let wanted =
            WantedSession { transport: Transport::Cookie, remembered: flow.remembered, device_name: None, presented };
        let connect = |way| {
            let (identity, name) = (user.identity.clone(), user.name.as_ref().map(|name| name.as_str().to_owned()));
            let (return_to, remembered) = (flow.return_to.clone(), flow.remembered);
            BrowserBack::Next(NextStep::Connect(Box::new(PendingIdentity {
                identity,
                name,
                way,
                return_to,
                remembered,
            })))
        };
        Ok(match self.enter(provider, &user, wanted).await? {
            Federated::In(entered) => BrowserBack::In(entered, flow.return_to),
            Federated::Refused(SigningIn::SecondFactorRequired(challenge)) => {
                BrowserBack::Next(NextStep::SecondFactor(next_factor_of(challenge, flow.return_to)))
            }
            Federated::Refused(SigningIn::EnrolmentRequired(challenge)) => {
                BrowserBack::Next(NextStep::Enrolment(next_factor_of(challenge, flow.return_to)))
            }
            Federated::Refused(refused) => BrowserBack::Refused(refused.name(), Some(flow)),
            Federated::LinkRequired(email) => connect(ConnectWay::sign_in(&email)),
            Federated::ConfirmRequired(email) => connect(ConnectWay::confirm(&email)),
            Federated::EmailRequired => connect(ConnectWay::Ask),
            Federated::RegistrationClosed => BrowserBack::Refused("registration_closed", Some(flow)),
            Federated::EmailTaken => BrowserBack::Refused("email_taken", Some(flow)),
        })
    }

    /// Signs a user of a provider in, or says what is missing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enter(
        &self,
        provider: &Provider,
        user: &UpstreamUser,
        wanted: WantedSession,
    ) -> Result<Federated, SignInError> {
        let considered = self.upstream.consider(Aim::SignIn, user).await?;
        let outcome = match (considered.decision, considered.owner) {
            (Decision::SignIn(_) | Decision::Blocked(_), Some(owner)) => self.open(owner, user, wanted).await?,
            (Decision::Register(email), _) => self.register(user, Some(email), wanted).await?,
            (Decision::RegisterWithoutAddress, _) => self.register(user, None, wanted).await?,
            (Decision::ConnectAfterSignIn(email), _) => Federated::LinkRequired(email),
            (Decision::ConfirmByEmail(email), _) => Federated::ConfirmRequired(email),
            (Decision::AskAddress, _) => Federated::EmailRequired,
            (Decision::RegistrationClosed, _) => Federated::RegistrationClosed,
            (Decision::SignIn(_) | Decision::Blocked(_), None)
            | (Decision::Connect(_) | Decision::Connected | Decision::IdentityTaken | Decision::AnotherConnected, _) => {
                Federated::Refused(SigningIn::WrongCredentials)
            }
        };
        match outcome {
            Federated::RegistrationClosed => {
                self.upstream.refused(provider, "registration_closed", self.client).await?;
            }
            ref other => self.upstream.count(provider, other.name()),
        }
        Ok(outcome)
    }

    async fn register(
        &self,
        user: &UpstreamUser,
        email: Option<EmailAddress>,
        wanted: WantedSession,
    ) -> Result<Federated, SignInError> {
        match self.upstream.register(user, email, self.client).await? {
            Some(owner) => self.open(owner, user, wanted).await,
            // The same user in another tab, or an address that its user can have back.
            None => self.again(user, wanted).await,
        }
    }

    async fn again(&self, user: &UpstreamUser, wanted: WantedSession) -> Result<Federated, SignInError> {
        match self.upstream.consider(Aim::SignIn, user).await?.owner {
            Some(owner) => self.open(owner, user, wanted).await,
            None => Ok(Federated::EmailTaken),
        }
    }

    async fn open(
        &self,
        owner: Credentials,
        user: &UpstreamUser,
        wanted: WantedSession,
    ) -> Result<Federated, SignInError> {
        let entry = Entry {
            credentials: owner,
            methods: AuthenticationMethods::of(ProvenBy::Provider),
            second_factor: None,
            enrolment: None,
            wants_factor: false,
            upstream: Some(UpstreamStep { identity: user.identity.clone(), is_new: false, proven_at: user.proven_at }),
            attempt: Attempt::default(),
            transport: wanted.transport,
            remembered: wanted.remembered,
            device_name: wanted.device_name,
            presented: wanted.presented,
        };
        Ok(match self.entered(owner, entry).await? {
            SigningIn::Opened(entered) => Federated::In(entered),
            refused => Federated::Refused(refused),
        })
    }

    /// Opens the session, and sends the emails that what is missing needs.
    pub(super) async fn entered(&self, owner: Credentials, entry: Entry) -> Result<SigningIn, SignInError> {
        let outcome: SigningIn = entry.open(self.accounts, self.sessions, self.client).await?.into();
        self.sessions.world().metrics.signed_in(outcome.name());
        let needs_email = match &outcome {
            SigningIn::Unverified => true,
            SigningIn::EnrolmentRequired(challenge) => challenge.email_code_required,
            _ => false,
        };
        let account = if needs_email { self.accounts.lookup(owner.user).await? } else { None };
        if let Some(email) = account.and_then(|account| account.email) {
            match &outcome {
                SigningIn::EnrolmentRequired(_) => self.lifecycle.send_enrolment_code(&email, self.client).await?,
                _ => ask_to_verify(self.lifecycle, email.as_str(), self.client).await?,
            }
        }
        Ok(outcome)
    }

    /// Connects an identity to the account in whose session it was begun.
    async fn connect(
        &self,
        provider: &Provider,
        user: &UpstreamUser,
        begun_in: BegunIn,
        flow: Flow,
    ) -> Result<BrowserBack, SignInError> {
        let linking = self.lifecycle.link_identity(self.upstream, user, begun_in, self.client).await?;
        self.upstream.count(provider, linking.name());
        Ok(match linking {
            Linking::Connected => BrowserBack::SignedInAsBefore(flow.return_to),
            Linking::Taken | Linking::SessionEnded => BrowserBack::Refused(linking.name(), Some(flow)),
        })
    }

    /// Makes the session fresh in which it was begun. No other session is opened, whichever account of the provider it was.
    async fn step_up(
        &self,
        provider: &Provider,
        user: &UpstreamUser,
        begun_in: BegunIn,
        flow: Flow,
    ) -> Result<BrowserBack, SignInError> {
        let stepped_up = self.sessions.step_up_by_provider(user, begun_in, self.client).await?;
        self.upstream.count(provider, stepped_up.name());
        Ok(match stepped_up {
            ProviderStepUp::Fresh => BrowserBack::SignedInAsBefore(flow.return_to),
            refused => BrowserBack::Refused(refused.name(), Some(flow)),
        })
    }
}

fn next_factor_of(challenge: Challenge, return_to: String) -> NextFactor {
    NextFactor {
        challenge: challenge.token,
        factors: challenge.factors.into_iter().map(|kind: FactorKind| kind.name().to_owned()).collect(),
        recovery_ready_at: challenge.recovery_ready_at,
        can_recover: challenge.can_recover,
        return_to,
    }
}

impl Federated {
    /// For the metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::In(_) => "signed_in",
            Self::Refused(refused) => refused.name(),
            Self::LinkRequired(_) => "link_required",
            Self::ConfirmRequired(_) => "confirmation_required",
            Self::EmailRequired => "email_required",
            Self::RegistrationClosed => "registration_closed",
            Self::EmailTaken => "email_taken",
        }
    }
}
