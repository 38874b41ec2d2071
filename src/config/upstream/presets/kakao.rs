use super::data::{PresetData, PresetProtocol, asked_by};
use crate::config::ClientAuthentication;

/// "`OpenID` Connect" must be switched on in Kakao's console; the address is asked for by consent.
pub(super) fn data() -> PresetData {
    PresetData {
        label: Some("Kakao"),
        scopes: &["openid", "account_email", "profile_nickname"],
        client_authentication: ClientAuthentication::Post,
        trusts_email: Some(true),
        reauthentication: asked_by("prompt", "login"),
        protocol: PresetProtocol::Oidc {
            issuer: Some("https://kauth.kakao.com"),
            form_post: false,
            tenant_issuer: false,
        },
    }
}
