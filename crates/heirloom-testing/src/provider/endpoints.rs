use super::{
    answers::{discovery, emails, form_page, id_token_of, profile},
    behaviour::{Consent, Endpoint, Fault, Grant, Seen, State},
    client::{APPLE_KEY, APPLE_TEAM, CLIENT_ID, CLIENT_SECRET},
    keys::{Keys, encode, now, random},
    kind::ProviderKind,
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::stream;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

type Fields = BTreeMap<String, String>;
type Shared = web::Data<Mutex<State>>;

pub fn configure(app: &mut web::ServiceConfig) {
    app.route("/.well-known/openid-configuration", web::get().to(discovery_document))
        .route("/common/v2.0/.well-known/openid-configuration", web::get().to(discovery_document))
        .route("/jwks", web::get().to(jwks))
        .route("/authorize", web::get().to(authorize))
        .route("/token", web::post().to(token))
        .route("/userinfo", web::get().to(userinfo))
        .route("/userinfo/emails", web::get().to(email_list))
        .route("/applications/{client}/token", web::post().to(check_token));
}

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().expect("no panic")
}

/// Notes a request. Some: the fault that answers it.
async fn fault(state: &Shared, endpoint: Endpoint, request: &HttpRequest, parameters: &Fields) -> Option<HttpResponse> {
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let (fault, kind) = {
        let mut state = lock(state);
        state.seen.push(Seen { endpoint, parameters: parameters.clone(), headers });
        (state.behaviour.faults.get(&endpoint).cloned(), state.kind)
    };
    let json = || HttpResponse::Ok().content_type("application/json").take();
    Some(match fault? {
        Fault::Status(status) => {
            HttpResponse::build(StatusCode::from_u16(status).expect("a status")).body("<html>a fault</html>")
        }
        Fault::Error(status) => {
            let answer = json!({ "message": "refused by the stub" });
            HttpResponse::build(StatusCode::from_u16(status).expect("a status")).json(answer)
        }
        Fault::Garbage => HttpResponse::Ok().content_type("text/html").body("<html>not JSON</html>"),
        Fault::Slow => {
            tokio::time::sleep(Duration::from_mins(3)).await;
            HttpResponse::Ok().json(json!({}))
        }
        Fault::Trickle => json().streaming(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Some((Ok::<_, io::Error>(web::Bytes::from_static(b" ")), ()))
        })),
        Fault::Endless => json().streaming(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok::<_, io::Error>(web::Bytes::from(vec![b' '; 8 * 1024])), ()))
        })),
        Fault::Redirect(url) => HttpResponse::Found().insert_header(("location", url)).finish(),
        Fault::Refusal => refusal(kind, "invalid_grant"),
    })
}

async fn discovery_document(state: Shared, request: HttpRequest) -> HttpResponse {
    if let Some(fault) = fault(&state, Endpoint::Discovery, &request, &Fields::new()).await {
        return fault;
    }
    HttpResponse::Ok().json(discovery(&lock(&state)))
}

async fn jwks(state: Shared, request: HttpRequest) -> HttpResponse {
    if let Some(fault) = fault(&state, Endpoint::Jwks, &request, &Fields::new()).await {
        return fault;
    }
    HttpResponse::Ok().json(Keys::of_generation(lock(&state).behaviour.key_generation).jwks())
}

/// RFC 6749 §4.1.1; the member has signed in already.
async fn authorize(state: Shared, request: HttpRequest, query: web::Query<Fields>) -> HttpResponse {
    if let Some(fault) = fault(&state, Endpoint::Authorize, &request, &query).await {
        return fault;
    }
    let mut state = lock(&state);
    let text = |name: &str| query.get(name).cloned();
    let complaint = complaint_about(state.kind, &query);
    if let Some(complaint) = complaint {
        return HttpResponse::BadRequest().body(complaint);
    }
    let redirect_uri = text("redirect_uri").unwrap_or_default();
    let mut back = Fields::new();
    back.extend(text("state").map(|state| ("state".to_owned(), state)));
    back.extend(state.behaviour.sent_issuer.clone().map(|issuer| ("iss".to_owned(), issuer)));
    match state.behaviour.consent {
        Consent::Denied => {
            back.insert("error".to_owned(), "access_denied".to_owned());
            back.insert("error_description".to_owned(), "User denied access".to_owned());
        }
        Consent::Given => {
            let code = random();
            let scopes = text("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            let grant = Grant {
                member: state.behaviour.member.clone(),
                redirect_uri: redirect_uri.clone(),
                scopes,
                state: text("state"),
                nonce: text("nonce"),
                challenge: text("code_challenge"),
                signed_in_at: signed_in_at(&state, &query),
            };
            back.extend(name_of_apple(&mut state, &grant).map(|user| ("user".to_owned(), user)));
            state.grants.insert(code.clone(), grant);
            back.insert("code".to_owned(), code);
        }
    }
    if text("response_mode").as_deref() == Some("form_post") {
        return HttpResponse::Ok().content_type("text/html; charset=utf-8").body(form_page(&redirect_uri, &back));
    }
    let query = serde_urlencoded::to_string(&back).expect("a query");
    HttpResponse::SeeOther().insert_header(("location", format!("{redirect_uri}?{query}"))).finish()
}

/// When the member signed in, where the ID token says so.
fn signed_in_at(state: &State, query: &Fields) -> Option<i64> {
    let says = match state.kind {
        ProviderKind::Kakao | ProviderKind::Apple => true,
        ProviderKind::Oidc => query.contains_key("max_age"),
        _ => false,
    };
    let signs_in_again = query.get("prompt").is_some_and(|prompt| prompt == "login") && !state.behaviour.ignores_prompt;
    let ago = if signs_in_again { 0 } else { state.behaviour.signed_in_ago };
    (says && state.behaviour.states_sign_in).then(|| now() - ago)
}

/// What the provider would not take.
fn complaint_about(kind: ProviderKind, query: &Fields) -> Option<&'static str> {
    let is = |name: &str, value: &str| query.get(name).is_some_and(|given| given == value);
    let asks_for = |scope: &str| query.get("scope").is_some_and(|scopes| scopes.split(' ').any(|asked| asked == scope));
    if !is("response_type", "code") || !is("client_id", CLIENT_ID) || !query.contains_key("redirect_uri") {
        return Some("response_type, client_id or redirect_uri is wrong");
    }
    if query.get("code_challenge_method").is_some_and(|method| method != "S256") {
        return Some("S256 only");
    }
    // Apple's documents: with scopes, the answer must be posted.
    if kind == ProviderKind::Apple && (asks_for("email") || asks_for("name")) && !is("response_mode", "form_post") {
        return Some("response_mode must be form_post");
    }
    if kind == ProviderKind::Naver && !query.contains_key("state") {
        return Some("state is missing");
    }
    None
}

/// Apple tells the name the first time only, beside the code and unsigned.
fn name_of_apple(state: &mut State, grant: &Grant) -> Option<String> {
    let name = grant.member.name.as_ref().filter(|_| state.kind == ProviderKind::Apple)?;
    if !state.named.insert(grant.member.subject.clone()) {
        return None;
    }
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    Some(json!({ "name": { "firstName": first, "lastName": last }, "email": grant.member.email }).to_string())
}

/// RFC 6749 §4.1.3.
async fn token(state: Shared, request: HttpRequest, form: web::Form<Fields>) -> HttpResponse {
    if let Some(fault) = fault(&state, Endpoint::Token, &request, &form).await {
        return fault;
    }
    let mut state = lock(&state);
    let kind = state.kind;
    if !is_our_client(&state, &request, &form) {
        return refusal(kind, "invalid_client");
    }
    // A code is good once.
    let grant = form.get("code").and_then(|code| state.grants.remove(code));
    let Some(grant) = grant.filter(|grant| belongs_to(kind, grant, &form)) else {
        return refusal(kind, if kind == ProviderKind::GitHub { "bad_verification_code" } else { "invalid_grant" });
    };
    let access_token = random();
    state.access_tokens.insert(access_token.clone(), grant.member.clone());
    let scope = grant.scopes.iter().cloned().collect::<Vec<_>>().join(" ");
    let mut answer = json!({ "access_token": access_token, "token_type": "bearer", "scope": scope });
    if kind.is_oidc() && grant.scopes.contains("openid") {
        let about = (grant.nonce.as_deref(), grant.signed_in_at);
        let token = id_token_of(&state, &grant.member, about, Some(&access_token));
        answer["id_token"] = json!(token);
    }
    let accepts_json = header(&request, "accept").is_some_and(|accept| accept.contains("application/json"));
    if kind == ProviderKind::GitHub && !accepts_json {
        let text = format!("access_token={access_token}&scope=&token_type=bearer");
        return HttpResponse::Ok().content_type("application/x-www-form-urlencoded").body(text);
    }
    HttpResponse::Ok().json(answer)
}

fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

fn is_our_client(state: &State, request: &HttpRequest, form: &Fields) -> bool {
    let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
    let secret = form.get("client_secret");
    let posts = is("client_id", CLIENT_ID) && is("client_secret", CLIENT_SECRET);
    match state.kind {
        ProviderKind::Apple => is("client_id", CLIENT_ID) && secret.is_some_and(|secret| is_apples(secret)),
        // One way of authenticating, never two (RFC 6749 §2.3).
        ProviderKind::Oidc => match header(request, "authorization") {
            Some(basic) => secret.is_none() && is_ours(basic, &state.behaviour.basic_secret),
            None => posts,
        },
        _ => posts && header(request, "authorization").is_none(),
    }
}

/// RFC 6749 §2.3.1: the id and the secret, each encoded as in a form, with a colon between.
fn is_ours(basic: &str, secret: &str) -> bool {
    let pair = basic.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
    let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
    let form = pair.as_deref().and_then(|pair| pair.split_once(':')).map(|(id, secret)| format!("{id}={secret}"));
    let fields = form.and_then(|form| serde_urlencoded::from_str::<Vec<(String, String)>>(&form).ok());
    fields.is_some_and(|fields| fields == [(CLIENT_ID.to_owned(), secret.to_owned())])
}

/// Apple's documents, "Creating a client secret"; and that ours lives for five minutes at most.
fn is_apples(secret: &str) -> bool {
    let Some((header, claims)) = Keys::of_apples_client().verify(secret) else { return false };
    let at = |name: &str| claims[name].as_i64().unwrap_or_default();
    header["alg"] == "ES256"
        && header["kid"] == APPLE_KEY
        && claims["iss"] == APPLE_TEAM
        && claims["sub"] == CLIENT_ID
        && claims["aud"] == "https://appleid.apple.com"
        && at("iat") <= now() + 60
        && at("exp") > now()
        && at("exp") - at("iat") <= 300
}

fn belongs_to(kind: ProviderKind, grant: &Grant, form: &Fields) -> bool {
    let is = |name: &str, value: Option<&String>| form.get(name) == value;
    let challenge = form.get("code_verifier").map(|verifier| encode(digest(&SHA256, verifier.as_bytes()).as_ref()));
    let is_same_address = kind == ProviderKind::Naver || is("redirect_uri", Some(&grant.redirect_uri));
    is("grant_type", Some(&"authorization_code".to_owned()))
        && is_same_address
        && (!kind.has_pkce() || challenge == grant.challenge)
        && (kind != ProviderKind::Naver || is("state", grant.state.as_ref()))
}

fn refusal(kind: ProviderKind, error: &str) -> HttpResponse {
    let answer = json!({ "error": error, "error_description": "refused by the stub" });
    if kind.errs_with_200() {
        return HttpResponse::Ok().json(answer);
    }
    let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    HttpResponse::build(status).json(answer)
}

async fn userinfo(state: Shared, request: HttpRequest) -> HttpResponse {
    about(state, Endpoint::Userinfo, request).await
}

async fn email_list(state: Shared, request: HttpRequest) -> HttpResponse {
    about(state, Endpoint::Emails, request).await
}

/// What an access token says of its member.
async fn about(state: Shared, endpoint: Endpoint, request: HttpRequest) -> HttpResponse {
    if let Some(fault) = fault(&state, endpoint, &request, &Fields::new()).await {
        return fault;
    }
    let state = lock(&state);
    if state.kind == ProviderKind::GitHub && header(&request, "user-agent").is_none() {
        return HttpResponse::Forbidden().body("Request forbidden by administrative rules");
    }
    let token = header(&request, "authorization").and_then(|header| header.strip_prefix("Bearer "));
    let Some(member) = token.and_then(|token| state.access_tokens.get(token)) else {
        return HttpResponse::Unauthorized().json(unauthorized(state.kind));
    };
    HttpResponse::Ok().json(if endpoint == Endpoint::Emails { emails(member) } else { profile(&state, member) })
}

/// GitHub's "Check a token": about a token of another app, or a revoked one, it says that there is none.
async fn check_token(
    state: Shared,
    request: HttpRequest,
    client: web::Path<String>,
    asked: web::Json<BTreeMap<String, String>>,
) -> HttpResponse {
    if let Some(fault) = fault(&state, Endpoint::CheckToken, &request, &asked).await {
        return fault;
    }
    let state = lock(&state);
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    if state.kind != ProviderKind::GitHub || *client != CLIENT_ID || header(&request, "authorization") != Some(&*basic)
    {
        return HttpResponse::NotFound().json(json!({ "message": "Not Found" }));
    }
    let token = asked.get("access_token").map(String::as_str).unwrap_or_default();
    if !state.access_tokens.contains_key(token) || state.foreign_tokens.contains(token) {
        return HttpResponse::NotFound().json(json!({ "message": "Not Found" }));
    }
    let app = state.behaviour.checked_client.as_deref().unwrap_or(CLIENT_ID);
    HttpResponse::Ok().json(json!({ "id": 1, "token": token, "app": { "client_id": app, "name": "Heirloom" } }))
}

fn unauthorized(kind: ProviderKind) -> Value {
    match kind {
        ProviderKind::Naver => json!({ "resultcode": "024", "message": "Authentication failed" }),
        _ => json!({ "error": "invalid_token" }),
    }
}
