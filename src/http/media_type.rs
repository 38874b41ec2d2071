use super::cookies::trimmed;
use actix_web::{HttpRequest, http::header};

/// The media type of a body (RFC 9110 §8.3.1): compared without regard to case, with whitespace allowed around `;`.
pub struct MediaType<'a> {
    essence: &'a [u8],
    charset: Option<&'a [u8]>,
}

impl<'a> MediaType<'a> {
    /// Reads the `Content-Type` header. None where it is missing or sent twice, where a parameter is malformed, and where
    /// the charset is stated twice: another reader could believe the other one.
    #[must_use]
    pub fn of(request: &'a HttpRequest) -> Option<Self> {
        let mut sent = request.headers().get_all(header::CONTENT_TYPE);
        let (Some(only), None) = (sent.next(), sent.next()) else { return None };
        let mut parts = parts(only.as_bytes()).map(trimmed);
        let essence = parts.next()?;
        let mut charset = None;
        for parameter in parts.filter(|part| !part.is_empty()).map(Parameter::read) {
            let Parameter { name, value } = parameter?;
            if name.eq_ignore_ascii_case(b"charset") && charset.replace(value).is_some() {
                return None;
            }
        }
        Some(Self { essence, charset })
    }

    /// Whether it is this type, such as `application/json`.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence.as_bytes())
    }

    /// Whether the text is UTF-8, which it is unless it states otherwise.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.charset.is_none_or(|charset| charset.eq_ignore_ascii_case(b"utf-8"))
    }
}

/// What stands between semicolons that are not quoted.
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |byte| {
        let ends = *byte == b';' && !is_quoted;
        match *byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        ends
    })
}

/// A parameter: `name=value`, without whitespace around the `=`.
struct Parameter<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Parameter<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let equals = text.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (text.get(..equals)?, text.get(equals.saturating_add(1)..)?);
        let value = if value.first() == Some(&b'"') {
            unquoted(value)?
        } else {
            Some(value).filter(|value| is_token(value))?
        };
        is_token(name).then_some(Self { name, value })
    }
}

/// What stands between two quotes. No charset's name needs the escapes that it may hold.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn is_json(content_type: &'static str) -> bool {
        let request = TestRequest::default().insert_header((header::CONTENT_TYPE, content_type)).to_http_request();
        MediaType::of(&request).is_some_and(|media| media.is("application/json") && media.is_utf8())
    }

    #[test]
    fn a_media_type_is_read_as_the_rfc_writes_it() {
        for json in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json ; charset=utf-8",
            "application/json\t;\tCHARSET=\"UTF-8\"",
            "application/json; a=b; charset=utf-8",
            "application/json;",
            "application/json; ;charset=utf-8",
            "application/json; a=\"; charset=latin1\"",
            "application/json; a=\"\\\"; charset=latin1\"; charset=utf-8",
        ] {
            assert!(is_json(json), "{json}");
        }
        for other in [
            "application/json; charset=latin1",
            "application/jsonp",
            "text/json",
            "application/json, text/html",
            "application /json",
            "application/json; charset=utf-8; charset=utf-8",
            "application/json; charset=utf-8; Charset=latin1",
            "application/json; charset=\"utf-8\"; charset=utf-8",
            "application/json; charset =latin1",
            "application/json; charset= utf-8",
            "application/json; charset=",
            "application/json; charset",
            "application/json; charset=\"utf-8",
            "application/json; charset=\"utf-8\"x",
            "application/json; a=\"; charset=utf-8",
            "application/json; =utf-8",
            "",
        ] {
            assert!(!is_json(other), "{other}");
        }
    }
}
