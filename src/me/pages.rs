use super::end_by_link::{LinkRooms, LinkUse};
use crate::{
    config::EmailVerification,
    http::{Endpoint, FieldError, FromClient, Problem, SameOrigin, form, kind, paths},
    kernel::Duration,
    mail::Mail,
    pages::{Sample, View, form_problem, kept},
    sessions::Sessions,
    users::{Accounts, too_many_attempts},
    world::World,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

const ACCOUNT: &str = "me/account.html";
const END: &str = "me/end.html";

/// `/account`, the redirect from `/`, and the page behind an email's link.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ACCOUNT_PAGE).get(account).mount(config);
    Endpoint::at(paths::HOME).get(home).mount(config);
    Endpoint::at(paths::END_SESSIONS_PAGE).hashing().get(ask_to_end).post(end).mount(config);
}

/// The page without the user's data: the cookie is not sent here. Its script signs in silently and fills the page.
async fn account(request: HttpRequest, view: View, world: Data<World>) -> Result<HttpResponse, Problem> {
    // Why an account at another provider was not connected: the code of a problem.
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let notice = query.into_iter().find(|(name, _)| name == "reason").map(|(_, reason)| reason.into_owned());
    let notice = notice.unwrap_or_default();
    let asks_verification = world.config.accounts.email_verification != EmailVerification::Off;
    let offers_passkeys = world.config.passkeys.enabled;
    view.show(StatusCode::OK, ACCOUNT, &context! { asks_verification, offers_passkeys, notice })
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::ACCOUNT_PAGE)).finish()
}

/// The parameters of an email's link, and the field of the form behind it.
#[derive(Default, Deserialize)]
struct Link {
    /// Links in emails of version 0.1 call it `letter`.
    #[serde(default, alias = "letter")]
    email: String,
    #[serde(default)]
    password: Zeroizing<String>,
}

/// Asks for the password first: programs that scan emails follow links, and press buttons.
async fn ask_to_end(
    view: View,
    request: HttpRequest,
    mail: Data<Mail>,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let query = serde_urlencoded::from_str::<Link>(request.query_string()).unwrap_or_default();
    let rooms = LinkRooms { mail: &mail, accounts: &accounts, sessions: &sessions };
    match rooms.link_works(&query.email).await {
        Ok(true) => view.show(StatusCode::OK, END, &end_form(&query.email, None)),
        Ok(false) => view.show(StatusCode::GONE, END, &context! { state => "over" }),
        Err(error) => Err(error.into()),
    }
}

async fn end(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    mail: Data<Mail>,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let view = View::of(&request);
    SameOrigin::extract(&request).await?;
    let Link { email, password } = form(&request, payload).await?;
    let rooms = LinkRooms { mail: &mail, accounts: &accounts, sessions: &sessions };
    let refused = match rooms.end_by_link(&email, &password, &client).await? {
        LinkUse::Ended(number) => return view.show(StatusCode::OK, END, &context! { state => "done", number }),
        LinkUse::Over => return view.show(StatusCode::GONE, END, &context! { state => "over" }),
        LinkUse::PasswordMissing => Problem::fields(vec![FieldError::new("password", "required", "")]),
        LinkUse::WrongPassword => {
            let field = FieldError::new("password", "wrong_password", "");
            Problem { errors: vec![field], ..Problem::new(kind::WRONG_PASSWORD, "") }
        }
        LinkUse::Limited { wait } => too_many_attempts(wait),
    };
    let mut answer = view.show(refused.status_code(), END, &end_form(&email, Some(&refused)))?;
    refused.add_headers_to(answer.headers_mut());
    Ok(answer)
}

fn end_form(email: &str, problem: Option<&Problem>) -> Value {
    context! { state => "ask", email, kept => kept(&[("email", email)]), ..form_problem(problem) }
}

/// Samples of the pages.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let end = [
        end_form("\"><b>", None),
        end_form("\"><b>", Some(&too_many_attempts(Duration::from_secs(20)))),
        end_form("\"><b>", Some(&Problem::field("password", "wrong_password", ""))),
        context! { state => "done", number => 2 },
        context! { state => "over" },
    ];
    let end = end.into_iter().map(|shown| (END, shown));
    let account = [(true, ""), (false, "identity_taken"), (true, "<b>")]
        .map(|(yes, notice)| (ACCOUNT, context! { asks_verification => yes, offers_passkeys => yes, notice }));
    account.into_iter().chain(end).collect()
}
