use super::api::ready_at;
use crate::{
    http::{Endpoint, FromClient, Problem, kind, own_form, paths},
    kernel::{Client, Moment},
    lifecycle::Lifecycle,
    pages::{Sample, View, form_problem},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

const TEMPLATE: &str = "sign_in/recovery.html";

/// `/login/recover`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::LOGIN_RECOVER_PAGE).get(page).post(submit).mount(config);
}

#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    challenge: Zeroizing<String>,
}

/// Leads to the sign-in page: there is nothing to recover before the password.
async fn page() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::LOGIN_PAGE)).finish()
}

/// Starts the waiting time: the page of the code has explained it.
async fn submit(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let view = View::of(&request);
    match start(&request, payload, &client, &lifecycle).await {
        Ok(ready_at) => view.show(StatusCode::OK, TEMPLATE, &started(Some(ready_at), None)),
        Err(problem) => {
            let mut answer = view.show(problem.status_code(), TEMPLATE, &started(None, Some(&problem)))?;
            problem.add_headers_to(answer.headers_mut());
            Ok(answer)
        }
    }
}

async fn start(
    request: &HttpRequest,
    payload: Payload,
    client: &Client,
    lifecycle: &Lifecycle,
) -> Result<Moment, Problem> {
    let typed: Typed = own_form(request, payload).await?;
    ready_at(lifecycle.start_factor_recovery(&typed.challenge, client).await?)
}

fn started(ready_at: Option<Moment>, problem: Option<&Problem>) -> Value {
    let ready_at = ready_at.map(shown);
    context! { ready_at, ..form_problem(problem) }
}

/// A time as the pages without script show it: that of the server's zone would mislead.
pub(in crate::sign_in) fn shown(moment: Moment) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Samples of the page with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let problems = kind::ALL.iter().map(|kind| (TEMPLATE, started(None, Some(&Problem::new(*kind, "")))));
    problems.chain([(TEMPLATE, started(Some(Moment::UNIX_EPOCH), None))]).collect()
}
