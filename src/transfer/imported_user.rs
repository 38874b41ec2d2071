use super::{
    imported_identity::{self, IDENTITIES, ImportedIdentity},
    row::{Note, RawFields, RowRefused},
    values::{self, Cleanable, NOT_A_TIME},
};
use crate::{
    factors::TotpSecret,
    identity::{BlockReason, CustomClaims, DisplayName, EmailAddress, Roles, fit_together},
    kernel::{Moment, UserId},
    passwords::PasswordHash,
};
use serde_json::Value;
use std::fmt;

/// The names of the fields, in the order in which they are exported.
pub const FIELDS: [&str; 16] = [
    "id",
    "email",
    "email_verified",
    "email_verified_at",
    "password_hash",
    "totp_secret",
    IDENTITIES,
    "name",
    "roles",
    "claims",
    "blocked",
    "blocked_at",
    "blocked_reason",
    "language",
    "created_at",
    "last_login_at",
];

/// A user who is about to be imported from another system.
#[derive(Debug, Clone)]
pub struct ImportedUser {
    /// The id that the user keeps: `sub` in access tokens.
    pub id: Option<UserId>,
    /// The address: no two users have the same. None: an identity at another provider opens the account.
    pub email: Option<EmailAddress>,
    /// Whether the other system had verified the address.
    pub email_verified: bool,
    /// When it was verified, if the other system knows that.
    pub email_verified_at: Option<Moment>,
    /// What a password is compared with; replaced by a hash of ours at the next sign-in.
    pub hash: PasswordHash,
    /// The secret of the user's authenticator app. It is a second factor at once.
    pub totp: Option<TotpSecret>,
    /// The identities at other providers that open the account.
    pub identities: Vec<ImportedIdentity>,
    /// The display name.
    pub name: Option<DisplayName>,
    /// The roles.
    pub roles: Roles,
    /// The user's own claims.
    pub claims: CustomClaims,
    /// Whether the user is blocked.
    pub blocked: bool,
    /// Since when. `None` for a blocked user means now.
    pub blocked_at: Option<Moment>,
    /// Why.
    pub blocked_reason: Option<BlockReason>,
    /// The language of emails to the user, as a tag (RFC 5646).
    pub language: Option<String>,
    /// When the account was created. `None` means now.
    pub created_at: Option<Moment>,
    /// The last sign-in.
    pub last_login_at: Option<Moment>,
    /// What was changed to import the row.
    pub notes: Vec<Note>,
}

impl ImportedUser {
    /// Reads a row's fields.
    ///
    /// # Errors
    /// The first thing that is wrong, with the field's name.
    pub fn read(fields: RawFields) -> Result<Self, RowRefused> {
        let mut fields = Fields { left: fields, notes: Vec::new() };
        let blocked_at = fields.moment("blocked_at")?;
        let email_verified_at = fields.moment("email_verified_at")?;
        let mut user = Self {
            id: fields.id()?,
            email: fields.email()?,
            email_verified: fields.flag("email_verified", "email_verified_at", email_verified_at)?,
            email_verified_at,
            hash: fields.hash()?,
            totp: fields.totp()?,
            identities: fields.identities()?,
            name: fields.line("name")?,
            roles: fields.roles()?,
            claims: fields.claims()?,
            blocked: fields.flag("blocked", "blocked_at", blocked_at)?,
            blocked_at,
            blocked_reason: fields.line("blocked_reason")?,
            language: fields.language()?,
            created_at: fields.moment("created_at")?,
            last_login_at: fields.moment("last_login_at")?,
            notes: std::mem::take(&mut fields.notes),
        };
        fields.expect_no_more()?;
        if user.email.is_none() && user.identities.is_empty() {
            return Err(RowRefused::field("email", "missing", "is missing"));
        }
        user.email_verified &= user.email.is_some();
        fit_together(&user.roles, &user.claims).map_err(|why| RowRefused::field("claims", why.code(), why))?;
        Ok(user)
    }

    /// Leaves out times that are later than this one, and notes it: nothing can have happened then. What they are about
    /// stays as it is.
    #[must_use]
    pub fn without_future_times(mut self, now: Moment) -> Self {
        for (name, time) in [
            ("created_at", &mut self.created_at),
            ("last_login_at", &mut self.last_login_at),
            ("email_verified_at", &mut self.email_verified_at),
            ("blocked_at", &mut self.blocked_at),
        ] {
            if time.take_if(|time| *time > now).is_some() {
                self.notes.push(Note::new("cleaned", format!("{name}: is in the future; it was left out")));
            }
        }
        for identity in &mut self.identities {
            for time in [&mut identity.created_at, &mut identity.last_used_at] {
                if time.take_if(|time| *time > now).is_some() {
                    let message = format!("{IDENTITIES}: a time is in the future; it was left out");
                    self.notes.push(Note::new("cleaned", message));
                }
            }
        }
        self
    }
}

/// The fields of a row that were not read yet.
struct Fields {
    left: RawFields,
    notes: Vec<Note>,
}

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, RowRefused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(RowRefused::of_type(name, "a string")),
        }
    }

    fn text_as<T, E: fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, (&'static str, E)>,
    ) -> Result<Option<T>, RowRefused> {
        let parsed = self.text(name)?.map(|text| parse(&text)).transpose();
        parsed.map_err(|(code, problem)| RowRefused::field(name, code, problem))
    }

    /// The UUID of zeros stands for no user, and the one of ones for the last (RFC 9562 §5.9, §5.10).
    fn id(&mut self) -> Result<Option<UserId>, RowRefused> {
        let id: Option<UserId> = self.text_as("id", |text| text.parse().map_err(|why| ("not_an_id", why)))?;
        match id.filter(|id| id.as_uuid().is_nil() || id.as_uuid().is_max()) {
            Some(_) => Err(RowRefused::field("id", "not_an_id", "must not be the UUID of zeros or ones only")),
            None => Ok(id),
        }
    }

    fn moment(&mut self, name: &str) -> Result<Option<Moment>, RowRefused> {
        self.text_as(name, |text| values::moment(text).ok_or(("not_a_time", NOT_A_TIME)))
    }

    /// A short text for readers: characters that it may not contain are removed, with a note.
    fn line<T: Cleanable>(&mut self, name: &str) -> Result<Option<T>, RowRefused> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let cleaned = values::clean(&text);
        if cleaned.is_changed {
            let message = format!("{name}: was cut, or characters that are not allowed were taken out");
            self.notes.push(Note::new("cleaned", message));
        }
        Ok(cleaned.text)
    }

    fn language(&mut self) -> Result<Option<String>, RowRefused> {
        let Some(text) = self.text("language")? else { return Ok(None) };
        let language = values::language(&text);
        if language.is_none() && !text.trim().is_empty() {
            self.notes.push(Note::new("cleaned", "language: is not a language tag, such as en or ko; it was left out"));
        }
        Ok(language)
    }

    fn email(&mut self) -> Result<Option<EmailAddress>, RowRefused> {
        self.text_as("email", |text| EmailAddress::parse(text).map_err(|why| (why.code(), why)))
    }

    fn hash(&mut self) -> Result<PasswordHash, RowRefused> {
        let import = |text: &str| PasswordHash::import(text.to_owned()).map_err(|why| (why.code(), why));
        Ok(self.text_as("password_hash", import)?.unwrap_or_else(PasswordHash::none))
    }

    fn totp(&mut self) -> Result<Option<TotpSecret>, RowRefused> {
        let wrong = ("not_a_secret", "must be 16 to 64 bytes in base32");
        self.text_as("totp_secret", |text| TotpSecret::parse(text).ok_or(wrong))
    }

    fn identities(&mut self) -> Result<Vec<ImportedIdentity>, RowRefused> {
        self.take(IDENTITIES).map(imported_identity::read).transpose().map(Option::unwrap_or_default)
    }

    fn roles(&mut self) -> Result<Roles, RowRefused> {
        let wrong = || RowRefused::of_type("roles", "a list of strings");
        let words = match self.take("roles") {
            None => Vec::new(),
            Some(Value::Array(words)) => words,
            Some(_) => return Err(wrong()),
        };
        let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
        Roles::parse(words.ok_or_else(wrong)?).map_err(|why| RowRefused::field("roles", why.code(), why))
    }

    fn claims(&mut self) -> Result<CustomClaims, RowRefused> {
        let Some(claims) = self.take("claims") else { return Ok(CustomClaims::default()) };
        CustomClaims::parse(claims).map_err(|why| RowRefused::field("claims", why.code(), why))
    }

    /// Whether something is so. A time since when says so too.
    fn flag(&mut self, name: &str, name_of_time: &str, since: Option<Moment>) -> Result<bool, RowRefused> {
        let Some(value) = self.take(name) else { return Ok(since.is_some()) };
        match (values::flag(&value), since) {
            (None, _) => Err(RowRefused::of_type(name, "true or false")),
            (Some(false), Some(_)) => {
                let problem = format_args!("is false although {name_of_time} is set");
                Err(RowRefused::field(name, "contradiction", problem))
            }
            (Some(flag), _) => Ok(flag),
        }
    }

    fn expect_no_more(self) -> Result<(), RowRefused> {
        match self.left.into_iter().find(|(name, _)| !FIELDS.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(unknown_field(&name)),
        }
    }
}

/// A field with a typing mistake would be lost.
pub fn unknown_field(name: &str) -> RowRefused {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    RowRefused::new("unknown_field", format!("there is no field {shown}; the fields are {}", FIELDS.join(", ")))
}

#[cfg(test)]
mod tests;
