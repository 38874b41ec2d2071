use super::{
    client::CLIENT_SECRET,
    forgery::Forgery,
    keys::{TokenAlgorithm, random},
    kind::ProviderKind,
    member::Member,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Whether the member goes on at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Yes.
    Given,
    /// Cancelled: `error=access_denied`.
    Denied,
}

/// Where a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`.
    Discovery,
    /// The keys.
    Jwks,
    /// Where browsers are sent.
    Authorize,
    /// Where codes are exchanged.
    Token,
    /// The profile.
    Userinfo,
    /// GitHub's addresses.
    Emails,
    /// GitHub's "Check a token".
    CheckToken,
}

/// What an endpoint does instead of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status and no JSON.
    Status(u16),
    /// This status, and JSON that says why: what a limit is answered with.
    Error(u16),
    /// 200 and no JSON.
    Garbage,
    /// Nothing for three minutes.
    Slow,
    /// A head, and then a byte now and then without an end.
    Trickle,
    /// A body without an end.
    Endless,
    /// 302 to this URL.
    Redirect(String),
    /// An error as this provider writes them: `invalid_grant` at the token endpoint.
    Refusal,
}

/// What a provider does.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "habits, each with a meaning of its own")]
pub struct Behaviour {
    /// Who signs in.
    pub member: Member,
    /// Whether they go on.
    pub consent: Consent,
    /// Heirloom's secret at a provider of `OpenID` Connect, where it authenticates in the header.
    pub basic_secret: String,
    /// Whether `iss` (RFC 9207) is announced.
    pub announces_issuer: bool,
    /// `iss` as it is sent with the code.
    pub sent_issuer: Option<String>,
    /// How many seconds ago the member signed in. `prompt=login` makes it now.
    pub signed_in_ago: i64,
    /// Whether `prompt=login` is taken no notice of.
    pub ignores_prompt: bool,
    /// Whether a time that is asked for is stated.
    pub states_sign_in: bool,
    /// Whether the address and the name are in the ID token, or only in the profile.
    pub email_in_token: bool,
    /// For which client a token was made, where that is another one than ours ("Check a token" of GitHub).
    pub checked_client: Option<String>,
    /// `sub` of the profile where it is another one.
    pub userinfo_subject: Option<String>,
    /// What signs.
    pub algorithm: TokenAlgorithm,
    /// What is wrong with ID tokens.
    pub forgery: Option<Forgery>,
    /// What endpoints do instead of their work.
    pub faults: BTreeMap<Endpoint, Fault>,
    /// Members of the discovery document that differ; null: without it.
    pub document: BTreeMap<String, Value>,
    /// Counts changes of keys.
    pub key_generation: usize,
}

/// A request that a provider got.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where.
    pub endpoint: Endpoint,
    /// Its query or its form.
    pub parameters: BTreeMap<String, String>,
    /// Its headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// A code that was given out.
#[derive(Debug, Clone)]
pub struct Grant {
    pub member: Member,
    pub redirect_uri: String,
    pub scopes: BTreeSet<String>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub challenge: Option<String>,
    /// `auth_time` of the ID token.
    pub signed_in_at: Option<i64>,
}

#[derive(Debug)]
pub struct State {
    pub kind: ProviderKind,
    pub url: String,
    pub behaviour: Behaviour,
    pub seen: Vec<Seen>,
    /// By code; taken out when it is exchanged.
    pub grants: BTreeMap<String, Grant>,
    /// The members, by their access tokens.
    pub access_tokens: BTreeMap<String, Member>,
    /// Those that were made for other apps.
    pub foreign_tokens: BTreeSet<String>,
    /// Whose name Apple has sent.
    pub named: BTreeSet<String>,
}

impl State {
    pub fn new(kind: ProviderKind, url: String) -> Self {
        let behaviour = Behaviour {
            member: Member::new("1001", "alice@example.com"),
            consent: Consent::Given,
            basic_secret: CLIENT_SECRET.to_owned(),
            announces_issuer: false,
            sent_issuer: None,
            signed_in_ago: 0,
            ignores_prompt: false,
            states_sign_in: true,
            email_in_token: true,
            checked_client: None,
            userinfo_subject: None,
            algorithm: TokenAlgorithm::Rs256,
            forgery: None,
            faults: BTreeMap::new(),
            document: BTreeMap::new(),
            key_generation: 0,
        };
        let (grants, access_tokens) = (BTreeMap::new(), BTreeMap::new());
        let (foreign_tokens, named) = (BTreeSet::new(), BTreeSet::new());
        Self { kind, url, behaviour, seen: Vec::new(), grants, access_tokens, foreign_tokens, named }
    }

    /// One for the current member.
    pub fn new_access_token(&mut self) -> String {
        let token = random();
        self.access_tokens.insert(token.clone(), self.behaviour.member.clone());
        token
    }
}
