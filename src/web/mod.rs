//! HTTP manners: what every answer has in common. Imports no room.
//!
//! A request passes: request id and log line ([`manners`]) → security headers → CORS → route → extractors
//! ([`Json`], [`Query`], [`PathId`], [`FromClient`], [`SameOrigin`]) → handler → answer or [`Problem`].

mod assets;
mod brand;
mod client;
mod cookies;
mod endpoint;
mod form;
mod health;
mod json;
pub mod kind;
mod language;
mod limits;
mod list;
mod manners;
mod metrics;
mod openapi;
mod origin;
mod pages;
pub mod paths;
mod problem;
mod query;
mod security_headers;
mod texts;
mod view;
mod waiting;

pub use assets::routes as asset_routes;
pub use brand::BrandError;
pub use client::FromClient;
pub use cookies::{cookies, device_cookie_name};
pub use endpoint::Endpoint;
pub use form::form;
pub use health::{Readiness, routes as health_routes};
pub use json::{Json, optional_json};
pub use kind::Kind;
pub use language::Language;
pub use limits::{Limits, limited};
pub use list::{Cursors, Listed, PageRequest};
pub use manners::manners;
pub use metrics::{Scrape, metrics_server};
pub use openapi::{
    Document, Operation, ServedDocument, operations, page_routes as docs_routes, page_samples as docs_samples,
    routes as openapi_routes,
};
pub use origin::{SameOrigin, cors, is_allowed};
pub use pages::{Pages, Sample, TemplateError, html};
pub use problem::{FieldError, Problem};
pub use query::{PathId, Query};
pub use security_headers::{SecurityHeaders, security_headers};
pub use texts::TextError;
pub use view::{View, explain, page_samples};
pub use waiting::somebody_waits;
