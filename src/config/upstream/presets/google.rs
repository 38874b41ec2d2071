use super::data::{PresetData, PresetProtocol, asked_by};
use crate::config::ClientAuthentication;

pub(super) fn data() -> PresetData {
    PresetData {
        label: Some("Google"),
        scopes: &["openid", "email", "profile"],
        client_authentication: ClientAuthentication::Post,
        trusts_email: Some(true),
        reauthentication: asked_by("prompt", "select_account"),
        protocol: PresetProtocol::Oidc {
            issuer: Some("https://accounts.google.com"),
            form_post: false,
            tenant_issuer: false,
        },
    }
}
