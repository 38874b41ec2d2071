use super::data::{PresetData, PresetProtocol};
use crate::config::{ClientAuthentication, Reauthentication};

/// Apple posts its answer as a form when an address or a name is asked for.
pub(super) fn data() -> PresetData {
    PresetData {
        label: Some("Apple"),
        scopes: &["openid", "email", "name"],
        client_authentication: ClientAuthentication::Post,
        trusts_email: Some(true),
        reauthentication: Reauthentication { parameter: None, states_time_if_asked: false },
        protocol: PresetProtocol::Oidc {
            issuer: Some("https://appleid.apple.com"),
            form_post: true,
            tenant_issuer: false,
        },
    }
}
