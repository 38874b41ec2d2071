//! The names of the options of providers: `HEIRLOOM_UPSTREAM_<NAME>_<KEY>`, where the operator chooses NAME.

use crate::kernel::named;

pub(super) const PREFIX: &str = "HEIRLOOM_UPSTREAM_";

named! {
    /// What follows the provider's name.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[expect(clippy::enum_variant_names, reason = "as the options are called")]
    pub(super) enum Key {
        /// Which provider, or protocol, this is.
        Preset = "PRESET",
        /// The issuer: of ID tokens, or the name under which identities of plain OAuth 2.0 are kept.
        Issuer = "ISSUER",
        /// Our name there.
        ClientId = "CLIENT_ID",
        /// Our secret there.
        ClientSecret = "CLIENT_SECRET",
        /// A file that holds it.
        ClientSecretFile = "CLIENT_SECRET_FILE",
        /// What we ask for.
        Scopes = "SCOPES",
        /// What the button says.
        Label = "LABEL",
        /// Whether an address that the provider calls verified counts as such.
        TrustsEmail = "TRUSTS_EMAIL",
        /// The client ids of our apps, whose ID tokens are accepted too.
        Audiences = "AUDIENCES",
        /// In place of the preset's.
        AuthorizeUrl = "AUTHORIZE_URL",
        /// In place of the preset's.
        TokenUrl = "TOKEN_URL",
        /// In place of the preset's.
        UserinfoUrl = "USERINFO_URL",
        /// Where the profile holds the user's id.
        Subject = "SUBJECT",
        /// Where it holds the address.
        Email = "EMAIL",
        /// Where it says that the address is verified.
        EmailVerified = "EMAIL_VERIFIED",
        /// Where it holds the name.
        Name = "NAME",
        /// Apple's.
        TeamId = "TEAM_ID",
        /// Apple's.
        KeyId = "KEY_ID",
        /// Apple's.
        PrivateKey = "PRIVATE_KEY",
        /// A file that holds it.
        PrivateKeyFile = "PRIVATE_KEY_FILE",
    }
}

/// Whether a variable is an option of a provider.
#[must_use]
pub fn is_upstream_name(variable: &str) -> bool {
    split(variable).is_some_and(|(_, key)| Key::from_name(key).is_some())
}

/// What may follow `HEIRLOOM_UPSTREAM_<NAME>_`, for the test that all of them are documented.
#[must_use]
pub fn upstream_keys() -> Vec<&'static str> {
    Key::ALL.map(Key::name).to_vec()
}

/// The name and the key. A name has letters and digits only, so that the first underscore ends it.
pub(super) fn split(variable: &str) -> Option<(&str, &str)> {
    let (name, key) = variable.strip_prefix(PREFIX)?.split_once('_')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_name.then_some((name, key))
}
