use crate::config::{ClientAuthentication, ProfilePointers, ProviderQuirks, Reauthentication};

/// What is known of a provider.
pub struct PresetData {
    /// Its name, as its rules for buttons write it.
    pub label: Option<&'static str>,
    pub scopes: &'static [&'static str],
    pub client_authentication: ClientAuthentication,
    /// Whether an address that it calls verified counts as such, unless the operator decides otherwise; None: never.
    pub trusts_email: Option<bool>,
    pub reauthentication: Reauthentication,
    pub protocol: PresetProtocol,
}

pub enum PresetProtocol {
    Oidc {
        issuer: Option<&'static str>,
        form_post: bool,
        tenant_issuer: bool,
    },
    OAuth2 {
        issuer: Option<&'static str>,
        /// Authorize, token, profile.
        endpoints: Option<[&'static str; 3]>,
        pointers: Option<ProfilePointers>,
        quirks: ProviderQuirks,
    },
}

impl PresetProtocol {
    pub const fn is_oidc(&self) -> bool {
        matches!(self, Self::Oidc { .. })
    }
}

/// By a parameter; whether the provider then says when the user signed in is not known.
pub const fn asked_by(name: &'static str, value: &'static str) -> Reauthentication {
    Reauthentication { parameter: Some((name, value)), states_time_if_asked: false }
}

/// Pointers of a preset.
pub fn pointers(subject: &str, email: Option<&str>, name: Option<&str>) -> ProfilePointers {
    let owned = |text: &str| text.to_owned();
    ProfilePointers {
        subject: Some(owned(subject)),
        email: email.map(owned),
        email_verified: None,
        name: name.map(owned),
    }
}
