//! Rows as the products write them, converted to the fields of [`ImportedUser`].

mod auth0;
mod columns;
mod draft;
mod firebase;
mod keycloak;
mod table;

use super::{
    ImportedUser,
    row::{RawFields, RowRefused},
};
use crate::kernel::Moment;
pub use auth0::{HashFileError, PasswordHashes};
use columns::Columns;
use draft::{Draft, Finishing};
use firebase::FirebasePasswords;
pub use firebase::{HashConfig, HashConfigError};

/// The system that wrote the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSystem {
    /// The fields of [`ImportedUser`], as Heirloom exports them.
    Heirloom,
    /// Auth0: the export of users, and the export of password hashes that its support provides.
    Auth0,
    /// `firebase auth:export`.
    Firebase,
    /// A realm exported by `kc.sh export`.
    Keycloak,
    /// Supabase Auth: `auth.users`.
    Supabase,
    /// Django: `dumpdata auth.user`, or the table.
    Django,
    /// Laravel: `users`.
    Laravel,
    /// Spring Security: `users`.
    Spring,
    /// WordPress: `wp_users`.
    Wordpress,
    /// Devise: `users`.
    Devise,
    /// better-auth: `user`, joined with `account`.
    BetterAuth,
}

impl SourceSystem {
    /// Every system that users can be imported from.
    pub const ALL: [Self; 11] = [
        Self::Heirloom,
        Self::Auth0,
        Self::Firebase,
        Self::Keycloak,
        Self::Supabase,
        Self::Django,
        Self::Laravel,
        Self::Spring,
        Self::Wordpress,
        Self::Devise,
        Self::BetterAuth,
    ];
}

/// How rows become users.
#[derive(Debug)]
pub struct Conversion {
    /// Who wrote them.
    pub source: SourceSystem,
    /// The parameters of Firebase's hash.
    pub firebase: Option<HashConfig>,
    /// Hashes that stand in a file of their own.
    pub hashes: Option<PasswordHashes>,
    /// Import users without their passwords.
    pub without_password_hashes: bool,
    /// The claim that keeps an id which is not a UUID.
    pub old_id_claim: Option<String>,
    /// Bans that end earlier have expired, and nothing has happened later.
    pub now: Moment,
}

impl Conversion {
    /// Rows of Heirloom's own form.
    #[must_use]
    pub const fn plain(now: Moment) -> Self {
        Self {
            source: SourceSystem::Heirloom,
            firebase: None,
            hashes: None,
            without_password_hashes: false,
            old_id_claim: None,
            now,
        }
    }

    /// The user that a row describes; `None` if the row describes something else, as a dump of Django's may.
    ///
    /// # Errors
    /// Why the row is not imported.
    pub fn user(&self, mut fields: RawFields) -> Result<Option<ImportedUser>, RowRefused> {
        if self.source == SourceSystem::Heirloom {
            if self.without_password_hashes {
                fields.remove("password_hash");
            }
            return ImportedUser::read(fields).map(|user| Some(user.without_future_times(self.now)));
        }
        let finishing = Finishing {
            without_password_hashes: self.without_password_hashes,
            old_id_claim: self.old_id_claim.as_deref(),
        };
        let user = self.draft(fields)?.map(|draft| draft.finish(finishing)).transpose()?;
        Ok(user.map(|user| user.without_future_times(self.now)))
    }

    const fn passwords(&self) -> FirebasePasswords<'_> {
        if self.without_password_hashes {
            FirebasePasswords::LeftOut
        } else {
            FirebasePasswords::Kept(self.firebase.as_ref())
        }
    }

    fn draft(&self, fields: RawFields) -> Result<Option<Draft>, RowRefused> {
        let columns = Columns::of(fields)?;
        let table = match self.source {
            SourceSystem::Auth0 => return auth0::convert(&columns, self.hashes.as_ref()).map(Some),
            SourceSystem::Firebase => return firebase::convert(&columns, self.passwords()).map(Some),
            SourceSystem::Keycloak => return keycloak::convert(&columns).map(Some),
            SourceSystem::Django => match table::of_dump(columns)? {
                Some(columns) => return table::DJANGO.convert(&columns, self.now).map(Some),
                None => return Ok(None),
            },
            SourceSystem::Supabase => &table::SUPABASE,
            SourceSystem::Laravel => &table::LARAVEL,
            SourceSystem::Spring => &table::SPRING,
            SourceSystem::Wordpress => &table::WORDPRESS,
            SourceSystem::Devise => &table::DEVISE,
            SourceSystem::BetterAuth => &table::BETTER_AUTH,
            SourceSystem::Heirloom => return Ok(None),
        };
        table.convert(&columns, self.now).map(Some)
    }
}

impl SourceSystem {
    /// The member that holds the users, where an export is one JSON object.
    pub(super) const fn member(self) -> Option<&'static str> {
        match self {
            Self::Keycloak | Self::Firebase => Some("users"),
            Self::Heirloom
            | Self::Auth0
            | Self::Supabase
            | Self::Django
            | Self::Laravel
            | Self::Spring
            | Self::Wordpress
            | Self::Devise
            | Self::BetterAuth => None,
        }
    }
}

#[cfg(test)]
mod tests;
