//! What is known of providers: data, a file each.

mod apple;
mod data;
mod github;
mod google;
mod kakao;
mod microsoft;
mod naver;
mod oauth2;
mod oidc;

pub(super) use data::{PresetData, PresetProtocol};

use super::Preset;

/// What is known of a provider.
pub(super) fn data_of(preset: Preset) -> PresetData {
    match preset {
        Preset::Apple => apple::data(),
        Preset::Github => github::data(),
        Preset::Google => google::data(),
        Preset::Kakao => kakao::data(),
        Preset::Microsoft => microsoft::data(),
        Preset::Naver => naver::data(),
        Preset::OAuth2 => oauth2::data(),
        Preset::Oidc => oidc::data(),
    }
}
