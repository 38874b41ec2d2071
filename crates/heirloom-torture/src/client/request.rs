//! A request, filled in and about to be sent.

use super::dpop::NoProof;
use crate::{
    profile::Request,
    template::{Missing, Values, fill_json, fill_map, fill_url},
};
use reqwest::{Method, header::COOKIE};
use serde_json::Value;
use url::Url;

/// Why a request was never sent.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A value is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Not a request that HTTP has.
    #[error("the profile describes no request that can be sent: {0}")]
    Malformed(String),
}

impl RequestError {
    fn malformed(error: &dyn std::fmt::Display) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<NoProof> for RequestError {
    fn from(error: NoProof) -> Self {
        Self::malformed(&error)
    }
}

/// A request, filled in.
pub struct Draft {
    /// Its method.
    pub method: Method,
    /// Its URL.
    pub url: Url,
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    form: Option<Vec<(String, String)>>,
    json: Option<Value>,
}

impl Draft {
    /// Fills a request in.
    pub fn fill(request: &Request, values: &Values) -> Result<Self, RequestError> {
        let method = Method::try_from(request.method.as_str()).map_err(|error| RequestError::malformed(&error))?;
        let url = address(&request.url, values)?;
        let url = Url::parse(&url).map_err(|error| RequestError::malformed(&format!("`url`: {error}")))?;
        Ok(Self {
            method,
            url,
            headers: fill_map(&request.headers, values)?,
            cookies: fill_map(&request.cookies, values)?,
            form: request.form.as_ref().map(|form| fill_map(form, values)).transpose()?,
            json: request.json.as_ref().map(|json| fill_json(json, values)).transpose()?.flatten(),
        })
    }

    /// Adds a parameter to the body.
    pub fn add(&mut self, name: &str, value: &str) {
        if let (None, Some(Value::Object(members))) = (&self.form, &mut self.json) {
            members.insert(name.to_owned(), value.into());
            return;
        }
        let form = self.form.get_or_insert_default();
        form.retain(|(present, _)| present != name);
        form.push((name.to_owned(), value.to_owned()));
    }

    /// Adds a header, in place of one with the same name.
    pub fn header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Adds cookies. Those of the profile go before others of the same name.
    pub fn cookies(&mut self, more: Vec<(String, String)>) {
        let more = more.into_iter().filter(|(name, _)| self.cookies.iter().all(|(present, _)| present != name));
        let more: Vec<_> = more.collect();
        self.cookies.extend(more);
    }

    /// Presents an access token as bound to a key.
    pub fn bearer_to_dpop(&mut self) {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            if let Some(token) = value.strip_prefix("Bearer ") {
                *value = format!("DPoP {token}");
            }
        }
    }

    /// The request for the HTTP client.
    pub fn build(self, http: &reqwest::Client) -> Result<reqwest::Request, RequestError> {
        let mut builder = http.request(self.method, self.url);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            builder = builder.header(COOKIE, pairs.collect::<Vec<_>>().join("; "));
        }
        if let Some(json) = &self.json {
            builder = builder.json(json);
        }
        if let Some(form) = &self.form {
            builder = builder.form(form);
        }
        builder.build().map_err(|error| RequestError::malformed(&error.without_url()))
    }
}

/// The URL of a request. A slash at the end of the base is kept, unless the profile goes on with one.
fn address(template: &str, values: &Values) -> Result<String, Missing> {
    let base = values.get("base").map(|base| base.reveal().trim_end_matches('/'));
    match (template.strip_prefix("{base}/"), base) {
        (Some(rest), Some(base)) => fill_url(rest, values).map(|rest| format!("{base}/{rest}")),
        _absolute => fill_url(template, values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Guarded;

    #[test]
    fn a_slash_at_the_end_is_kept_and_never_doubled() {
        for (base, template, expected) in [
            ("http://a/token/", "{base}", "http://a/token/"),
            ("http://a/token", "{base}", "http://a/token"),
            ("http://a/", "{base}/login/", "http://a/login/"),
            ("http://a", "{base}/login", "http://a/login"),
        ] {
            let values = [("base".to_owned(), Guarded::new(base.to_owned()))].into();
            assert_eq!(address(template, &values), Ok(expected.to_owned()), "{base} {template}");
        }
    }
}
