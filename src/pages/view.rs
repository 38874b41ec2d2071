use super::{Pages, html};
use crate::{
    http::{Chosen, FieldError, Language, Problem, RequestId, kind},
    world::World,
};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse,
    dev::Payload,
    http::{StatusCode, header},
    web::Data,
};
use minijinja::{Value, context};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Ready, ready},
};

/// What a page depends on: the language and the request.
#[derive(Debug)]
pub struct View {
    pages: Option<Data<Pages>>,
    chosen: Chosen,
    secure: bool,
    request_id: String,
}

impl FromRequest for View {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl View {
    /// The view of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let world = request.app_data::<Data<World>>();
        Self {
            pages: request.app_data::<Data<Pages>>().cloned(),
            chosen: Chosen::of(request),
            secure: world.is_some_and(|world| world.config.http.public_url.is_https()),
            request_id: request.extensions().get::<RequestId>().map(|id| id.shown().to_owned()).unwrap_or_default(),
        }
    }

    /// The language of the answer.
    #[must_use]
    pub fn language(&self) -> Language {
        self.chosen.language
    }

    /// A page as an answer.
    ///
    /// # Errors
    /// 500 when the template fails; the reason is logged.
    pub fn show(&self, status: StatusCode, template: &str, context: &Value) -> Result<HttpResponse, Problem> {
        let pages = self.pages.as_ref().ok_or_else(Problem::internal)?;
        let mut answer = html(status, pages.render(self.language(), template, context)?);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LANGUAGE, header::HeaderValue::from_static(self.language().tag()));
        headers.insert(header::VARY, header::HeaderValue::from_static("Accept-Language, Cookie"));
        if let Some(cookie) = self.chosen.cookie(self.secure) {
            answer.add_cookie(&cookie).map_err(|_malformed| Problem::internal())?;
        }
        Ok(answer)
    }

    /// A problem as a page, with its status and headers.
    ///
    /// # Errors
    /// The problem of the page itself.
    pub fn show_problem(&self, problem: &Problem) -> Result<HttpResponse, Problem> {
        let status = StatusCode::from_u16(problem.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let shown = problem_context(problem, &self.request_id);
        let mut answer = self.show(status, ERROR, &shown)?;
        problem.add_headers_to(answer.headers_mut());
        Ok(answer)
    }
}

/// What `sign_in/form.html` shows of a problem: `errors` beside their fields, or `problem` above the form.
#[must_use]
pub fn form_problem(problem: Option<&Problem>) -> Value {
    let fields = problem.iter().flat_map(|problem| &problem.errors);
    let shown = |error: &FieldError| context! { code => error.code, advice => error.advice };
    let errors: BTreeMap<_, _> = fields.map(|error| (error.field.clone(), shown(error))).collect();
    let problem = problem.filter(|problem| problem.errors.is_empty());
    let problem = problem.map(|problem| context! { code => problem.kind.code, retry_after => problem.retry_after() });
    context! { problem, errors }
}

/// `kept` of a page: the parameters of its address that a change of the language must keep, to be appended to a query.
#[must_use]
pub fn kept(parameters: &[(&str, &str)]) -> String {
    let said = parameters.iter().filter(|(_, value)| !value.is_empty());
    url::form_urlencoded::Serializer::for_suffix("&".to_owned(), 1).extend_pairs(said).finish()
}

const ERROR: &str = "pages/error.html";

fn problem_context(problem: &Problem, request_id: &str) -> Value {
    context! {
        status => problem.kind.status,
        code => problem.kind.code,
        retry_after => problem.retry_after(),
        request_id,
    }
}

/// Samples of the error page with every problem.
#[must_use]
pub fn page_samples() -> Vec<super::Sample> {
    kind::ALL.iter().map(|kind| (ERROR, problem_context(&Problem::new(*kind, ""), "0199"))).collect()
}
