//! Products whose users are rows of one table.

use super::{columns::Columns, draft::Draft};
use crate::{kernel::Moment, transfer::row::RowRefused};
use serde_json::Value;

/// Names of a column, in lower case: the first that has a value counts.
type Names = &'static [&'static str];

/// Where a product keeps what.
pub struct Table {
    id: Names,
    email: Names,
    hash: Names,
    name: Names,
    given_name: Names,
    family_name: Names,
    verified: Names,
    /// Here the first column that exists counts, with or without a value.
    verified_at: Names,
    created_at: Names,
    last_login_at: Names,
    language: Names,
    second_factor: Names,
    standing: &'static [AccountColumn],
}

/// What columns say about whether the user may sign in. A table may have several of the names: each counts.
enum AccountColumn {
    /// Blocked unless all are true. The product always writes one of them: without it, blocked users would sign in.
    Required(Names, &'static str),
    /// Blocked if one is false.
    Unless(Names, &'static str),
    /// Blocked if one is true.
    If(Names, &'static str),
    /// Blocked if it is one of these words.
    IfWord { names: Names, words: Names, reason: &'static str },
    /// Blocked if it is another number than zero.
    IfNotZero(Names, &'static str),
    /// Blocked since that time.
    Since(Names, &'static str),
    /// Blocked if true, until a time in a second column, with the reason in a third.
    IfUntil { flag: Names, until: Names, reason: Names },
    /// Blocked until one of these times.
    Until(Names, &'static str),
    /// Deleted at that time: not imported.
    DeletedAt(Names),
    /// Deleted if true: not imported.
    DeletedIf(Names),
}

/// What applications call the columns in which they block users. Frameworks have no name for them.
const BLOCKED_AT: Names = &["banned_at", "blocked_at", "suspended_at", "disabled_at", "deactivated_at", "locked_at"];
const BLOCKED_IF: Names = &[
    "is_banned",
    "banned",
    "is_blocked",
    "blocked",
    "is_suspended",
    "suspended",
    "is_disabled",
    "disabled",
    "is_locked",
    "locked",
    "is_deactivated",
    "deactivated",
    "is_inactive",
    "inactive",
];
const BLOCKED_UNTIL: Names = &["banned_until", "blocked_until", "suspended_until", "disabled_until", "locked_until"];
/// Columns that hold a word, and the words in them that block.
const STATUS: Names = &["status", "state", "account_status", "user_status"];
const BLOCKED_WORDS: Names =
    &["banned", "blocked", "suspended", "disabled", "inactive", "deactivated", "locked", "deleted"];
const BLOCKED_UNLESS: Names = &["is_active", "active", "is_enabled", "enabled"];

const NONE: Table = Table {
    id: &["id"],
    email: &["email"],
    hash: &["password"],
    name: &["name"],
    given_name: &[],
    family_name: &[],
    verified: &[],
    verified_at: &[],
    created_at: &["created_at"],
    last_login_at: &[],
    language: &["language", "locale"],
    second_factor: &[],
    standing: &[],
};

pub const SUPABASE: Table = Table {
    hash: &["encrypted_password"],
    // The latter is also set by a confirmed telephone number where the former exists.
    verified_at: &["email_confirmed_at", "confirmed_at"],
    last_login_at: &["last_sign_in_at"],
    standing: &[
        AccountColumn::DeletedAt(&["deleted_at"]),
        AccountColumn::Until(&["banned_until"], "Banned in Supabase"),
    ],
    ..NONE
};

pub const DJANGO: Table = Table {
    given_name: &["first_name"],
    family_name: &["last_name"],
    created_at: &["date_joined"],
    last_login_at: &["last_login"],
    standing: &[AccountColumn::Required(&["is_active"], "Not active in Django")],
    ..NONE
};

pub const LARAVEL: Table = Table {
    verified_at: &["email_verified_at"],
    last_login_at: &["last_login_at"],
    second_factor: &["two_factor_secret"],
    standing: &[
        AccountColumn::DeletedAt(&["deleted_at"]),
        AccountColumn::Since(BLOCKED_AT, "Blocked in Laravel"),
        AccountColumn::If(BLOCKED_IF, "Blocked in Laravel"),
        AccountColumn::Until(BLOCKED_UNTIL, "Blocked in Laravel"),
        AccountColumn::Unless(BLOCKED_UNLESS, "Not active in Laravel"),
        AccountColumn::IfWord { names: STATUS, words: BLOCKED_WORDS, reason: "Not active in Laravel" },
    ],
    ..NONE
};

pub const SPRING: Table = Table {
    email: &["email", "username"],
    verified: &["email_verified"],
    given_name: &["first_name"],
    family_name: &["last_name"],
    standing: &[
        AccountColumn::Required(BLOCKED_UNLESS, "Not enabled in Spring Security"),
        AccountColumn::Unless(&["account_non_locked", "accountnonlocked"], "Locked in Spring Security"),
        AccountColumn::Unless(&["account_non_expired", "accountnonexpired"], "Expired in Spring Security"),
        AccountColumn::If(&["account_locked", "locked"], "Locked in Spring Security"),
    ],
    ..NONE
};

pub const WORDPRESS: Table = Table {
    email: &["user_email"],
    hash: &["user_pass"],
    name: &["display_name"],
    created_at: &["user_registered"],
    standing: &[
        AccountColumn::DeletedIf(&["deleted"]),
        AccountColumn::If(&["spam"], "Marked as spam in WordPress"),
        AccountColumn::IfNotZero(&["user_status"], "Not active in WordPress"),
    ],
    ..NONE
};

pub const DEVISE: Table = Table {
    hash: &["encrypted_password"],
    given_name: &["first_name"],
    family_name: &["last_name"],
    verified_at: &["confirmed_at"],
    last_login_at: &["current_sign_in_at", "last_sign_in_at"],
    second_factor: &["otp_secret", "encrypted_otp_secret"],
    standing: &[
        AccountColumn::DeletedAt(&["deleted_at", "discarded_at"]),
        AccountColumn::Since(&["locked_at"], "Locked in Devise"),
        AccountColumn::Since(BLOCKED_AT, "Blocked in Devise"),
        AccountColumn::If(BLOCKED_IF, "Blocked in Devise"),
        AccountColumn::Until(BLOCKED_UNTIL, "Blocked in Devise"),
        AccountColumn::Unless(BLOCKED_UNLESS, "Not active in Devise"),
        AccountColumn::IfWord { names: STATUS, words: BLOCKED_WORDS, reason: "Not active in Devise" },
    ],
    ..NONE
};

pub const BETTER_AUTH: Table = Table {
    verified: &["emailverified", "email_verified"],
    created_at: &["createdat", "created_at"],
    second_factor: &["twofactorenabled", "two_factor_enabled"],
    standing: &[AccountColumn::IfUntil {
        flag: &["banned"],
        until: &["banexpires", "ban_expires"],
        reason: &["banreason", "ban_reason"],
    }],
    ..NONE
};

/// The columns of a user in what `dumpdata` writes, `{"model", "pk", "fields"}`; a row of the table is returned as it is.
/// `None` for an object of another model.
pub fn of_dump(columns: Columns) -> Result<Option<Columns>, RowRefused> {
    if !columns.has(&["model"]) || !columns.has(&["fields"]) {
        return Ok(Some(columns));
    }
    let Some(mut fields) = columns.object(&["fields"]) else { return Ok(None) };
    if let Some(key) = columns.value(&["pk"]) {
        fields.insert("id".to_owned(), key.clone());
    }
    let is_user = fields.contains_key("email") && fields.contains_key("password");
    is_user.then(|| Columns::of(fields)).transpose()
}

impl Table {
    pub fn convert(&self, columns: &Columns, now: Moment) -> Result<Draft, RowRefused> {
        let mut draft = Draft::default();
        draft.id(columns.text(self.id));
        draft.set("email", columns.text(self.email));
        draft.set("password_hash", columns.text(self.hash));
        if !columns.has(self.hash) {
            draft.without_password_column(self.hash.first().copied().unwrap_or_default());
        }
        draft.set("name", self.name(columns));
        draft.set("language", columns.text(self.language));
        draft.moment("created_at", columns.moment(self.created_at)?);
        draft.moment("last_login_at", columns.moment(self.last_login_at)?);
        draft.set("email_verified", columns.flag(self.verified)?);
        draft.moment("email_verified_at", columns.moment(columns.existing(self.verified_at))?);
        for standing in self.standing {
            standing.apply(&mut draft, columns, now)?;
        }
        let is_off = |value: &Value| crate::transfer::values::flag(value) == Some(false);
        if columns.value(self.second_factor).is_some_and(|value| !is_off(value)) {
            draft.not_moved("the second factor");
        }
        Ok(draft)
    }

    fn name(&self, columns: &Columns) -> Option<String> {
        let metadata = |name: &str| {
            let metadata = columns.object(&["raw_user_meta_data"])?;
            metadata.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        let parts = [columns.text(self.given_name), columns.text(self.family_name)];
        let full = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        columns
            .text(self.name)
            .or_else(|| Some(full).filter(|name| !name.is_empty()))
            .or_else(|| metadata("full_name"))
            .or_else(|| metadata("name"))
    }
}

impl AccountColumn {
    /// The first reason to block a user stays.
    fn apply(&self, draft: &mut Draft, columns: &Columns, now: Moment) -> Result<(), RowRefused> {
        let mut block = |is_blocked: bool, reason: &str, since: Option<Moment>| {
            if is_blocked && !draft.is_blocked() {
                draft.block(reason, since);
            }
        };
        match self {
            Self::Required(names, reason) => {
                let flags = columns.flags(names)?;
                if flags.is_empty() {
                    return Err(missing(names));
                }
                block(flags.contains(&false), reason, None);
            }
            Self::Unless(names, reason) => block(columns.flags(names)?.contains(&false), reason, None),
            Self::If(names, reason) => block(columns.flags(names)?.contains(&true), reason, None),
            Self::IfWord { names, words, reason } => {
                let mut given = names.chunks(1).filter_map(|name| columns.text(name));
                let blocks = |given: String| words.iter().any(|word| given.eq_ignore_ascii_case(word));
                block(given.any(blocks), reason, None);
            }
            Self::IfNotZero(names, reason) => {
                block(columns.text(names).is_some_and(|status| status != "0"), reason, None);
            }
            Self::Since(names, reason) => {
                let since = columns.moments(names)?.into_iter().min();
                block(since.is_some(), reason, since);
            }
            Self::IfUntil { flag, until, reason } => {
                let is_banned =
                    columns.flag(flag)? == Some(true) && Self::is_future(columns, until, now)?.unwrap_or(true);
                let reason = columns.text(reason).unwrap_or_else(|| "Banned in better-auth".to_owned());
                block(is_banned, &reason, None);
            }
            Self::Until(names, reason) => {
                for name in names.chunks(1) {
                    block(Self::is_future(columns, name, now)? == Some(true), reason, None);
                }
            }
            Self::DeletedAt(names) if !columns.moments(names)?.is_empty() => return Err(deleted()),
            Self::DeletedIf(names) if columns.flags(names)?.contains(&true) => return Err(deleted()),
            Self::DeletedAt(_) | Self::DeletedIf(_) => {}
        }
        Ok(())
    }

    /// Whether a time is to come. Postgres also has `infinity`.
    fn is_future(columns: &Columns, names: &[&str], now: Moment) -> Result<Option<bool>, RowRefused> {
        match columns.text(names).as_deref() {
            Some("infinity") => Ok(Some(true)),
            Some("-infinity") => Ok(Some(false)),
            _ => Ok(columns.moment(names)?.map(|until| until > now)),
        }
    }
}

fn missing(names: Names) -> RowRefused {
    let name = names.last().copied().unwrap_or_default();
    RowRefused::field(name, "missing", "is missing: without it, a blocked user could sign in")
}

fn deleted() -> RowRefused {
    RowRefused::new("deleted_user", "the user was deleted in the other system")
}
