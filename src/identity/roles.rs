//! Roles: the names of what a user may do.

use std::collections::BTreeSet;

/// The most roles a user may have: every access token and a header carry them.
pub const MAX_ROLES: usize = 32;
/// The longest role, in characters.
const MAX_ROLE_CHARACTERS: usize = 64;
/// The role of administrators.
const ADMIN: &str = "admin";

/// One role: `^[a-z][a-z0-9_.:-]{0,63}$`.
///
/// No comma and no space, so that a list of roles fits into one header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, pattern = "^[a-z][a-z0-9_.:-]{0,63}$", example = "editor")]
pub struct Role(String);

/// A user's roles: sorted, without duplicates, at most `MAX_ROLES`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

/// Why a role or a list of them was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// A role is not written as roles are.
    #[error(
        "A role has 1 to 64 characters: a lower-case letter first, then lower-case letters, digits, and any of _ . : -"
    )]
    NotARole,
    /// More than `MAX_ROLES` different roles.
    #[error("A user may have at most 32 roles.")]
    TooMany,
}

impl RoleError {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotARole => "not_a_role",
            Self::TooMany => "too_many",
        }
    }
}

impl Role {
    /// Reads one role, exactly as written: nothing is trimmed and no letter made small.
    ///
    /// # Errors
    /// [`RoleError::NotARole`] when it does not match the pattern.
    pub fn parse(raw: &str) -> Result<Self, RoleError> {
        let may_follow = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.:-".contains(c);
        let well_formed = raw.len() <= MAX_ROLE_CHARACTERS
            && raw.starts_with(|c: char| c.is_ascii_lowercase())
            && raw.chars().all(may_follow);
        well_formed.then(|| Self(raw.to_owned())).ok_or(RoleError::NotARole)
    }

    /// The role of an administrator.
    #[must_use]
    pub fn admin() -> Self {
        Self(ADMIN.to_owned())
    }

    /// The role as it is stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Roles {
    /// Reads a list of roles; order and repetition do not matter.
    ///
    /// # Errors
    /// [`RoleError`] for the first word that is not a role, or when there are too many.
    pub fn parse<Word: AsRef<str>>(raw: impl IntoIterator<Item = Word>) -> Result<Self, RoleError> {
        raw.into_iter().try_fold(Self::default(), |roles, word| roles.with(Role::parse(word.as_ref())?))
    }

    /// These roles and one more.
    ///
    /// # Errors
    /// [`RoleError::TooMany`] when there are `MAX_ROLES` others already.
    pub fn with(mut self, role: Role) -> Result<Self, RoleError> {
        self.0.insert(role);
        if self.0.len() > MAX_ROLES {
            return Err(RoleError::TooMany);
        }
        Ok(self)
    }

    /// These roles less one.
    #[must_use]
    pub fn without(mut self, role: &Role) -> Self {
        self.0.remove(role);
        self
    }

    /// Whether the role is among them.
    #[must_use]
    pub fn contains(&self, role: &Role) -> bool {
        self.0.contains(role)
    }

    /// Whether they include the role of administrators.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.iter().any(|role| role == ADMIN)
    }

    /// The roles in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Role::as_str)
    }

    /// The roles in order, as they are stored and sent.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_role_is_a_small_word() {
        let longest = format!("a{}", "9".repeat(63));
        for role in ["admin", "a", "billing:read", "team-1.lead_x", &longest] {
            assert_eq!(Role::parse(role).unwrap().as_str(), role);
        }
    }

    #[test]
    fn what_is_no_role_is_refused() {
        let too_long = "a".repeat(65);
        for not_one in
            ["", " ", "Admin", "admin ", " admin", "1st", "-a", "a,b", "a b", "a\0", "a\n", "ädmin", "a/b", &too_long]
        {
            assert_eq!(Role::parse(not_one), Err(RoleError::NotARole), "{not_one:?}");
        }
    }

    #[test]
    fn roles_are_sorted_and_each_stands_once() {
        let roles = Roles::parse(["editor", "admin", "editor"]).unwrap();
        assert_eq!(roles.to_strings(), ["admin", "editor"]);
        assert_eq!(roles, Roles::parse(["admin".to_owned(), "editor".to_owned()]).unwrap());
    }

    #[test]
    fn thirty_two_are_allowed_and_repetitions_do_not_count() {
        let names = |count: usize| (0..count).map(|n| format!("role{n}"));
        assert_eq!(Roles::parse(names(32).chain(names(32))).unwrap().iter().count(), 32);
        assert_eq!(Roles::parse(names(33)), Err(RoleError::TooMany));
    }

    #[test]
    fn one_bad_word_refuses_the_list() {
        assert_eq!(Roles::parse(["editor", "Nonsense"]), Err(RoleError::NotARole));
    }

    ///
    #[test]
    fn only_the_word_admin_makes_an_administrator() {
        assert!(Roles::parse(["editor", "admin"]).unwrap().is_admin());
        for other in ["administrator", "admin:read", "not-admin"] {
            assert!(!Roles::parse([other]).unwrap().is_admin());
        }
        assert!(!Roles::default().is_admin());
    }

    #[test]
    fn roles_are_granted_and_taken() {
        let roles = Roles::default().with(Role::admin()).unwrap();
        assert!(roles.is_admin() && roles.contains(&Role::admin()));
        assert_eq!(roles.clone().with(Role::admin()).unwrap(), roles);
        assert_eq!(roles.without(&Role::admin()), Roles::default());
    }

    #[test]
    fn errors_have_a_code_and_a_message() {
        assert_eq!(RoleError::NotARole.code(), "not_a_role");
        assert_eq!(RoleError::TooMany.code(), "too_many");
        assert_eq!(RoleError::TooMany.to_string(), format!("A user may have at most {MAX_ROLES} roles."));
    }
}
