//! Users who come from another system, or go to one.
//!
//! A file is read row by row (`rows.rs`), and a row is converted from the form of the product that wrote it (`source.rs`).
//! It becomes an [`ImportedUser`] or is refused with a reason (`imported_user.rs`), also if an earlier row has its
//! address, its id or one of its identities at other providers (`collisions.rs`). A thousand at a time are added in one transaction (`import.rs`). Existing users stay as they
//! are: the same file may be imported again after an interruption. An export (`export.rs`) can be imported.

mod collisions;
mod export;
mod import;
mod imported_identity;
mod imported_user;
mod row;
mod rows;
mod source;
mod store;
mod values;

pub use export::{Export, ExportedSecrets, export};
pub use import::{Existing, compare, import};
pub use imported_identity::ImportedIdentity;
pub use imported_user::ImportedUser;
pub use row::{AtLine, Note, RawFields, RowRefused};
pub use rows::{Batch, FileError, Format, ImportBatches};
pub use source::{Conversion, HashConfig, HashConfigError, HashFileError, PasswordHashes, SourceSystem};
