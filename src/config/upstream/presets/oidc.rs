use super::data::{PresetData, PresetProtocol};
use crate::config::{ClientAuthentication, Reauthentication};

pub(super) fn data() -> PresetData {
    PresetData {
        label: None,
        scopes: &["openid", "email", "profile"],
        client_authentication: ClientAuthentication::Basic,
        trusts_email: Some(false),
        reauthentication: Reauthentication { parameter: Some(("prompt", "login")), states_time_if_asked: true },
        protocol: PresetProtocol::Oidc { issuer: None, form_post: false, tenant_issuer: false },
    }
}
