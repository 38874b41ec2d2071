/// Why a hash of another system cannot be used. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashRefused {
    /// It has none of the forms above, and is not bcrypt.
    #[error("is not a password hash of a known form: docs/moving-in.md lists the forms")]
    UnknownForm,
    /// It has a known form, but is malformed.
    #[error("is a malformed password hash: its salt, parameters or length are not valid")]
    Mangled,
    /// Verifying it would take too much memory or time.
    #[error("is a password hash that costs more work than is allowed: docs/moving-in.md lists the limits")]
    TooCostly,
    /// It is a password, not a hash.
    #[error("is a password in clear text, which is never imported")]
    ClearText,
}

impl HashRefused {
    /// The stable code for reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownForm => "unknown_hash",
            Self::Mangled => "mangled_hash",
            Self::TooCostly => "too_costly_hash",
            Self::ClearText => "clear_text_password",
        }
    }
}
