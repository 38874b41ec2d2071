use crate::{
    config::HttpOptions,
    factors::NewCodes,
    guessing::{DEVICE_LIFETIME, DeviceToken},
    http::{Problem, device_cookie_name, expired_others, token_cookie},
    kernel::{SessionId, Transport},
    sessions::{Entered, Grant},
};
use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{self, Cookie},
    http::header,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The answer to a sign-in and to a refresh, in OAuth 2.0's words (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokenAnswer<'a> {
    /// A JWT (RFC 9068), for `Authorization: Bearer`.
    access_token: &'a str,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// Valid for exactly one refresh. Absent if it is sent in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    /// Seconds after which the refresh token expires if it is not used.
    #[schema(example = 1_209_600)]
    refresh_expires_in: u64,
    /// The session.
    session_id: SessionId,
    /// Only after a sign-in: proves at the next one that this device signed in before. It grants no access.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
    /// Only after a sign-in that set up the first second factor: ten codes, each of which is accepted once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["1-7KQF-M2XA-9TRD"]))]
    recovery_codes: Option<Vec<&'a str>>,
}

/// The secret of a new authenticator app. It is shown once, and counts once a code of it was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = NewTotp)]
pub struct NewTotpAnswer<'a> {
    /// In base32, to be typed into an app.
    pub secret: &'a str,
    /// What the QR code contains: `otpauth://totp/…`.
    pub uri: &'a str,
    /// The QR code, as an SVG document.
    pub qr_svg: &'a str,
    /// Whether the code of an email is needed too, which was sent.
    pub email_code_required: bool,
}

/// Writes the answer for a grant: the refresh token goes in the cookie or in the body, never in both. The device token
/// goes the same way.
#[must_use]
pub fn token_answer(grant: &Grant, device: Option<&str>, options: &HttpOptions) -> HttpResponse {
    answer_with(grant, device, None, options)
}

fn answer_with(grant: &Grant, device: Option<&str>, codes: Option<&NewCodes>, options: &HttpOptions) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let refresh_token = match grant.transport {
        Transport::Cookie => {
            answer.cookie(cookie_of(grant, options));
            None
        }
        Transport::Body => Some(grant.refresh_token.reveal()),
    };
    answer.json(TokenAnswer {
        access_token: grant.access_token.reveal(),
        token_type: "Bearer",
        expires_in: grant.expires_in.as_secs(),
        refresh_token,
        refresh_expires_in: grant.refresh_expires_in.as_secs(),
        session_id: grant.session,
        device_token: device.filter(|_| grant.transport == Transport::Body),
        recovery_codes: codes.map(|codes| codes.reveal().iter().map(|code| code.as_str()).collect()),
    })
}

/// The cookie that holds a grant's refresh token. One that is not remembered ends with the browser.
fn cookie_of(grant: &Grant, options: &HttpOptions) -> Cookie<'static> {
    let lifetime = grant.remembered.then_some(grant.refresh_expires_in);
    token_cookie(grant.refresh_token.reveal(), lifetime, options)
}

/// The cookie that recognises a device that signed in before. It does not prove an identity.
#[must_use]
fn device_cookie(device: &DeviceToken, options: &HttpOptions) -> Cookie<'static> {
    Cookie::build(device_cookie_name(options), device.as_str().to_owned())
        .path("/")
        .http_only(true)
        .secure(options.public_url.is_https())
        .same_site(cookie::SameSite::Strict)
        .max_age(cookie::time::Duration::seconds(i64::try_from(DEVICE_LIFETIME.as_secs()).unwrap_or(i64::MAX)))
        .finish()
}

/// The tokens of a new session. By cookie, those of other paths expire.
///
/// # Errors
/// As [`add_cookies`].
pub fn tokens_of_sign_in(
    request: &HttpRequest,
    entered: &Entered,
    options: &HttpOptions,
) -> Result<HttpResponse, Problem> {
    first_tokens(request, entered, None, options)
}

/// The same, with the recovery codes of the factor that was set up.
///
/// # Errors
/// As [`add_cookies`].
pub fn tokens_of_enrolment(
    request: &HttpRequest,
    entered: &Entered,
    codes: &NewCodes,
    options: &HttpOptions,
) -> Result<HttpResponse, Problem> {
    first_tokens(request, entered, Some(codes), options)
}

fn first_tokens(
    request: &HttpRequest,
    (grant, device): &Entered,
    codes: Option<&NewCodes>,
    options: &HttpOptions,
) -> Result<HttpResponse, Problem> {
    let mut answer = answer_with(grant, device.as_ref().map(DeviceToken::as_str), codes, options);
    if grant.transport == Transport::Cookie {
        let device = device.iter().map(|device| device_cookie(device, options));
        add_cookies(&mut answer, &device.chain(expired_others(request, options)).collect::<Vec<_>>())?;
    }
    Ok(answer)
}

/// The cookies of a browser that is signed in now.
#[must_use]
pub fn cookies_of_sign_in(
    request: &HttpRequest,
    (grant, device): &Entered,
    options: &HttpOptions,
) -> Vec<Cookie<'static>> {
    let device = device.iter().map(|device| device_cookie(device, options));
    [cookie_of(grant, options)].into_iter().chain(device).chain(expired_others(request, options)).collect()
}

/// Redirects a browser that is signed in now. 303, so that it does not post a password again (RFC 9700 §4.12).
#[must_use]
pub fn redirect_signed_in(request: &HttpRequest, entered: &Entered, to: &str, options: &HttpOptions) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    for cookie in cookies_of_sign_in(request, entered, options) {
        answer.cookie(cookie);
    }
    answer.insert_header((header::LOCATION, to)).insert_header((header::CACHE_CONTROL, "no-store")).finish()
}

/// Adds cookies to an answer.
///
/// # Errors
/// 500 if a cookie is not valid, which does not happen with the server's own cookies.
pub fn add_cookies(answer: &mut HttpResponse, cookies: &[Cookie<'_>]) -> Result<(), Problem> {
    cookies.iter().try_for_each(|cookie| answer.add_cookie(cookie)).map_err(|_malformed| Problem::internal())
}
