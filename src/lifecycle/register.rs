use super::{
    Completion, Leading, Lifecycle, Requested, Wanted,
    complete::CompletionAttempt,
    invite::{roles_of, still_stands},
    look::Needed,
};
use crate::{
    audit,
    confirmations::{self, Confirmation, Purpose},
    identity::{DisplayName, EmailAddress, Roles},
    kernel::{Client, Digest32, UserId},
    passwords::{Password, PasswordError, PasswordHash, QueueKey},
    postgres::DatabaseError,
    users::{self, AccountsError, Credentials, NewAccount, NewUser, User},
    work::{Caller, Work},
};
use serde_json::{Map, Value, json};

/// The members of a registration's payload.
const NAME: &str = "name";
const PASSWORD_HASH: &str = "password_hash";
const RETURN_TO: &str = "return_to";

/// The browser that asks for a registration. None of it: a client of the API.
#[derive(Debug, Default)]
pub struct Asker {
    /// The digest of its cookie.
    pub browser: Option<Digest32>,
    /// Where it is led, signed in, once the account exists.
    pub return_to: Option<String>,
}

/// A registration that is confirmed, about to become an account.
struct ConfirmedRegistration {
    confirmation: Confirmation,
    account: NewAccount,
}

/// What the account begins with.
struct FirstPassword {
    name: Option<String>,
    hash: PasswordHash,
}

impl Lifecycle {
    /// Requests an account. There is none before the address is confirmed, for known and unknown addresses alike (L-5,
    /// L-6). The inner error says why the password is refused.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn request_registration(
        &self,
        new: NewUser,
        asker: Asker,
        client: &Client,
    ) -> Result<Result<Requested, PasswordError>, AccountsError> {
        let NewUser { email, password, name, .. } = new;
        let name = name.as_ref().map(DisplayName::as_str);
        let hash = match self.hash_for_address(&email, name, password, client).await? {
            Ok(hash) => hash,
            Err(refused) => return Ok(Err(refused)),
        };
        let Asker { browser, return_to } = asker;
        let members = [(NAME, json!(name)), (PASSWORD_HASH, json!(hash.reveal())), (RETURN_TO, json!(return_to))];
        let payload = Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)));
        let wanted = Wanted { purpose: Purpose::Register, email, payload, browser };
        Ok(Ok(self.request(wanted, client).await?))
    }

    /// Creates the account, verified. A user who confirms from another client than the one that asked chooses the
    /// password: the one that was typed with the address may be an attacker's.
    pub(super) async fn create_account(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        let client = attempt.client;
        let chosen = match self.chosen(&attempt).await? {
            Ok(chosen) => chosen,
            Err(refused) => return Ok(refused),
        };
        let return_to =
            is_asking_browser(&attempt).then(|| stored(&attempt.confirmation, RETURN_TO).unwrap_or_default());
        let FirstPassword { name, hash } = chosen;
        let purpose = attempt.confirmation.purpose;
        let account = NewAccount {
            id: UserId::new(self.world().clock.now(), &self.world().rng),
            email: Some(EmailAddress::from_stored(attempt.confirmation.email.clone())),
            is_verified: true,
            name,
            hash,
            // An invitation gives some.
            roles: Roles::default(),
        };
        let registration = ConfirmedRegistration { confirmation: attempt.confirmation, account };
        let created =
            self.world().transaction(Caller::anonymous(client), move |work| Box::pin(registration.carry_out(work)));
        Ok(match created.await? {
            Some(user) => {
                // The first password of an account.
                let credentials = Credentials { user: user.id, password_version: 0 };
                let leads_to =
                    return_to.map(|return_to| Leading { return_to, remembered: false, credentials, identity: None });
                Completion::Done { purpose, user: Box::new(user), leads_to }
            }
            None => Completion::Expired,
        })
    }

    /// What was typed now, or else at the registration. The inner error is the answer.
    async fn chosen(
        &self,
        attempt: &CompletionAttempt<'_>,
    ) -> Result<Result<FirstPassword, Completion>, AccountsError> {
        let CompletionAttempt { confirmation, way, typed, client } = attempt;
        // In another browser, who asked may be another than who reads the address; an invitation's name is an administrator's.
        let is_button = Needed::of(confirmation, *way, typed) == Needed::Button;
        let is_kept = is_button || confirmation.purpose == Purpose::Invite;
        let kept = || is_kept.then(|| stored(confirmation, NAME)).flatten();
        let name = match typed.name.as_deref().map(DisplayName::parse).transpose() {
            Ok(name) => name.flatten().map(|name| name.as_str().to_owned()).or_else(kept),
            Err(refused) => return Ok(Err(Completion::NameRefused(refused))),
        };
        if is_button && typed.new_password.is_none() {
            let hash = stored(confirmation, PASSWORD_HASH).map(PasswordHash::from_stored);
            return Ok(hash.map(|hash| FirstPassword { name, hash }).ok_or(Completion::Expired));
        }
        let Some(new) = &typed.new_password else { return Ok(Err(Completion::Missing("new_password"))) };
        let new = match Password::parse_new(new) {
            Ok(new) => new,
            Err(refused) => return Ok(Err(Completion::PasswordRefused(refused))),
        };
        let email = EmailAddress::from_stored(confirmation.email.clone());
        let hash = self.hash_for_address(&email, name.as_deref(), new, client).await?;
        Ok(hash.map(|hash| FirstPassword { name, hash }).map_err(Completion::PasswordRefused))
    }

    /// Judges and hashes the first password of an account.
    pub(super) async fn hash_for_address(
        &self,
        email: &EmailAddress,
        name: Option<&str>,
        password: Password,
        client: &Client,
    ) -> Result<Result<PasswordHash, PasswordError>, AccountsError> {
        let context = self.accounts().context_of(Some(email), name);
        self.accounts().new_password(password, context, QueueKey::from(client)).await
    }
}

/// A text of the payload.
pub(super) fn stored(confirmation: &Confirmation, name: &str) -> Option<String> {
    confirmation.payload.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Whether the browser confirms that asked.
pub(super) fn is_asking_browser(attempt: &CompletionAttempt<'_>) -> bool {
    let asked = attempt.confirmation.browser.as_deref().and_then(Digest32::from_slice);
    asked.is_some() && attempt.typed.browser == asked
}

impl ConfirmedRegistration {
    /// None: it was used, the address has an account by now, or who invited may no longer do so.
    async fn carry_out(self, mut work: Work<'_>) -> Result<Option<User>, DatabaseError> {
        let Self { confirmation, mut account } = self;
        let (id, purpose, user) = (confirmation.id, confirmation.purpose, account.id);
        confirmations::lock_alike(work.connection, &confirmation).await?;
        if !confirmations::use_up(work.connection, id, purpose).await? {
            return Ok(None);
        }
        confirmations::void_others_like(work.connection, &confirmation).await?;
        // As it is now: an administrator may have named other roles since it was looked at.
        let payload = confirmations::find(work.connection, id).await?.map(|found| found.payload).unwrap_or_default();
        if purpose == Purpose::Invite {
            account.roles = roles_of(&payload);
        }
        if !still_stands(&mut work, &payload).await? || !users::add(work.connection, account).await? {
            // Nothing will come of it: it does not keep the hash of a password.
            confirmations::delete(work.connection, id).await?;
            return Ok(None);
        }
        confirmations::became(work.connection, id, user).await?;
        work.record(audit::Kind::UserAdded, user, json!({})).await?;
        work.record(audit::Kind::ConfirmationUsed, user, json!({ "purpose": purpose.name() })).await?;
        users::lookup_in(work.connection, user).await
    }
}
