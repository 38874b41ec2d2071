use super::data::{PresetData, PresetProtocol};
use crate::config::ClientAuthentication;

pub(super) fn data() -> PresetData {
    PresetData {
        label: None,
        scopes: &["openid", "email", "profile"],
        client_authentication: ClientAuthentication::Basic,
        trusts_email: Some(false),
        protocol: PresetProtocol::Oidc { issuer: None, form_post: false, tenant_issuer: false },
    }
}
