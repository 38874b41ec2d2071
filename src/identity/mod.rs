//! Values that describe a user: address, name, roles, claims. No I/O.

mod budget;
mod claims;
mod email;
mod methods;
mod roles;
mod search;
mod text;
mod upstream;

pub use budget::{AccessTooLarge, MAX_ACCESS_BYTES, fit_together};
pub use claims::{ClaimsError, CustomClaims};
pub use email::{EmailAddress, EmailError, fold};
pub use methods::{
    AuthenticationLevel, AuthenticationMethod, AuthenticationMethods, CredentialKinds, Provable, ProvenBy, StepUpMethod,
};
pub use roles::{Role, RoleError, Roles};
pub use search::{search_key, search_text, typed_key};
pub use text::{BlockReason, DeviceName, DisplayName, TextError};
pub use upstream::{UpstreamIdentity, UpstreamStep};
