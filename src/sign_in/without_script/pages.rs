use super::Rooms;
use crate::{
    factors,
    http::{Endpoint, FromClient, Problem, SameOrigin, expired_cookie, form, kind, paths},
    identity::EmailAddress,
    lifecycle::{ChangeRequest, Lifecycle, SelfDeletion, delete_own, too_many_emails},
    pages::{Sample, View, form_problem},
    sessions::{Fresh, Sessions, just_signed_in},
    sign_in::{SigningIn, answer::entered, api::require_both, verification::ask_to_verify},
    users::{Accounts, Refused},
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

pub(super) const TEMPLATE: &str = "sign_in/without_script.html";

/// `/account/address` and `/account/delete`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::CHANGE_ADDRESS_PAGE).hashing().get(address_page).post(change_address).mount(config);
    Endpoint::at(paths::DELETE_ACCOUNT_PAGE).hashing().get(deletion_page).post(delete_account).mount(config);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Address,
    Deletion,
}

#[derive(Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    pub(super) email: String,
    #[serde(default)]
    pub(super) password: Zeroizing<String>,
    #[serde(default)]
    new_email: String,
    #[serde(default)]
    code: Zeroizing<String>,
}

async fn address_page(view: View) -> Result<HttpResponse, Problem> {
    show(Page::Address.name(), &view, &Typed::default(), None)
}

async fn deletion_page(view: View) -> Result<HttpResponse, Problem> {
    show(Page::Deletion.name(), &view, &Typed::default(), None)
}

async fn change_address(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let rooms = Rooms { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client };
    rooms.submitted(Page::Address, &request, payload).await
}

async fn delete_account(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let rooms = Rooms { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client };
    rooms.submitted(Page::Deletion, &request, payload).await
}

impl Page {
    /// For the template.
    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Deletion => "delete",
        }
    }
}

/// The form, with what was typed (but the password), and the problem's status and headers if there is one.
pub(super) fn show(
    page: &'static str,
    view: &View,
    typed: &Typed,
    problem: Option<&Problem>,
) -> Result<HttpResponse, Problem> {
    let status = problem.map_or(StatusCode::OK, Problem::status_code);
    let mut answer = view.show(status, TEMPLATE, &context(page, typed, problem))?;
    if let Some(problem) = problem {
        problem.add_headers_to(answer.headers_mut());
    }
    Ok(answer)
}

pub(super) fn context(page: &'static str, typed: &Typed, problem: Option<&Problem>) -> Value {
    let Typed { email, new_email, .. } = typed;
    let asks_code = !typed.code.is_empty() || problem.is_some_and(|problem| problem.second_factor().is_some());
    context! { state => "ask", page, email, new_email, asks_code, ..form_problem(problem) }
}

impl Rooms<'_> {
    async fn submitted(&self, page: Page, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
        let view = View::of(request);
        let (typed, done) = match form::<Typed>(request, payload).await {
            Ok(typed) => {
                let done = self.run(page, request, &typed).await;
                (typed, done)
            }
            Err(problem) => (Typed::default(), Err(problem)),
        };
        match (done, page) {
            (Ok(()), Page::Address) => view.show(StatusCode::OK, TEMPLATE, &sent()),
            (Ok(()), Page::Deletion) => Ok(self.signed_out()),
            (Err(problem), page) => show(page.name(), &view, &typed, Some(&problem)),
        }
    }

    async fn run(&self, page: Page, request: &HttpRequest, typed: &Typed) -> Result<(), Problem> {
        SameOrigin::extract(request).await?;
        require_both(&typed.email, &typed.password)?;
        match page {
            Page::Address => {
                // Before the password, so that a mistake costs no sign-in.
                let new = EmailAddress::parse(&typed.new_email);
                let new = new.map_err(|error| Problem::fields(vec![error.of("new_email")]))?;
                let fresh = self.fresh(typed).await?;
                let requested = self.request_change(&fresh, new).await;
                self.sessions.sign_out(fresh.signed_in(), &self.client).await?;
                requested
            }
            Page::Deletion => {
                let fresh = self.fresh(typed).await?;
                let deleted = self.delete(&fresh, typed).await;
                if deleted.is_err() {
                    self.sessions.sign_out(fresh.signed_in(), &self.client).await?;
                }
                deleted
            }
        }
    }

    async fn fresh(&self, typed: &Typed) -> Result<Fresh, Problem> {
        let outcome = self.sign_in(&typed.email, &typed.password, &typed.code).await?;
        if matches!(outcome, SigningIn::Unverified) {
            ask_to_verify(self.lifecycle, &typed.email, &self.client).await?;
        }
        let (grant, _device) = &*entered(outcome)?;
        just_signed_in(self.sessions, grant).await
    }

    async fn request_change(&self, fresh: &Fresh, new: EmailAddress) -> Result<(), Problem> {
        match self.lifecycle.request_email_change(fresh, new, &self.client).await? {
            ChangeRequest::Accepted { expires_in: _ } => Ok(()),
            ChangeRequest::OwnAddress => Err(Problem::field("new_email", "unchanged", "")),
            ChangeRequest::AfterReset => Err(factors::after_reset()),
            ChangeRequest::NotFresh => Err(self.sessions.no_longer(fresh).await),
            ChangeRequest::Limited { wait } => Err(too_many_emails(wait)),
        }
    }

    async fn delete(&self, fresh: &Fresh, typed: &Typed) -> Result<(), Problem> {
        let email = EmailAddress::parse(&typed.email).map_err(|error| Problem::fields(vec![error.of("email")]))?;
        match delete_own(self.sessions, fresh, Some(email), &self.client).await? {
            SelfDeletion::Deleted => Ok(()),
            SelfDeletion::OtherAddress => Err(Problem::field("email", "different", "")),
            SelfDeletion::UndoPending => Err(Problem::new(kind::UNDO_PENDING, "")),
            SelfDeletion::LastAdmin => Err(Problem::new(kind::LAST_ADMIN, "")),
            SelfDeletion::NotFresh => Err(self.sessions.no_longer(fresh).await),
        }
    }

    /// To the sign-in page, whose notice says that the account is deleted.
    fn signed_out(&self) -> HttpResponse {
        let mut answer = HttpResponse::SeeOther();
        answer.cookie(expired_cookie(&self.sessions.world().config.http));
        let to = format!("{}?reason=account_deleted", paths::LOGIN_PAGE);
        answer.insert_header((header::LOCATION, to)).insert_header((header::CACHE_CONTROL, "no-store")).finish()
    }
}

fn sent() -> Value {
    context! { state => "sent", page => Page::Address.name(), ..form_problem(None) }
}

/// Samples of the pages with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let typed =
        Typed { email: "\"><b>".to_owned(), new_email: "<script>alert(1)</script>".to_owned(), ..Typed::default() };
    let pages = [Page::Address.name(), Page::Deletion.name()];
    let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, ""))).chain([
        None,
        Some(Problem::field("new_email", "unchanged", "")),
        Some(Problem::field("email", "required", "")),
    ]);
    let of_problem = |problem: Option<Problem>| pages.map(|page| (TEMPLATE, context(page, &typed, problem.as_ref())));
    problems.flat_map(of_problem).chain([(TEMPLATE, sent())]).collect()
}
