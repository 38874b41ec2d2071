use crate::names;

/// A role of the private Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Administers Postgres: backups, settings, other roles. The application never uses it: SQL that got past it must
    /// not be able to run programs.
    Superuser,
    /// Owns the database and everything in it: migrations.
    Owner,
    /// Reads and writes what the owner lets it: requests.
    Runtime,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Superuser, Self::Owner, Self::Runtime];

    /// Its name in Postgres.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Superuser => names::SUPERUSER,
            Self::Owner => names::OWNER,
            Self::Runtime => names::RUNTIME,
        }
    }
}
