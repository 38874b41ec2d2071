use super::{ClientAuthentication, Preset, ProviderProtocol, UpstreamProvider};
use crate::config::{Config, ConfigError, Source};

fn read(pairs: &[(&str, &str)]) -> Result<Vec<UpstreamProvider>, ConfigError> {
    let config = Config::from_source(Source::from_pairs(pairs.iter().copied()));
    config.map(|config| config.upstream.providers)
}

fn problems(pairs: &[(&str, &str)]) -> String {
    read(pairs).err().map(|error| error.to_string()).unwrap_or_default()
}

const GOOGLE: [(&str, &str); 3] = [
    ("HEIRLOOM_UPSTREAM_GOOGLE_PRESET", "google"),
    ("HEIRLOOM_UPSTREAM_GOOGLE_CLIENT_ID", "id"),
    ("HEIRLOOM_UPSTREAM_GOOGLE_CLIENT_SECRET", "hush"),
];

#[test]
fn a_preset_needs_a_client_and_its_secret_only() {
    assert!(read(&[]).unwrap().is_empty());
    for name in ["google", "kakao", "microsoft", "naver", "github"] {
        let upper = name.to_ascii_uppercase();
        let variables = ["PRESET", "CLIENT_ID", "CLIENT_SECRET"].map(|key| format!("HEIRLOOM_UPSTREAM_{upper}_{key}"));
        let values = [name, "id", "hush"];
        let pairs: Vec<_> = variables.iter().map(String::as_str).zip(values).collect();
        let providers = read(&pairs).unwrap();
        let provider = &providers[0];
        assert_eq!((provider.name.as_str(), provider.preset.name()), (name, name));
        assert_eq!(provider.trusts_email, !["microsoft", "naver"].contains(&name), "{name}");
        assert!(!format!("{providers:?}").contains("hush"), "{name}");
        for missing in ["CLIENT_ID", "CLIENT_SECRET"] {
            let rest: Vec<_> = pairs.iter().copied().filter(|(variable, _)| !variable.ends_with(missing)).collect();
            assert!(problems(&rest).contains(&format!("HEIRLOOM_UPSTREAM_{upper}_{missing} is missing")), "{name}");
        }
    }
}

#[test]
fn several_providers_of_one_preset_have_names_of_their_own() {
    let okta = [
        ("HEIRLOOM_UPSTREAM_OKTA_PRESET", "oidc"),
        ("HEIRLOOM_UPSTREAM_OKTA_ISSUER", "https://example.okta.com/"),
        ("HEIRLOOM_UPSTREAM_OKTA_CLIENT_ID", "id"),
        ("HEIRLOOM_UPSTREAM_OKTA_CLIENT_SECRET", "hush"),
    ];
    let providers = read(&[&GOOGLE[..], &okta[..]].concat()).unwrap();
    let labels: Vec<_> = providers.iter().map(|provider| (provider.name.as_str(), provider.label.as_str())).collect();
    assert_eq!(labels, [("google", "Google"), ("okta", "Okta")]);
    let ProviderProtocol::Oidc(oidc) = &providers[1].protocol else { panic!("{providers:?}") };
    assert_eq!(oidc.issuer, "https://example.okta.com");
    assert!(!providers[1].trusts_email, "unless the operator says so");
    assert_eq!(providers[1].client_authentication, ClientAuthentication::Basic);
}

#[test]
fn the_word_of_naver_and_microsoft_on_addresses_never_counts() {
    for preset in [Preset::Naver, Preset::Microsoft] {
        let upper = preset.name().to_ascii_uppercase();
        let variables = ["PRESET", "CLIENT_ID", "CLIENT_SECRET", "TRUSTS_EMAIL"]
            .map(|key| format!("HEIRLOOM_UPSTREAM_{upper}_{key}"));
        let values = [preset.name(), "id", "hush", "true"];
        let pairs: Vec<_> = variables.iter().map(String::as_str).zip(values).collect();
        assert!(!read(&pairs).unwrap()[0].trusts_email, "{upper}");
    }
}

#[test]
fn plain_oauth_needs_every_address_and_the_place_of_the_users_id() {
    let minimal = [("HEIRLOOM_UPSTREAM_ACME_PRESET", "oauth2")];
    let said = problems(&minimal);
    for key in ["CLIENT_ID", "CLIENT_SECRET", "AUTHORIZE_URL", "TOKEN_URL", "USERINFO_URL", "SUBJECT", "ISSUER"] {
        assert!(said.contains(&format!("HEIRLOOM_UPSTREAM_ACME_{key} is missing")), "{key}: {said}");
    }
    let whole = [
        ("HEIRLOOM_UPSTREAM_ACME_PRESET", "oauth2"),
        ("HEIRLOOM_UPSTREAM_ACME_ISSUER", "https://acme.example.com"),
        ("HEIRLOOM_UPSTREAM_ACME_CLIENT_ID", "id"),
        ("HEIRLOOM_UPSTREAM_ACME_CLIENT_SECRET", "hush"),
        ("HEIRLOOM_UPSTREAM_ACME_AUTHORIZE_URL", "https://acme.example.com/authorize"),
        ("HEIRLOOM_UPSTREAM_ACME_TOKEN_URL", "http://127.0.0.1:4000/token"),
        ("HEIRLOOM_UPSTREAM_ACME_USERINFO_URL", "https://acme.example.com/me"),
        ("HEIRLOOM_UPSTREAM_ACME_SUBJECT", "/id"),
        ("HEIRLOOM_UPSTREAM_ACME_EMAIL", "/contact/email"),
    ];
    let providers = read(&whole).unwrap();
    let ProviderProtocol::OAuth2(plain) = &providers[0].protocol else { panic!("{providers:?}") };
    assert_eq!(plain.pointers.email.as_deref(), Some("/contact/email"));
    for (key, wrong) in
        [("TOKEN_URL", "http://acme.example.com/token"), ("EMAIL", "contact.email"), ("USERINFO_URL", "x")]
    {
        let variable = format!("HEIRLOOM_UPSTREAM_ACME_{key}");
        let mut pairs: Vec<_> = whole.iter().copied().filter(|(name, _)| *name != variable).collect();
        pairs.push((&variable, wrong));
        assert!(problems(&pairs).contains(&variable), "{key}={wrong}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let with = |more: &[(&str, &str)]| problems(&[&GOOGLE[..], more].concat());
    assert!(with(&[("HEIRLOOM_UPSTREAM_GOOGLE_SCOPES", "email profile")]).contains("must contain openid"));
    assert!(with(&[("HEIRLOOM_UPSTREAM_GOOGLE_CLIENT_SECRET_FILE", "/nowhere")]).contains("remove one of them"));
    let unknown = [("HEIRLOOM_UPSTREAM_X_PRESET", "facebook")];
    assert!(problems(&unknown).contains("is not one of apple, github, google, kakao"));
    // A provider without a preset is most likely misspelt.
    assert!(problems(&[("HEIRLOOM_UPSTREAM_X_CLIENT_ID", "id")]).contains("HEIRLOOM_UPSTREAM_X_PRESET is missing"));
}

fn of_preset(name: &str, preset: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let base = [("PRESET", preset), ("CLIENT_ID", "id"), ("CLIENT_SECRET", "hush")];
    let all = base.iter().chain(more);
    all.map(|(key, value)| (format!("HEIRLOOM_UPSTREAM_{name}_{key}"), (*value).to_owned())).collect()
}

fn problems_of(providers: &[Vec<(String, String)>]) -> String {
    let pairs: Vec<_> = providers.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    problems(&pairs)
}

/// U-48.
#[test]
fn two_providers_of_one_issuer_are_refused() {
    let oidc = |name: &str, issuer: &str| of_preset(name, "oidc", &[("ISSUER", issuer)]);
    let tenant = |name: &str, tenant: &str| {
        of_preset(name, "microsoft", &[("ISSUER", &format!("https://login.microsoftonline.com/{tenant}/v2.0"))])
    };
    let plain = |name: &str, issuer: &str| {
        let urls = ["AUTHORIZE_URL", "TOKEN_URL", "USERINFO_URL"].map(|key| (key, "https://acme.example.com/x"));
        of_preset(name, "oauth2", &[&urls[..], &[("ISSUER", issuer), ("SUBJECT", "/id")]].concat())
    };
    let [one, two] = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"];
    for (providers, is_refused) in [
        ([of_preset("A", "kakao", &[]), of_preset("B", "kakao", &[])], true),
        ([of_preset("A", "google", &[]), oidc("B", "https://accounts.google.com/")], true),
        ([oidc("A", "https://sso.example.com/a"), oidc("B", "https://sso.example.com/b")], false),
        ([oidc("A", "https://sso.example.com"), plain("B", "https://sso.example.com")], true),
        ([plain("A", "https://sso.example.com"), plain("B", "https://SSO.example.com/")], true),
        ([of_preset("A", "github", &[]), plain("B", "https://acme.example.com")], false),
        ([of_preset("A", "microsoft", &[]), tenant("B", one)], true),
        ([tenant("A", one), tenant("B", "organizations")], true),
        ([tenant("A", one), tenant("B", two)], false),
        ([tenant("A", one), tenant("B", one)], true),
    ] {
        let said = problems_of(&providers);
        assert_eq!(
            said.contains("HEIRLOOM_UPSTREAM_B_PRESET has the issuer of A"),
            is_refused,
            "{providers:?}: {said}"
        );
        assert_eq!(said.is_empty(), !is_refused, "{providers:?}: {said}");
    }
}

/// U-49.
#[test]
fn options_of_another_kind_of_provider_are_refused() {
    for (preset, key, said) in [
        ("google", "SUBJECT", "is for providers without ID tokens"),
        ("kakao", "EMAIL_VERIFIED", "is for providers without ID tokens"),
        ("github", "AUDIENCES", "is for providers with ID tokens"),
        ("google", "TEAM_ID", "is for Apple only"),
        ("naver", "PRIVATE_KEY_FILE", "is for Apple only"),
        ("apple", "CLIENT_SECRET", "is not used with Apple"),
    ] {
        let heard = problems_of(&[of_preset("X", preset, &[(key, "/x")])]);
        assert!(heard.contains(&format!("HEIRLOOM_UPSTREAM_X_{key} {said}")), "{preset} {key}: {heard}");
    }
    // Without an issuer there is no discovery, and without discovery there are no keys.
    let with_endpoints = ["AUTHORIZE_URL", "TOKEN_URL", "USERINFO_URL"].map(|key| (key, "https://sso.example.com/x"));
    let heard = problems_of(&[of_preset("X", "oidc", &with_endpoints)]);
    assert!(heard.contains("HEIRLOOM_UPSTREAM_X_ISSUER is missing"), "{heard}");
}

#[test]
fn a_misspelt_key_is_reported_and_changes_nothing() {
    let pairs = [&GOOGLE[..], &[("HEIRLOOM_UPSTREAM_GOOGLE_SCOPE", "openid")]].concat();
    let config = Config::from_source(Source::from_pairs(pairs)).unwrap();
    let unknown: Vec<_> = config.unknown_names.iter().map(ToString::to_string).collect();
    assert!(unknown.iter().any(|line| line.contains("HEIRLOOM_UPSTREAM_GOOGLE_SCOPE ")), "{unknown:?}");
    assert_eq!(unknown.len(), 1, "{unknown:?}");
}
