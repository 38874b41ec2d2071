use super::data::{PresetData, PresetProtocol, asked_by};
use crate::config::{ClientAuthentication, ProviderQuirks};

pub(super) fn data() -> PresetData {
    PresetData {
        label: None,
        scopes: &[],
        client_authentication: ClientAuthentication::Post,
        trusts_email: Some(false),
        reauthentication: asked_by("prompt", "login"),
        protocol: PresetProtocol::OAuth2 {
            issuer: None,
            endpoints: None,
            pointers: None,
            quirks: ProviderQuirks::default(),
        },
    }
}
