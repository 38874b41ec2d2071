use super::{Lifecycle, room::MailLimit};
use crate::{
    audit,
    confirmations::{self, ConfirmationStanding, NewConfirmation, Purpose},
    identity::EmailAddress,
    kernel::{Client, Digest32, Duration, UserId, new_uuid},
    postgres::DatabaseError,
    work::{Caller, Work},
};
use serde_json::{Map, Value, json};

/// What a client wants to be confirmed by email.
#[derive(Debug)]
pub struct Wanted {
    /// What for.
    pub purpose: Purpose,
    /// Where the email goes.
    pub email: EmailAddress,
    /// What the purpose needs.
    pub payload: Map<String, Value>,
    /// The digest of the asking browser's flow cookie.
    pub browser: Option<Digest32>,
}

impl Wanted {
    /// A request that needs nothing but the address.
    #[must_use]
    pub fn of(purpose: Purpose, email: EmailAddress) -> Self {
        Self { purpose, email, payload: Map::new(), browser: None }
    }
}

/// What a client gets for its request: the same for every address.
#[derive(Debug, PartialEq, Eq)]
pub struct Flow {
    /// Names the request, where its code is typed.
    pub flow: String,
    /// How long the link works.
    pub expires_in: Duration,
}

/// The outcome of a request. It depends on nothing that is known of the address.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Requested {
    /// An email follows, if one fits.
    Accepted(Flow),
    /// Too many emails were requested for the address or from the network.
    Limited {
        /// How long until the next may be.
        wait: Duration,
    },
}

impl Lifecycle {
    /// Requests an email. Nobody is looked up here: neither the answer nor its time depends on who has the address (L-5).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request(&self, wanted: Wanted, client: &Client) -> Result<Requested, DatabaseError> {
        self.request_by(Caller::anonymous(client), wanted, None).await
    }

    /// The same by any caller, with an event that names its user, if one is given.
    pub(super) async fn request_by(
        &self,
        caller: Caller,
        wanted: Wanted,
        user: Option<UserId>,
    ) -> Result<Requested, DatabaseError> {
        let Wanted { purpose, email, mut payload, browser } = wanted;
        payload.insert("client".to_owned(), described(&caller.client));
        payload.insert("language".to_owned(), json!(caller.client.language));
        let id = new_uuid(self.world().clock.now(), &self.world().rng);
        let (lifetime, email) = (self.lifetime(purpose), email.as_str().to_owned());
        let new = NewConfirmation {
            id,
            purpose,
            email,
            payload: Value::Object(payload),
            browser,
            lifetime,
            is_looked_up: false,
        };
        Ok(match self.insert(new, caller, user).await? {
            None => Requested::Accepted(Flow { flow: self.keys().flow(id), expires_in: lifetime }),
            Some(wait) => Requested::Limited { wait },
        })
    }

    /// Requests the email of a flow again: a confirmation of its own, to which the flow leads from now on. A flow that is
    /// not ours, has expired or was used is accepted, and nothing is sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_again(&self, flow: &str, client: &Client) -> Result<Requested, DatabaseError> {
        let accepted = |expires_in| Requested::Accepted(Flow { flow: flow.to_owned(), expires_in });
        let Some(first) = self.keys().read_flow(flow) else { return Ok(accepted(Duration::ZERO)) };
        let found = self.world().db.run(move |connection| Box::pin(confirmations::find(connection, first)));
        let Some(found) = found.await?.filter(|found| found.standing == ConfirmationStanding::Waiting) else {
            return Ok(accepted(Duration::ZERO));
        };
        let lifetime = self.lifetime(found.purpose);
        let new = NewConfirmation {
            id: new_uuid(self.world().clock.now(), &self.world().rng),
            purpose: found.purpose,
            email: found.email.clone(),
            payload: found.payload_to_repeat(),
            browser: found.browser.as_deref().and_then(Digest32::from_slice),
            lifetime,
            is_looked_up: false,
        };
        let successor = new.id;
        if let Some(wait) = self.insert(new, Caller::anonymous(client), None).await? {
            return Ok(Requested::Limited { wait });
        }
        self.world().db.run(move |connection| Box::pin(confirmations::renew(connection, first, successor))).await?;
        Ok(accepted(lifetime))
    }

    /// Counts the request and inserts its confirmation, with an event where a user is given. Returns how long to wait if there
    /// were too many.
    async fn insert(
        &self,
        new: NewConfirmation,
        caller: Caller,
        user: Option<UserId>,
    ) -> Result<Option<Duration>, DatabaseError> {
        let (limits, purpose) = (self.limits(&new.email, &caller.client), new.purpose);
        let refused = self.world().transaction(caller, move |mut work| {
            Box::pin(async move {
                if let Some(refused) = refusal(&mut work, limits).await? {
                    return Ok(Some(refused));
                }
                confirmations::add(work.connection, new).await?;
                if let Some(user) = user {
                    let details = json!({ "purpose": purpose.name() });
                    work.record(audit::Kind::ConfirmationRequested, user, details).await?;
                }
                Ok(None)
            })
        });
        let Some(RequestRefusal { name, wait }) = refused.await? else {
            self.world().metrics.confirmation(purpose.name(), "requested");
            return Ok(None);
        };
        self.world().metrics.limited(name);
        Ok(Some(wait))
    }
}

/// Which limit refuses a request, and for how long.
pub(super) struct RequestRefusal {
    pub name: &'static str,
    pub wait: Duration,
}

/// Counts a request. None: it is within the limits.
pub(super) async fn refusal(
    work: &mut Work<'_>,
    limits: Vec<MailLimit>,
) -> Result<Option<RequestRefusal>, DatabaseError> {
    for MailLimit { name, bucket, most } in limits {
        if !confirmations::count_request(work.connection, bucket, most).await? {
            let wait = confirmations::wait_left(work.connection, bucket).await?;
            return Ok(Some(RequestRefusal { name, wait }));
        }
    }
    Ok(None)
}

/// What the email says about the client that asked.
pub(super) fn described(client: &Client) -> Value {
    json!({ "ip": client.ip, "user_agent": client.user_agent, "request_id": client.request_id })
}
