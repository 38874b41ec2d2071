//! Access tokens: RFC 9068 §4, RFC 8725, RFC 6750, and the keys that are published (RFC 7517).
//!
//! The forged tokens below are signed with the server's own key: what refuses them is the one check that each is about.

use crate::support::{Forge, NOBODY, TestApp, eventually, forge};
use serde_json::{Value, json};

/// The key that signs a user's tokens, and the claims of such a token.
struct Forgery {
    forge: Forge,
    claims: Value,
}

impl Forgery {
    async fn on(app: &TestApp) -> Self {
        let (_, claims) = forge::decode(&app.sign_in("alice").await.access_token);
        Self { forge: Forge::of(app).await, claims }
    }

    /// The claims with some changed; null takes one away.
    fn claims_with(&self, changes: &Value) -> Value {
        changed(&self.claims, changes)
    }

    /// The header with some parameters changed.
    fn header_with(&self, changes: &Value) -> Value {
        changed(&self.forge.header(), changes)
    }

    fn now(&self) -> i64 {
        self.claims["iat"].as_i64().expect("seconds")
    }
}

fn changed(whole: &Value, changes: &Value) -> Value {
    let mut whole = whole.clone();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(whole.as_object_mut().expect("an object").remove(name)),
            value => whole[name] = value.clone(),
        }
    }
    whole
}

/// The control: a forgery with nothing wrong is a good token, so that each refusal below has the reason it names.
#[tokio::test]
async fn a_token_with_nothing_wrong_is_good() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    let check = async |token: String| app.check(&token).await.expect_done().clone();
    check(forgery.forge.sign(&forgery.forge.header(), &forgery.claims)).await;
    check(forgery.forge.sign(&forgery.header_with(&json!({ "typ": "AT+JWT" })), &forgery.claims)).await;
    let more = forgery.claims_with(&json!({ "nickname": "al", "jti": NOBODY }));
    check(forgery.forge.sign(&forgery.forge.header(), &more)).await;
}

/// A-55, A-57 (RFC 8725 §3.1): the algorithm is the key's, regardless of the header. RFC 7518 §3.6: "none".
#[tokio::test]
async fn another_algorithm_is_refused() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let message = forge::encode(forgery.header_with(&json!({ "alg": alg })).to_string().as_bytes());
        let claims = forge::encode(forgery.claims.to_string().as_bytes());
        tokens.push(format!("{message}.{claims}."));
        tokens.push(format!("{message}.{claims}"));
    }
    // The public key as a secret (CVE-2015-9235), in every form in which it is known.
    let jwk = app.get("/.well-known/jwks.json").await.json()["keys"][0].clone();
    let (x, y) = (jwk["x"].as_str().expect("x"), jwk["y"].as_str().expect("y"));
    let symmetric = forgery.header_with(&json!({ "alg": "HS256" }));
    for secret in [jwk.to_string(), x.to_owned(), format!("{x}{y}"), forgery.forge.kid.clone(), String::new()] {
        tokens.push(Forge::sign_symmetric(&symmetric, &forgery.claims, secret.as_bytes()));
    }
    for alg in ["ES384", "EdDSA", "RS256", "PS256", "HS256", "es256", "ES256K", "unknown"] {
        tokens.push(forgery.forge.sign(&forgery.header_with(&json!({ "alg": alg })), &forgery.claims));
    }
    for token in tokens {
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
}

///
/// RFC 8725 §3.11: no other JWT is mistaken for an access token. RFC 7515 §4.1.11: what `crit` names we do not know.
/// RFC 8725 §3.10: keys are not fetched from where a token says.
#[tokio::test]
async fn another_header_is_refused() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    let other = app.stranger(&[]).await;
    let foreign = Forge::of(&other).await;
    for changes in [
        json!({ "typ": null }),
        json!({ "typ": "JWT" }),
        json!({ "typ": "id+jwt" }),
        json!({ "typ": "application/json" }),
        json!({ "typ": 7 }),
        json!({ "kid": null }),
        json!({ "kid": "" }),
        json!({ "kid": "unknown" }),
        json!({ "kid": foreign.kid }),
        json!({ "kid": [forgery.forge.kid] }),
        json!({ "kid": "../../../dev/null" }),
        json!({ "kid": "' OR 1=1 --" }),
        json!({ "alg": null }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["x"], "x": 1 }),
        json!({ "b64": false, "crit": ["b64"] }),
    ] {
        let token = forgery.forge.sign(&forgery.header_with(&changes), &forgery.claims);
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
    // Signed with a key of one's own that the header brings along, or tells where to find.
    for changes in [
        json!({ "jwk": foreign.public, "kid": foreign.kid }),
        json!({ "jwk": foreign.public }),
        json!({ "jku": "http://127.0.0.1:9/jwks.json", "kid": foreign.kid }),
        json!({ "x5u": "http://127.0.0.1:9/x5u" }),
    ] {
        let token = foreign.sign(&forgery.header_with(&changes), &forgery.claims);
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
    app.check(&foreign.sign(&forgery.forge.header(), &forgery.claims)).await.expect_challenge("access_token_invalid");
}

/// RFC 9068 §4: `iss` and `aud` are ours.
#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    for changes in [
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": "http://heirloom.test/" }),
        json!({ "iss": "HTTP://HEIRLOOM.TEST" }),
        json!({ "iss": "" }),
        json!({ "iss": ["https://evil.example"] }),
        json!({ "aud": "https://api.example.com" }),
        json!({ "aud": "" }),
        json!({ "aud": [] }),
        json!({ "aud": ["https://api.example.com"] }),
    ] {
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&changes));
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
}

/// RFC 7519 §4.1.3: a token may be for several audiences. Ours must be among them, whole.
#[tokio::test]
async fn a_token_for_several_audiences_must_name_ours() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    let (ours, other) = ("http://heirloom.test", "https://api.example.com");
    for audience in [json!([ours]), json!([ours, other]), json!([other, ours])] {
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&json!({ "aud": audience })));
        app.check(&token).await.expect_done();
        app.me(&token).await.expect(200);
    }
    let wrong = [
        json!([other]),
        json!([other, "http://heirloom.test.example.com", "http://heirloom", "HTTP://HEIRLOOM.TEST", ""]),
        json!([[ours]]),
        json!([ours, 7]),
        json!({ "0": ours }),
        json!(true),
    ];
    for audience in wrong {
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&json!({ "aud": audience })));
        app.check(&token).await.expect_challenge("access_token_invalid");
        app.me(&token).await.expect_challenge("access_token_invalid");
    }
}

///
#[tokio::test]
async fn tokens_of_an_earlier_audience_are_refused() {
    let app = TestApp::start().await;
    let token = app.sign_in("alice").await.access_token;
    let later = app.another(&[("HEIRLOOM_AUDIENCE", "https://api.example.com")]).await;
    later.check(&token).await.expect_challenge("access_token_invalid");
    let moved = app
        .another(&[("HEIRLOOM_PUBLIC_URL", "https://elsewhere.example"), ("HEIRLOOM_AUDIENCE", "http://heirloom.test")])
        .await;
    moved.check(&token).await.expect_challenge("access_token_invalid");
}

///
#[tokio::test]
async fn a_claim_that_is_missing_is_not_made_up() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    for claim in ["iss", "sub", "aud", "exp", "nbf", "sid", "roles"] {
        let changes = Value::Object([(claim.to_owned(), Value::Null)].into_iter().collect());
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&changes));
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
    for claims in ["{}", "[]", "null", "7", "\"text\"", "", "{", "{\"exp\":1}"] {
        let token = forgery.forge.sign_text(&forgery.forge.header().to_string(), claims);
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
}

/// while instances are replaced, the version before still signs.
#[tokio::test]
async fn a_token_of_a_version_without_acr_and_amr_is_good() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    for changes in [json!({ "acr": null }), json!({ "amr": null }), json!({ "acr": null, "amr": null })] {
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&changes));
        app.check(&token).await.expect_done();
        app.me(&token).await.expect(200);
    }
}

/// RFC 7519 §2: a `NumericDate` is a number. Some libraries pass over what they cannot read.
#[tokio::test]
async fn a_claim_of_a_wrong_type_is_refused() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    let later = forgery.now() + 600;
    for (claim, value) in [
        ("exp", json!(later.to_string())),
        ("exp", json!([later])),
        ("exp", json!({ "at": later })),
        ("exp", json!(true)),
        ("exp", json!("never")),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("nbf", json!("0")),
        ("nbf", json!([0])),
        ("nbf", json!(false)),
        ("sub", json!(7)),
        ("sub", json!("alice")),
        ("sub", json!("")),
        ("sid", json!("nonsense")),
        ("sid", json!([forgery.claims["sid"]])),
        ("roles", json!("admin")),
        ("roles", json!({ "admin": true })),
        ("roles", json!([7])),
        ("rev", json!("0")),
        ("acr", json!(["urn:heirloom:acr:1"])),
        ("acr", json!(2)),
        ("amr", json!("pwd")),
        ("amr", json!([7])),
    ] {
        let changes = Value::Object([(claim.to_owned(), value)].into_iter().collect());
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&changes));
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
    // null stands where a claim must: written out, since our own helper takes it for an absent one.
    for claim in ["exp", "nbf", "sub", "sid", "roles", "iss", "aud", "acr", "amr"] {
        let mut claims = forgery.claims.clone();
        claims[claim] = Value::Null;
        let token = forgery.forge.sign(&forgery.forge.header(), &claims);
        app.check(&token).await.expect_challenge("access_token_invalid");
    }
    // A claim that stands twice means two things.
    let twice = forgery.claims.to_string().replacen('{', "{\"exp\":9999999999,", 1);
    let token = forgery.forge.sign_text(&forgery.forge.header().to_string(), &twice);
    app.check(&token).await.expect_challenge("access_token_invalid");
}

/// The distances here are wider than a slow machine is late.
#[tokio::test]
async fn times_hold_give_or_take_five_seconds() {
    let app = TestApp::start().await;
    let forgery = Forgery::on(&app).await;
    let now = app.world.clock.now().timestamp();
    let check = async |changes: Value| {
        let token = forgery.forge.sign(&forgery.forge.header(), &forgery.claims_with(&changes));
        app.check(&token).await
    };
    check(json!({ "exp": now - 6 })).await.expect_challenge("access_token_expired");
    check(json!({ "exp": now - 60 })).await.expect_challenge("access_token_expired");
    check(json!({ "exp": 0 })).await.expect_challenge("access_token_expired");
    check(json!({ "nbf": now + 60 })).await.expect_challenge("access_token_invalid");
    check(json!({ "nbf": now + 600, "exp": now + 1_200 })).await.expect_challenge("access_token_invalid");
    check(json!({ "nbf": now + 4 })).await.expect_done();
    check(json!({ "exp": now + 60 })).await.expect_done();
    // Just over: still good within the leeway. Asked again should the machine have been slow.
    eventually("a token just over is still good", async || {
        let now = app.world.clock.now().timestamp();
        check(json!({ "exp": now - 2 })).await.status == 204
    })
    .await;
}

/// S-47.
#[tokio::test]
async fn a_token_ends_by_itself() {
    let app = TestApp::with(&[("HEIRLOOM_ACCESS_TOKEN_TTL", "1s")]).await;
    let alice = app.person("alice").await;
    assert_eq!(alice.tokens.expires_in, 1);
    eventually("the token has expired", async || alice.check().await.status == 401).await;
    alice.check().await.expect_challenge("access_token_expired");
    app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
}

#[tokio::test]
async fn a_mangled_token_is_refused() {
    let app = TestApp::start().await;
    let token = app.sign_in("alice").await.access_token;
    // What was good is remembered, and nothing else is.
    app.check(&token).await.expect_done();
    let parts: Vec<_> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    for mangled in [
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{header}.{claims}.{signature}A"),
        format!("{header}.{claims}.{}", &signature[..signature.len() - 2]),
        format!("{header}.{claims}.{}", &signature[..signature.len() / 2]),
        format!("{header}.{claims}.{}", "A".repeat(86)),
        format!("{header}.{claims}.{signature}="),
        format!("{header} .{claims}.{signature}"),
        token.to_uppercase(),
        token.replace('.', ","),
        format!("\"{token}\""),
        "..".to_owned(),
        "null".to_owned(),
        "x".repeat(7_000),
    ] {
        app.check(&mangled).await.expect_challenge("access_token_invalid");
    }
    for at in [0, header.len() / 2, header.len() + 5, header.len() + claims.len() / 2, token.len() - 40] {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let mangled = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        app.check(&mangled).await.expect_challenge("access_token_invalid");
    }
}

/// RFC 6750 §2.1, RFC 9110 §11.1: the scheme in any case, one header, nothing else counts.
#[tokio::test]
async fn a_token_comes_in_one_authorization_header() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let token = &alice.tokens.access_token;
    let check = || app.request("GET", "/api/v1/auth/check");
    for good in [format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer   {token}")] {
        check().header("Authorization", &good).send().await.expect_done();
    }
    for other in [
        format!("Basic {token}"),
        format!("Token {token}"),
        token.clone(),
        format!("DPoP {token}"),
        "Basic YWxpY2U6cHc=".to_owned(),
    ] {
        check().header("Authorization", &other).send().await.expect_challenge("unauthenticated");
    }
    for wrong in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},Bearer {token}"),
        format!("Bearer\t{token}"),
    ] {
        let answer = check().header("Authorization", &wrong).send().await;
        assert!(answer.status == 401, "{wrong:?}: {answer:?}");
        answer.expect_problem(401, answer.json()["code"].as_str().expect("a code"));
    }
    check().bearer(token).bearer(token).send().await.expect_challenge("access_token_invalid");
    check()
        .bearer(token)
        .header("Authorization", "Basic YWxpY2U6cHc=")
        .send()
        .await
        .expect_challenge("access_token_invalid");
    check().send().await.expect_challenge("unauthenticated");
    // RFC 6750 §5.3: a token in a URL would stand in every log.
    app.get(&format!("/api/v1/auth/check?access_token={token}")).await.expect_challenge("unauthenticated");
    let form = app.request("POST", "/api/v1/me/password").form(&[("access_token", token)]);
    form.send().await.expect_challenge("unauthenticated");
    check().bearer(&alice.tokens.refresh_token).send().await.expect_challenge("access_token_invalid");
    check().header("Cookie", &format!("heirloom={token}")).send().await.expect_challenge("unauthenticated");
}

///
#[tokio::test]
async fn a_reverse_proxy_learns_who_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let answer = admin.check().await;
    answer.expect_done();
    assert_eq!(answer.header("x-auth-user"), Some(&*admin.id));
    assert_eq!(answer.header("x-auth-session"), Some(&*admin.tokens.session_id));
    assert_eq!(answer.header("x-auth-roles"), Some("admin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let alice = app.person("alice").await;
    assert_eq!(alice.check().await.header("x-auth-roles"), Some(""));
    let refused = app.request("GET", "/api/v1/auth/check").send().await;
    for header in ["x-auth-user", "x-auth-session", "x-auth-roles"] {
        assert_eq!(refused.header(header), None);
    }
}

/// RFC 7517 §9.2, §9.3.
#[tokio::test]
async fn only_public_keys_are_published() {
    for (algorithm, members) in [
        ("ES256", vec!["alg", "crv", "kid", "kty", "use", "x", "y"]),
        ("EdDSA", vec!["alg", "crv", "kid", "kty", "use", "x"]),
        ("RS256", vec!["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let app = TestApp::with(&[("HEIRLOOM_SIGNING_ALG", algorithm)]).await;
        let answer = app.get("/.well-known/jwks.json").await;
        let keys = answer.expect(200).json()["keys"].as_array().expect("keys").clone();
        assert_eq!(keys.len(), 1);
        let mut named: Vec<_> = keys[0].as_object().expect("a key").keys().map(String::as_str).collect();
        named.sort_unstable();
        assert_eq!(named, members, "no private part, and nothing symmetric");
        assert_eq!(keys[0]["alg"], algorithm);
        assert_eq!(keys[0]["use"], "sig");
        assert!(answer.header("cache-control").is_some_and(|value| value.starts_with("public")), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));

        let tokens = app.sign_in("alice").await;
        let (header, _) = forge::decode(&tokens.access_token);
        assert_eq!((&header["alg"], &header["kid"]), (&json!(algorithm), &keys[0]["kid"]));
        app.check(&tokens.access_token).await.expect_done();
        app.check(&app.refresh(&tokens.refresh_token).await.expect_tokens().access_token).await.expect_done();
    }
}

/// HS256 never: a verifier could then also sign.
#[tokio::test]
async fn a_change_of_algorithm_leaves_older_tokens_good() {
    let app = TestApp::start().await;
    let token = app.sign_in("alice").await.access_token;
    let later = app.another(&[("HEIRLOOM_SIGNING_ALG", "EdDSA")]).await;
    later.check(&token).await.expect_done();
    let keys = later.get("/.well-known/jwks.json").await.json()["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 2, "{keys:?}");
    let next = later.sign_in("alice").await.access_token;
    later.check(&next).await.expect_done();
}

/// What was verified is remembered, but not beyond its key.
#[tokio::test]
async fn a_valid_token_is_refused_once_its_key_is_deleted() {
    let app = TestApp::start().await;
    let token = app.sign_in("alice").await.access_token;
    app.check(&token).await.expect_done();
    let later = app.another(&[("HEIRLOOM_SIGNING_ALG", "EdDSA")]).await;
    later.check(&token).await.expect_done();
    let gone = "DELETE FROM signing_keys WHERE algorithm = 'ES256'; NOTIFY heirloom_signing_keys, 'gone'";
    sqlx::raw_sql(gone).execute(app.db()).await.expect("SQL");
    eventually("both have heard", async || {
        app.check(&token).await.status == 401 && later.check(&token).await.status == 401
    })
    .await;
    app.check(&token).await.expect_challenge("access_token_invalid");
}
