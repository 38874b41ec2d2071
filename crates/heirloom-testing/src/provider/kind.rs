use super::member::Member;

/// Whose habits a stub has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// Any provider of `OpenID` Connect.
    Oidc,
    /// Any provider of OAuth 2.0, with its profile below `/data`.
    OAuth2,
    /// `sub` is a number in a text; the address needs consent, and is in the token only if it is verified; the client's
    /// secret is in the body; without `openid` there is no ID token.
    Kakao,
    /// OAuth 2.0 without PKCE; `state` in the token request; errors are 200; the profile has a `resultcode`.
    Naver,
    /// `email_verified` is a boolean; some tokens have `hd`.
    Google,
    /// OAuth 2.0 with PKCE; the id is a number; addresses are at a place of their own; errors of tokens are 200; JSON only
    /// where `Accept` says so; nothing without `User-Agent`.
    GitHub,
    /// `form_post`; the client's secret is an ES256 token; `email_verified` is a text; the name comes once, unsigned.
    Apple,
    /// The issuer holds the tenant; `oid` and `tid`; nothing about whether the address is verified.
    Microsoft,
}

impl ProviderKind {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Oidc, Self::OAuth2, Self::Kakao, Self::Naver, Self::Google, Self::GitHub, Self::Apple, Self::Microsoft];

    /// The name of its preset.
    pub const fn preset(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::OAuth2 => "oauth2",
            Self::Kakao => "kakao",
            Self::Naver => "naver",
            Self::Google => "google",
            Self::GitHub => "github",
            Self::Apple => "apple",
            Self::Microsoft => "microsoft",
        }
    }

    /// Whether it issues ID tokens.
    pub const fn is_oidc(self) -> bool {
        !matches!(self, Self::OAuth2 | Self::Naver | Self::GitHub)
    }

    /// Whether it knows PKCE (RFC 7636).
    pub const fn has_pkce(self) -> bool {
        !matches!(self, Self::Naver)
    }

    /// Whether its token endpoint answers errors with 200.
    pub(super) const fn errs_with_200(self) -> bool {
        matches!(self, Self::Naver | Self::GitHub)
    }

    pub(super) fn issuer(self, url: &str) -> String {
        match self {
            Self::Microsoft => format!("{url}/common/v2.0"),
            _ => url.to_owned(),
        }
    }

    /// As the discovery document writes it.
    pub(super) fn documented_issuer(self, url: &str) -> String {
        match self {
            Self::Microsoft => format!("{url}/{{tenantid}}/v2.0"),
            _ => url.to_owned(),
        }
    }

    pub(super) fn token_issuer(self, url: &str, member: &Member) -> String {
        match self {
            Self::Microsoft => format!("{url}/{}/v2.0", member.tenant),
            _ => url.to_owned(),
        }
    }
}
