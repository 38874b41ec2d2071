use super::data::{PresetData, PresetProtocol, asked_by, pointers};
use crate::config::{ClientAuthentication, ProviderQuirks};

/// The address is what the member typed: never verified.
pub(super) fn data() -> PresetData {
    PresetData {
        label: Some("Naver"),
        scopes: &[],
        client_authentication: ClientAuthentication::Post,
        trusts_email: None,
        reauthentication: asked_by("auth_type", "reauthenticate"),
        protocol: PresetProtocol::OAuth2 {
            issuer: Some("https://nid.naver.com"),
            endpoints: Some([
                "https://nid.naver.com/oauth2.0/authorize",
                "https://nid.naver.com/oauth2.0/token",
                "https://openapi.naver.com/v1/nid/me",
            ]),
            pointers: Some(pointers("/response/id", Some("/response/email"), Some("/response/name"))),
            quirks: ProviderQuirks {
                without_pkce: true,
                state_in_token_request: true,
                separate_emails: false,
                success: Some(("/resultcode", "00")),
                answers_as: None,
            },
        },
    }
}
