use super::Preset;
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// The providers with which users sign in.
#[derive(Debug, Clone, Default)]
pub struct UpstreamOptions {
    /// In alphabetical order of their names.
    pub providers: Vec<UpstreamProvider>,
    /// Whether the pages offer them above the form.
    pub are_first: bool,
}

impl UpstreamOptions {
    /// The names of all providers. An identity of another one, which was taken out of the options, opens nothing.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.providers.iter().map(|provider| provider.name.clone()).collect()
    }
}

/// A provider.
#[derive(Debug, Clone)]
pub struct UpstreamProvider {
    /// In paths: letters and digits, in lower case.
    pub name: String,
    /// Which provider or protocol this is.
    pub preset: Preset,
    /// What the button says.
    pub label: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: ClientSecret,
    /// What we ask for.
    pub scopes: Vec<String>,
    /// Whether an address that it calls verified counts as such.
    pub trusts_email: bool,
    /// The client ids of our apps.
    pub audiences: Vec<String>,
    /// How the secret is sent.
    pub client_authentication: ClientAuthentication,
    /// How it is asked for a new sign-in.
    pub reauthentication: Reauthentication,
    /// How it is asked.
    pub protocol: ProviderProtocol,
}

/// How a provider is asked to let the user sign in once more, so that they confirm who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reauthentication {
    /// The parameter that says so.
    pub parameter: Option<(&'static str, &'static str)>,
    /// Whether the ID token states when the user signed in, if `max_age` asks for it (`OpenID` Connect Core §2).
    pub states_time_if_asked: bool,
}

/// What we prove to the provider with. Its `Debug` shows nothing.
#[derive(Clone)]
pub enum ClientSecret {
    /// A secret that we share.
    Text(Zeroizing<String>),
    /// A key with which a secret is signed for each exchange.
    Apple(AppleKey),
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

/// The key of "Sign in with Apple".
#[derive(Clone)]
pub struct AppleKey {
    /// `iss` of the signed secret.
    pub team_id: String,
    /// `kid` of the signed secret.
    pub key_id: String,
    /// PEM, PKCS#8.
    pub private_key: Zeroizing<String>,
}

/// How the secret is sent with a code (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the body.
    Post,
    /// In the header.
    Basic,
}

/// How a provider is asked.
#[derive(Debug, Clone)]
pub enum ProviderProtocol {
    /// `OpenID` Connect: discovery, ID tokens.
    Oidc(OidcProvider),
    /// OAuth 2.0 and a profile.
    OAuth2(OAuth2Provider),
}

impl ProviderProtocol {
    /// Under which identities are kept, or the place of it where it holds the tenant.
    #[must_use]
    pub fn issuer(&self) -> &str {
        match self {
            Self::Oidc(oidc) => &oidc.issuer,
            Self::OAuth2(plain) => &plain.issuer,
        }
    }

    /// Whether two providers may state the same issuer and subject. The issuers of Microsoft's tenants are all below those of
    /// `common`, `organizations` and `consumers`.
    #[must_use]
    pub fn shares_subjects_with(&self, other: &Self) -> bool {
        let bare = |protocol: &Self| protocol.issuer().trim_end_matches('/').to_ascii_lowercase();
        let tenants = |protocol: &Self| {
            let Self::Oidc(oidc) = protocol else { return None };
            let host = Url::parse(&oidc.issuer).ok().filter(|_| oidc.tenant_issuer)?;
            let tenant = host.path_segments()?.next()?.to_ascii_lowercase();
            let is_for_many = ["common", "organizations", "consumers"].contains(&tenant.as_str());
            Some((host.origin(), is_for_many))
        };
        match (tenants(self), tenants(other)) {
            (Some((one, is_for_many)), Some((another, are_for_many))) if one == another => {
                is_for_many || are_for_many || bare(self) == bare(other)
            }
            _ => bare(self) == bare(other),
        }
    }
}

/// An `OpenID` provider.
#[derive(Debug, Clone)]
pub struct OidcProvider {
    /// `iss`, and where discovery begins.
    pub issuer: String,
    /// Whether the answer comes as a POST of a form (OAuth 2.0 Form Post Response Mode).
    pub form_post: bool,
    /// Whether the issuer of a token holds its tenant, as Microsoft's does.
    pub tenant_issuer: bool,
    /// In place of the discovered one.
    pub authorize: Option<Url>,
    /// In place of the discovered one.
    pub token: Option<Url>,
    /// In place of the discovered one.
    pub userinfo: Option<Url>,
}

/// A provider of plain OAuth 2.0.
#[derive(Debug, Clone)]
pub struct OAuth2Provider {
    /// Under which identities are kept.
    pub issuer: String,
    /// Where the user is sent.
    pub authorize: Url,
    /// Where a code is exchanged.
    pub token: Url,
    /// Where the profile is read.
    pub userinfo: Url,
    /// Where the profile holds what.
    pub pointers: ProfilePointers,
    /// What differs from the RFC.
    pub quirks: ProviderQuirks,
}

impl OAuth2Provider {
    /// Whether the provider calls itself so in its answers (RFC 9207): by the name under which its identities are kept, or by
    /// another one that is known.
    #[must_use]
    pub fn answers_as(&self, issuer: &str) -> bool {
        issuer == self.issuer || self.quirks.answers_as == Some(issuer)
    }
}

/// JSON pointers (RFC 6901) into a profile.
#[derive(Debug, Clone, Default)]
pub struct ProfilePointers {
    /// The user's id.
    pub subject: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// Whether it is verified.
    pub email_verified: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// What a provider does differently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProviderQuirks {
    /// It knows no PKCE.
    pub without_pkce: bool,
    /// The token request repeats `state`.
    pub state_in_token_request: bool,
    /// The addresses are at the profile's URL and `/emails`.
    pub separate_emails: bool,
    /// A profile says by this member whether it is one: the pointer and the value.
    pub success: Option<(&'static str, &'static str)>,
    /// What it calls itself in its answers (RFC 9207), where that is not the issuer under which identities are kept.
    pub answers_as: Option<&'static str>,
}
