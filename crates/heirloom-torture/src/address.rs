use url::Url;

/// A URL for reports: without a user, a password, a query and a fragment. These may be secrets, and a report is passed on.
#[must_use]
pub fn shown_url(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    let is_plain = parsed.username().is_empty() && parsed.password().is_none();
    if is_plain && parsed.query().is_none() && parsed.fragment().is_none() {
        // As it was written: the parser would add a slash.
        return url.to_owned();
    }
    // Both fail only for a URL that cannot have a user.
    let _ignored = (parsed.set_username(""), parsed.set_password(None));
    parsed.set_query(None);
    parsed.set_fragment(None);
    parsed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_left_out_of_a_url() {
        for (url, shown) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example:8443/token", "https://a.example:8443/token"),
            ("https://bob:hunter2@a.example/token", "https://a.example/token"),
            ("https://bob@a.example/token?key=hunter2#x", "https://a.example/token"),
            ("https://a.example/token?p=b2c", "https://a.example/token"),
            ("not a URL", "not a URL"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
