//! Providers with which users sign in: `HEIRLOOM_UPSTREAM_<NAME>_PRESET` and what belongs to it.

mod keys;
mod options;
mod preset;
mod presets;
mod provider;

pub use keys::{is_upstream_name, upstream_keys};
pub use preset::Preset;
pub use provider::{
    AppleKey, ClientAuthentication, ClientSecret, OAuth2Provider, OidcProvider, ProfilePointers, ProviderProtocol,
    ProviderQuirks, Reauthentication, UpstreamOptions, UpstreamProvider,
};

use super::{Reader, names};
use keys::Key;
use options::{OptionsOf, provider_names};
use presets::{PresetData, PresetProtocol, data_of};
use std::fs;
use url::{Host, Url};
use zeroize::Zeroizing;

const A_URL: &str = "an https URL (http on this machine only) without a user, a query or a fragment";
const A_POINTER: &str = "a JSON pointer (RFC 6901), such as /response/id";

/// Reads the options of every provider that is named.
pub(super) fn read(reader: &mut Reader) -> UpstreamOptions {
    let chosen = provider_names(reader.source());
    let providers: Vec<_> = chosen.iter().filter_map(|name| provider(&mut OptionsOf::new(reader, name))).collect();
    refuse_shared_issuers(reader, &providers);
    UpstreamOptions { providers, are_first: reader.switch(names::PROVIDERS_FIRST, false) }
}

/// An identity is issuer and subject. Of two providers with one issuer, each could open the other's accounts: two apps of Kakao
/// give the same number to different users.
fn refuse_shared_issuers(reader: &mut Reader, providers: &[UpstreamProvider]) {
    for (index, provider) in providers.iter().enumerate() {
        let shares = |other: &&UpstreamProvider| other.protocol.shares_subjects_with(&provider.protocol);
        if let Some(other) = providers.iter().take(index).find(shares) {
            let mut options = OptionsOf::new(reader, &provider.name.to_ascii_uppercase());
            let (other, issuer) = (other.name.to_ascii_uppercase(), other.protocol.issuer());
            options.problem(
                Key::Preset,
                &format!(
                    "has the issuer of {other} ({issuer}): a user is known by the issuer and the id there, so one of them could \
                     sign in as a user of the other. Use one provider; its _AUDIENCES takes ID tokens of other clients"
                ),
            );
        }
    }
}

/// None, and a problem, where something that every provider needs is missing or wrong.
fn provider(options: &mut OptionsOf<'_>) -> Option<UpstreamProvider> {
    let preset = options.required(Key::Preset)?;
    let Some(preset) = Preset::from_name(&preset.to_ascii_lowercase()) else {
        let known = Preset::ALL.map(Preset::name).join(", ");
        options.problem(Key::Preset, &format!("is not one of {known}"));
        return None;
    };
    let data = data_of(preset);
    refuse_foreign(options, preset, data.protocol.is_oidc());
    // All are read before the first that is missing ends this: every problem is reported at once.
    let (client_id, client_secret) = (options.required(Key::ClientId), client_secret(options, preset));
    let (scopes, trusts_email) = (scopes(options, &data), trusts_email(options, &data));
    let label = options.value(Key::Label).unwrap_or_else(|| label(options.name(), &data));
    let protocol = protocol(options, data.protocol);
    Some(UpstreamProvider {
        name: options.name().to_ascii_lowercase(),
        preset,
        label,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes,
        trusts_email,
        audiences: options.list(Key::Audiences),
        client_authentication: data.client_authentication,
        reauthentication: data.reauthentication,
        protocol: protocol?,
    })
}

/// Options of another kind of provider: they would be taken no notice of.
fn refuse_foreign(options: &mut OptionsOf<'_>, preset: Preset, is_oidc: bool) {
    const OF_PROFILES: [Key; 4] = [Key::Subject, Key::Email, Key::EmailVerified, Key::Name];
    const OF_APPLE: [Key; 4] = [Key::TeamId, Key::KeyId, Key::PrivateKey, Key::PrivateKeyFile];
    let mut refuse = |keys: &[Key], why: &str| {
        for key in keys {
            if options.value(*key).is_some() {
                options.problem(*key, why);
            }
        }
    };
    if is_oidc {
        refuse(&OF_PROFILES, "is for providers without ID tokens: this one states it in a claim");
    } else {
        refuse(&[Key::Audiences], "is for providers with ID tokens: this one issues none");
    }
    if preset == Preset::Apple {
        refuse(&[Key::ClientSecret, Key::ClientSecretFile], "is not used with Apple: _PRIVATE_KEY signs the secrets");
    } else {
        refuse(&OF_APPLE, "is for Apple only");
    }
}

fn label(name: &str, data: &PresetData) -> String {
    data.label.map_or_else(|| capitalized(name), str::to_owned)
}

/// `OKTA` is shown as Okta.
fn capitalized(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().into_iter().chain(characters.as_str().to_ascii_lowercase().chars()).collect()
}

fn scopes(options: &mut OptionsOf<'_>, data: &PresetData) -> Vec<String> {
    let scopes: Vec<String> = match options.value(Key::Scopes) {
        Some(text) => text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        None => data.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    // Without it, Kakao and others answer without an ID token.
    if data.protocol.is_oidc() && !scopes.iter().any(|scope| scope == "openid") {
        options.problem(Key::Scopes, "must contain openid: without it the provider sends no ID token");
    }
    scopes
}

fn trusts_email(options: &mut OptionsOf<'_>, data: &PresetData) -> bool {
    let chosen = options.switch(Key::TrustsEmail, data.trusts_email.unwrap_or(false));
    // Of these the word on addresses never counts: members type them.
    data.trusts_email.is_some() && chosen
}

fn client_secret(options: &mut OptionsOf<'_>, preset: Preset) -> Option<ClientSecret> {
    if preset == Preset::Apple {
        return apple_key(options).map(ClientSecret::Apple);
    }
    secret(options, Key::ClientSecret, Key::ClientSecretFile).map(ClientSecret::Text)
}

fn apple_key(options: &mut OptionsOf<'_>) -> Option<AppleKey> {
    let (team_id, key_id) = (options.required(Key::TeamId), options.required(Key::KeyId));
    let pem = secret(options, Key::PrivateKey, Key::PrivateKeyFile)?;
    if jsonwebtoken::EncodingKey::from_ec_pem(pem.as_bytes()).is_err() {
        options.problem(Key::PrivateKey, "is not a PEM of a private key in PKCS#8, as Apple hands it out");
        return None;
    }
    Some(AppleKey { team_id: team_id?, key_id: key_id?, private_key: pem })
}

/// A secret, or the content of the file that is named instead.
fn secret(options: &mut OptionsOf<'_>, of: Key, file: Key) -> Option<Zeroizing<String>> {
    let Some(path) = options.value(file) else { return options.required(of).map(Zeroizing::new) };
    if options.value(of).is_some() {
        options.problem(file, "stands beside the secret itself: remove one of them");
        return None;
    }
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Some(Zeroizing::new(text.trim().to_owned())),
        Ok(_) => {
            options.problem(file, "names an empty file");
            None
        }
        Err(error) => {
            options.problem(file, &format!("names {path:?}, which cannot be read: {error}"));
            None
        }
    }
}

fn protocol(options: &mut OptionsOf<'_>, preset: PresetProtocol) -> Option<ProviderProtocol> {
    let (authorize, token, userinfo) =
        (endpoint(options, Key::AuthorizeUrl), endpoint(options, Key::TokenUrl), endpoint(options, Key::UserinfoUrl));
    match preset {
        PresetProtocol::Oidc { issuer, form_post, tenant_issuer } => {
            let issuer = match (options.value(Key::Issuer), issuer) {
                (None, Some(issuer)) => issuer.to_owned(),
                (Some(_), _) => endpoint(options, Key::Issuer)?.as_str().trim_end_matches('/').to_owned(),
                (None, None) => options.required(Key::Issuer)?,
            };
            Some(ProviderProtocol::Oidc(OidcProvider { issuer, form_post, tenant_issuer, authorize, token, userinfo }))
        }
        PresetProtocol::OAuth2 { issuer, endpoints, pointers, quirks } => {
            let [authorize_url, token_url, userinfo_url] = endpoints.map_or([None; 3], |urls| urls.map(Some));
            let authorize = or_preset(options, Key::AuthorizeUrl, authorize, authorize_url);
            let token = or_preset(options, Key::TokenUrl, token, token_url);
            let userinfo = or_preset(options, Key::UserinfoUrl, userinfo, userinfo_url);
            let pointers = profile_pointers(options, pointers);
            let issuer = options.value(Key::Issuer).or_else(|| issuer.map(str::to_owned));
            let issuer = issuer.or_else(|| options.required(Key::Issuer));
            Some(ProviderProtocol::OAuth2(OAuth2Provider {
                issuer: issuer?,
                authorize: authorize?,
                token: token?,
                userinfo: userinfo?,
                pointers: pointers?,
                quirks,
            }))
        }
    }
}

fn or_preset(options: &mut OptionsOf<'_>, key: Key, given: Option<Url>, preset: Option<&str>) -> Option<Url> {
    if given.is_some() {
        return given;
    }
    if let Some(url) = preset {
        return Url::parse(url).ok();
    }
    options.required(key);
    None
}

fn profile_pointers(options: &mut OptionsOf<'_>, preset: Option<ProfilePointers>) -> Option<ProfilePointers> {
    let preset = preset.unwrap_or_default();
    let mut pointer = |key, default: Option<String>| match options.value(key) {
        Some(text) if text.starts_with('/') => Some(text),
        Some(_) => {
            options.problem(key, &format!("is not {A_POINTER}"));
            None
        }
        None => default,
    };
    let pointers = ProfilePointers {
        subject: pointer(Key::Subject, preset.subject),
        email: pointer(Key::Email, preset.email),
        email_verified: pointer(Key::EmailVerified, preset.email_verified),
        name: pointer(Key::Name, preset.name),
    };
    if pointers.subject.is_none() {
        options.required(Key::Subject)?;
    }
    Some(pointers)
}

/// A URL to which secrets are sent.
fn endpoint(options: &mut OptionsOf<'_>, key: Key) -> Option<Url> {
    let text = options.value(key)?;
    let url = Url::parse(&text).ok().filter(is_endpoint);
    if url.is_none() {
        options.problem(key, &format!("is not {A_URL}"));
    }
    url
}

fn is_endpoint(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    is_bare && (url.scheme() == "https" || url.scheme() == "http" && is_local)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]
mod tests;
