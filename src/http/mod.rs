//! HTTP: what every request and answer has in common. Imports no room.
//!
//! A request passes: request id and log line ([`middleware`]) → security headers → CORS → route → extractors
//! ([`Json`], [`Query`], [`PathId`], [`FromClient`], [`SameOrigin`]) → handler → answer or [`Problem`].

mod client;
mod connections;
mod cookies;
mod endpoint;
mod etag;
mod form;
mod health;
mod json;
pub mod kind;
mod language;
mod limits;
mod list;
mod media_type;
mod metrics;
mod middleware;
mod origin;
pub mod paths;
mod problem;
mod query;
mod request_id;
mod return_to;
mod security_headers;
mod token_cookies;
mod waiting;

pub use client::FromClient;
pub use connections::{CONNECTIONS, Connections, expect_bursts, forget_connection, limit_writes};
pub use cookies::{
    cookies, device_cookie_name, expired_lax_cookie, flow_cookie_name, lax_cookie, trusted_cookie,
    upstream_cookie_name, upstream_next_cookie_name,
};
pub use endpoint::Endpoint;
pub use etag::is_known;
pub use form::{form, own_form};
pub use health::{Readiness, described as health_described, routes as health_routes};
pub use json::{Json, optional_json, read as read_body};
pub use kind::ProblemKind;
pub use language::{Chosen, Language};
pub use media_type::MediaType;

pub use limits::{Limits, check_costly_limit, check_limit};
pub use list::{Cursors, Listed};
pub use metrics::{Scrape, metrics_server};
pub use middleware::{middleware, note_user};
pub use origin::{SameOrigin, TokenOrigin, cors, is_allowed};
pub use problem::{Body, FieldError, Problem, SecondFactorWanted, StepUp, type_of};
pub use query::{PathId, Query};
pub use request_id::RequestId;
pub use return_to::return_to;
pub use security_headers::{Framed, SecurityHeaders, security_headers};
pub use token_cookies::{
    all_tokens_in_cookies, expired_cookie, expired_cookies, expired_others, replaced_tokens, token_cookie,
    tokens_in_cookies,
};
pub use waiting::client_still_waits;
