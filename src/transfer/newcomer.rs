use crate::{
    identity::{BlockReason, CustomClaims, DisplayName, EmailAddress, Roles, fit_together},
    kernel::{Moment, UserId},
    passwords::PasswordHash,
};
use chrono::Datelike;
use serde_json::{Map, Value};
use std::fmt;

/// The names of the fields, in the order in which they are exported.
pub const FIELDS: [&str; 12] = [
    "id",
    "email",
    "password_hash",
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

/// The longest language tag that is stored, in characters.
const LANGUAGE: usize = 35;

/// A person, about to be taken over from another system.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Their id, where it is to stay: it is `sub` in access tokens.
    pub id: Option<UserId>,
    /// Their address: nobody else's.
    pub email: EmailAddress,
    /// What their password is compared with; replaced by a hash of ours at their next sign-in.
    pub hash: PasswordHash,
    /// What they want to be called.
    pub name: Option<DisplayName>,
    /// What they may do.
    pub roles: Roles,
    /// Claims of their own.
    pub claims: CustomClaims,
    /// Whether they are blocked.
    pub blocked: bool,
    /// Since when; none: as of now, if at all.
    pub blocked_at: Option<Moment>,
    /// Why.
    pub blocked_reason: Option<BlockReason>,
    /// The language of their letters, as a tag (RFC 5646).
    pub language: Option<String>,
    /// When their account was made; none: now.
    pub created_at: Option<Moment>,
    /// Their last sign-in.
    pub last_login_at: Option<Moment>,
}

/// Why a row is not taken over. Never quotes what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRefused {
    /// A stable code for programs.
    pub code: &'static str,
    /// For a person, with the field's name where it is about one.
    pub message: String,
}

impl fmt::Display for RowRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl RowRefused {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn field(name: &str, code: &'static str, problem: impl fmt::Display) -> Self {
        Self::new(code, format!("{name}: {problem}"))
    }

    fn of_type(name: &str, wanted: &str) -> Self {
        Self::field(name, "wrong_type", format_args!("must be {wanted}"))
    }
}

impl Newcomer {
    /// Reads a row's fields.
    ///
    /// # Errors
    /// The first thing that is wrong, with the field's name.
    pub fn read(fields: Map<String, Value>) -> Result<Self, RowRefused> {
        let mut fields = Fields(fields);
        let blocked_at = fields.text_as("blocked_at", moment)?;
        let newcomer = Self {
            id: fields.text_as("id", |text| text.parse().map_err(|why| ("not_an_id", why)))?,
            email: fields.email()?,
            hash: fields.hash()?,
            name: fields.line_as("name", |text| DisplayName::parse(text).map_err(|why| (why.code(), why)))?,
            roles: fields.roles()?,
            claims: fields.claims()?,
            blocked: fields.blocked(blocked_at)?,
            blocked_at,
            blocked_reason: fields
                .line_as("blocked_reason", |text| BlockReason::parse(text).map_err(|why| (why.code(), why)))?,
            language: fields.text_as("language", language)?,
            created_at: fields.text_as("created_at", moment)?,
            last_login_at: fields.text_as("last_login_at", moment)?,
        };
        fields.expect_no_more()?;
        let fit = fit_together(&newcomer.roles, &newcomer.claims);
        fit.map_err(|why| RowRefused::field("claims", why.code(), why))?;
        Ok(newcomer)
    }
}

/// The fields of a row that were not read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, RowRefused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(RowRefused::of_type(name, "a text")),
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

    /// A text of which nothing may be left.
    fn line_as<T, E: fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<Option<T>, (&'static str, E)>,
    ) -> Result<Option<T>, RowRefused> {
        self.text_as(name, parse).map(Option::flatten)
    }

    fn email(&mut self) -> Result<EmailAddress, RowRefused> {
        let email = self.text_as("email", |text| EmailAddress::parse(text).map_err(|why| (why.code(), why)))?;
        email.ok_or_else(|| RowRefused::field("email", "missing", "is missing"))
    }

    fn hash(&mut self) -> Result<PasswordHash, RowRefused> {
        let import = |text: &str| PasswordHash::import(text.to_owned()).map_err(|why| (why.code(), why));
        Ok(self.text_as("password_hash", import)?.unwrap_or_else(PasswordHash::none))
    }

    fn roles(&mut self) -> Result<Roles, RowRefused> {
        let wrong = || RowRefused::of_type("roles", "a list of texts");
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

    fn blocked(&mut self, since: Option<Moment>) -> Result<bool, RowRefused> {
        match (self.take("blocked"), since) {
            (None, since) => Ok(since.is_some()),
            (Some(Value::Bool(true)), _) => Ok(true),
            (Some(Value::Bool(false)), None) => Ok(false),
            (Some(Value::Bool(false)), Some(_)) => {
                Err(RowRefused::field("blocked", "contradiction", "is false, and blocked_at says since when"))
            }
            (Some(_), _) => Err(RowRefused::of_type("blocked", "true or false")),
        }
    }

    fn expect_no_more(self) -> Result<(), RowRefused> {
        match self.0.into_iter().find(|(name, _)| !FIELDS.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(unknown_field(&name)),
        }
    }
}

/// A field with a typing mistake would be lost.
pub fn unknown_field(name: &str) -> RowRefused {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    RowRefused::new("unknown_field", format!("there is no field {shown}; there are {}", FIELDS.join(", ")))
}

fn moment(text: &str) -> Result<Moment, (&'static str, &'static str)> {
    const PROBLEM: (&str, &str) = ("not_a_time", "must be a time of the years 1970 to 9999, as 2026-11-23T00:00:00Z");
    let moment = chrono::DateTime::parse_from_rfc3339(text).or(Err(PROBLEM))?.to_utc();
    if (1970..=9999).contains(&moment.year()) { Ok(moment) } else { Err(PROBLEM) }
}

fn language(text: &str) -> Result<String, (&'static str, &'static str)> {
    let well_formed = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if well_formed && (2..=LANGUAGE).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(("not_a_language", "must be a language tag, as en or ko"))
    }
}

#[cfg(test)]
mod tests;
