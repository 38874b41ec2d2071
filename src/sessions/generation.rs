use std::fmt;

/// How many times the family's token has been rotated; 0 at sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(i32);

impl Generation {
    /// The generation of a sign-in.
    pub const FIRST: Self = Self(0);

    /// A generation read from the database; none when it is negative.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::new(i32::from_be_bytes(bytes.try_into().ok()?))
    }

    pub(super) fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// As a number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
