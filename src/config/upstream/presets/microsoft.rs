use super::data::{PresetData, PresetProtocol, asked_by};
use crate::config::ClientAuthentication;

/// For accounts of any tenant, unless the operator names the issuer of one. Addresses are never verified.
pub(super) fn data() -> PresetData {
    PresetData {
        label: Some("Microsoft"),
        scopes: &["openid", "email", "profile"],
        client_authentication: ClientAuthentication::Post,
        trusts_email: None,
        reauthentication: asked_by("prompt", "login"),
        protocol: PresetProtocol::Oidc {
            issuer: Some("https://login.microsoftonline.com/common/v2.0"),
            form_post: false,
            tenant_issuer: true,
        },
    }
}
