use super::data::{PresetData, PresetProtocol, asked_by, pointers};
use crate::config::{ClientAuthentication, ProviderQuirks};

/// The id is a number; the login changes, and another user may get it afterwards.
pub(super) fn data() -> PresetData {
    PresetData {
        label: Some("GitHub"),
        scopes: &["read:user", "user:email"],
        client_authentication: ClientAuthentication::Post,
        trusts_email: Some(true),
        reauthentication: asked_by("prompt", "select_account"),
        protocol: PresetProtocol::OAuth2 {
            issuer: Some("https://github.com"),
            endpoints: Some([
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
                "https://api.github.com/user",
            ]),
            pointers: Some(pointers("/id", None, Some("/name"))),
            quirks: ProviderQuirks {
                separate_emails: true,
                answers_as: Some("https://github.com/login/oauth"),
                ..ProviderQuirks::default()
            },
        },
    }
}
