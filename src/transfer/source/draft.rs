use crate::{
    kernel::{Moment, UserId},
    transfer::{
        ImportedUser,
        row::{Note, RawFields, RowRefused},
    },
};
use serde_json::{Value, json};

/// A user in the making: the fields of [`ImportedUser`], and what has no field.
#[derive(Default)]
pub struct Draft {
    fields: RawFields,
    old_id: Option<String>,
    notes: Vec<Note>,
}

/// What is done to every draft in the end.
#[derive(Clone, Copy)]
pub struct Finishing<'a> {
    /// Leave passwords out.
    pub without_password_hashes: bool,
    /// The claim that keeps an id which is not a UUID.
    pub old_id_claim: Option<&'a str>,
}

impl Draft {
    /// The id is kept if it is a UUID.
    pub fn id(&mut self, id: Option<String>) {
        match id {
            Some(id) if id.parse::<UserId>().is_ok() => self.set("id", Some(id)),
            other => self.old_id = other,
        }
    }

    pub fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.fields.insert(name.to_owned(), value.into());
        }
    }

    pub fn moment(&mut self, name: &str, moment: Option<Moment>) {
        self.set(name, moment.map(|moment| moment.to_rfc3339()));
    }

    pub fn block(&mut self, reason: &str, since: Option<Moment>) {
        self.set("blocked", Some(true));
        self.set("blocked_reason", Some(reason));
        self.moment("blocked_at", since);
    }

    pub fn is_blocked(&self) -> bool {
        self.fields.contains_key("blocked")
    }

    /// Something of the user that cannot be moved.
    pub fn not_moved(&mut self, what: &str) {
        self.notes.push(Note::new("not_moved", format!("{what} cannot be moved")));
    }

    /// The export leaves it out, as some do with secrets, or another system wrote the file.
    pub fn without_password_column(&mut self, name: &str) {
        let what = format!("there is no column {name}: the user must set a new password");
        self.notes.push(Note::new("password_not_moved", what));
    }

    pub fn finish(mut self, rules: Finishing<'_>) -> Result<ImportedUser, RowRefused> {
        if rules.without_password_hashes && self.fields.remove("password_hash").is_some() {
            self.notes.push(Note::new("password_not_moved", "the password was left out: the user must set a new one"));
        }
        if let (Some(claim), Some(id)) = (rules.old_id_claim, self.old_id) {
            let claims = self.fields.entry("claims").or_insert_with(|| json!({}));
            if let Some(claims) = claims.as_object_mut() {
                claims.insert(claim.to_owned(), id.into());
            }
        }
        let mut user = ImportedUser::read(self.fields)?;
        user.notes.extend(self.notes);
        Ok(user)
    }
}
