//! An identity of another provider that gets an account by an email: a new account, or one whose address was never verified, and
//! whose maker may not read it.

use super::{
    Completion, Leading, Lifecycle, Requested, Wanted,
    complete::CompletionAttempt,
    look::Needed,
    register::{is_asking_browser, stored},
    takeover::clear_for_reader,
};
use crate::{
    audit,
    config::RegistrationPolicy,
    confirmations::{self, Confirmation, Purpose},
    identity::{DisplayName, EmailAddress, Roles, UpstreamIdentity},
    kernel::{Actor, Client, Digest32, UserId},
    passwords::{Password, PasswordHash},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended},
    upstream::{self, PendingIdentity},
    users::{self, Accounts, AccountsError, Credentials, NewAccount, User},
    work::{Caller, Work},
};
use serde_json::{Map, json};

/// The members of the payload.
const IDENTITY: &str = "identity";
const NAME: &str = "name";
const RETURN_TO: &str = "return_to";
const REMEMBERED: &str = "remembered";

/// What is confirmed, about to be carried out.
struct Connection {
    confirmation: Confirmation,
    name: Option<String>,
    hash: PasswordHash,
    /// None: another browser confirms than the one that came from the provider. What it brought may be an attacker's.
    identity: Option<UpstreamIdentity>,
    accounts: Accounts,
}

/// Whose account it is now.
struct Connected {
    user: User,
    credentials: Credentials,
    ended: Option<Ended>,
}

impl Lifecycle {
    /// Requests the email by which this address gets an account with an identity. Nobody is looked up (L-5).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_connection(
        &self,
        email: EmailAddress,
        pending: &PendingIdentity,
        browser: Option<Digest32>,
        client: &Client,
    ) -> Result<Requested, DatabaseError> {
        let members = [
            (IDENTITY, json!(pending.identity)),
            (NAME, json!(pending.name)),
            (RETURN_TO, json!(pending.return_to)),
            (REMEMBERED, json!(pending.remembered)),
        ];
        let payload = Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)));
        self.request(Wanted { purpose: Purpose::Connect, email, payload, browser }, client).await
    }

    /// Gives the address an account with the identity. Who confirms in another browser than the one that came from the provider
    /// chooses a password, and gets the account without it.
    pub(super) async fn connect_account(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        let client = attempt.client;
        let is_button = Needed::of(&attempt.confirmation, attempt.way, attempt.typed) == Needed::Button
            && attempt.typed.new_password.is_none();
        let hash = match self.first_hash(&attempt, is_button).await? {
            Ok(hash) => hash,
            Err(refused) => return Ok(refused),
        };
        let leads_to = is_button && is_asking_browser(&attempt);
        let confirmation = attempt.confirmation;
        let identity = confirmation.payload.get(IDENTITY).cloned();
        let identity = identity.and_then(|stored| serde_json::from_value(stored).ok()).filter(|_| is_button);
        // In another browser, the name may be an attacker's too.
        let name = stored(&confirmation, NAME).filter(|_| is_button);
        let return_to = stored(&confirmation, RETURN_TO).unwrap_or_default();
        let remembered = confirmation.payload.get(REMEMBERED).and_then(serde_json::Value::as_bool).unwrap_or_default();
        let accounts = self.accounts().clone();
        let connection = Connection { confirmation, name, hash, identity: identity.clone(), accounts };
        let done =
            self.world().transaction(Caller::anonymous(client), move |work| Box::pin(connection.carry_out(work)));
        let Some(Connected { user, credentials, ended }) = done.await? else { return Ok(Completion::Expired) };
        if let Some(ended) = &ended {
            self.sessions().apply(ended);
        }
        let leads_to = leads_to.then_some(Leading { return_to, remembered, credentials, identity });
        Ok(Completion::Done { purpose: Purpose::Connect, user: Box::new(user), leads_to })
    }

    /// None, or of the password that was chosen. The inner error is the answer.
    async fn first_hash(
        &self,
        attempt: &CompletionAttempt<'_>,
        is_button: bool,
    ) -> Result<Result<PasswordHash, Completion>, AccountsError> {
        if is_button {
            return Ok(Ok(PasswordHash::none()));
        }
        let Some(new) = &attempt.typed.new_password else { return Ok(Err(Completion::Missing("new_password"))) };
        let new = match Password::parse_new(new) {
            Ok(new) => new,
            Err(refused) => return Ok(Err(Completion::PasswordRefused(refused))),
        };
        let email = EmailAddress::from_stored(attempt.confirmation.email.clone());
        let hash = self.hash_for_address(&email, None, new, attempt.client).await?;
        Ok(hash.map_err(Completion::PasswordRefused))
    }
}

impl Connection {
    /// None: it was used, the address belongs to an account whose owner reads it by now, or the identity to another account.
    async fn carry_out(self, mut work: Work<'_>) -> Result<Option<Connected>, DatabaseError> {
        let Some(owner) = self.owner(&mut work).await? else { return Ok(None) };
        confirmations::lock_alike(work.connection, &self.confirmation).await?;
        if !confirmations::use_up(work.connection, self.confirmation.id, Purpose::Connect).await? {
            return Ok(None);
        }
        confirmations::void_others_like(work.connection, &self.confirmation).await?;
        let (user, ended) = match owner {
            AddressOwner::Nobody => match self.create(&mut work).await? {
                Some(user) => (user, None),
                None => return Ok(None),
            },
            AddressOwner::Unverified(user) => (user, Some(self.take_over(&mut work, user).await?)),
        };
        work.caller.actor = Actor::User(user);
        if let Some(identity) = &self.identity
            && !upstream::link_first(&mut work, user, identity).await?
        {
            // Another account has got it meanwhile: nothing of this is kept, and the next try is refused.
            return Err(DatabaseError::Raced("an identity was connected"));
        }
        work.record(audit::Kind::ConfirmationUsed, user, json!({ "purpose": Purpose::Connect.name() })).await?;
        let (Some(now), Some(credentials)) =
            (users::lookup_in(work.connection, user).await?, users::credentials_of(work.connection, user).await?)
        else {
            return Ok(None);
        };
        Ok(Some(Connected { user: now, credentials, ended }))
    }

    /// Who has the address, locked. None: an owner who reads it, or another account has the identity.
    async fn owner(&self, work: &mut Work<'_>) -> Result<Option<AddressOwner>, DatabaseError> {
        if let Some(identity) = &self.identity
            && upstream::has_owner(work, identity).await?
        {
            return Ok(None);
        }
        let found = confirmations::owner_of(work.connection, &self.confirmation.email).await?;
        let Some(found) = found else {
            let is_open = work.world.config.registration == RegistrationPolicy::Open;
            return Ok(is_open.then_some(AddressOwner::Nobody));
        };
        users::lock(work.connection, found.user).await?;
        let user = users::lookup_in(work.connection, found.user).await?;
        let has_it = |user: &User| user.email.as_ref().is_some_and(|own| own.as_str() == self.confirmation.email);
        let is_unverified = |user: &User| has_it(user) && user.email_verified_at.is_none();
        Ok(user.filter(is_unverified).map(|user| AddressOwner::Unverified(user.id)))
    }

    /// None: the address got an account at this moment, or its user can have it back.
    async fn create(&self, work: &mut Work<'_>) -> Result<Option<UserId>, DatabaseError> {
        let id = UserId::new(work.now, &work.world.rng);
        let account = NewAccount {
            id,
            email: Some(EmailAddress::from_stored(self.confirmation.email.clone())),
            is_verified: true,
            name: self
                .name
                .as_deref()
                .and_then(|name| DisplayName::parse(name).ok().flatten())
                .map(|name| name.as_str().to_owned()),
            hash: self.hash.clone(),
            roles: Roles::default(),
        };
        if !users::add(work.connection, account).await? {
            return Ok(None);
        }
        confirmations::became(work.connection, self.confirmation.id, id).await?;
        work.record(audit::Kind::UserAdded, id, json!({})).await?;
        Ok(Some(id))
    }

    /// Its maker may not read the address: password, sessions, factors, identities and everything requested go.
    async fn take_over(&self, work: &mut Work<'_>, user: UserId) -> Result<Ended, DatabaseError> {
        work.caller.actor = Actor::User(user);
        users::set_password(work.connection, user, None, &self.hash).await?;
        users::verify_email(work.connection, user).await?;
        let ended = sessions::end_all_of(work, user, None, &EndReason::PasswordChanged).await?;
        clear_for_reader(work, user, self.confirmation.id).await?;
        work.record(audit::Kind::PasswordReset, user, json!({ "sessions": ended.live(), "takeover": true })).await?;
        self.accounts.guard().start_again(work, user, &self.confirmation.email).await?;
        Ok(ended)
    }
}

/// Who has the address of a confirmation.
enum AddressOwner {
    Nobody,
    Unverified(UserId),
}
