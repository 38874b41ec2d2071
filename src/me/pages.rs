use super::end_by_link::{LinkUse, end_by_link, link_works};
use crate::{
    http::{Endpoint, FromClient, Problem, SameOrigin, form, paths},
    mail::Mail,
    pages::{Sample, View},
    sessions::Sessions,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::context;
use serde::Deserialize;

const ACCOUNT: &str = "me/account.html";
const END: &str = "me/end.html";

/// `/account`, the redirect from `/`, and the page behind an email's link.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::ACCOUNT_PAGE).get(account).mount(config);
    Endpoint::at(paths::HOME).get(home).mount(config);
    Endpoint::at(paths::END_SESSIONS_PAGE).get(ask_to_end).post(end).mount(config);
}

/// The page without the user's data: the cookie is not sent here. Its script signs in silently and fills the page.
async fn account(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, ACCOUNT, &context! {})
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::ACCOUNT_PAGE)).finish()
}

/// The parameters of an email's link.
#[derive(Default, Deserialize)]
struct Link {
    /// Links in emails of version 0.1 call it `letter`.
    #[serde(default, alias = "letter")]
    email: String,
}

/// Asks first: programs that scan emails follow links.
async fn ask_to_end(
    view: View,
    request: HttpRequest,
    mail: Data<Mail>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let query = serde_urlencoded::from_str::<Link>(request.query_string()).unwrap_or_default();
    match link_works(&mail, &sessions, &query.email).await {
        Ok(true) => view.show(StatusCode::OK, END, &context! { state => "ask", email => query.email }),
        Ok(false) => view.show(StatusCode::GONE, END, &context! { state => "over" }),
        Err(error) => Err(error.into()),
    }
}

async fn end(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    mail: Data<Mail>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let view = View::of(&request);
    let read = async {
        SameOrigin::extract(&request).await?;
        let Link { email } = form(&request, payload).await?;
        Ok(end_by_link(&mail, &sessions, &email, &client).await?)
    };
    match read.await {
        Ok(LinkUse::Ended(number)) => view.show(StatusCode::OK, END, &context! { state => "done", number }),
        Ok(LinkUse::Over) => view.show(StatusCode::GONE, END, &context! { state => "over" }),
        Err(problem) => Err(problem),
    }
}

/// Samples of the pages.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let end = [
        context! { state => "ask", email => "\"><b>" },
        context! { state => "done", number => 2 },
        context! { state => "over" },
    ];
    let end = end.into_iter().map(|shown| (END, shown));
    std::iter::once((ACCOUNT, context! {})).chain(end).collect()
}
