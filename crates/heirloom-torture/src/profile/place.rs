//! Where an answer holds a value.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an answer holds a value: `/a/b` (JSON pointer, RFC 6901), `cookie:NAME`, `header:NAME`, `location` (the address
/// that a redirect leads to), `location:NAME` (a parameter of it), `field:NAME` (a field of an HTML form).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// In a JSON body.
    Pointer(String),
    /// In a cookie.
    Cookie(String),
    /// In a header.
    Header(String),
    /// The address of a redirect.
    Location,
    /// A parameter of that address, in its query or its fragment.
    Parameter(String),
    /// The value of a form field of an HTML page.
    Field(String),
}

/// A text that names no place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` names no place in an answer: write a JSON pointer such as `/refresh_token` (`~` only as `~0` or `~1`), \
     `cookie:NAME`, `header:NAME`, `location`, `location:NAME` or `field:NAME`"
)]
pub struct NoPlace(String);

impl TryFrom<String> for Place {
    type Error = NoPlace;

    fn try_from(text: String) -> Result<Self, NoPlace> {
        let place = match text.split_once(':') {
            _ if text.starts_with('/') && is_escaped(&text) => Some(Self::Pointer(text.clone())),
            None if text == "location" => Some(Self::Location),
            Some((_, "")) | None => None,
            Some(("cookie", name)) => Some(Self::Cookie(name.to_owned())),
            Some(("header", name)) => Some(Self::Header(name.to_owned())),
            Some(("location", name)) => Some(Self::Parameter(name.to_owned())),
            Some(("field", name)) => Some(Self::Field(name.to_owned())),
            Some(_) => None,
        };
        place.ok_or(NoPlace(text))
    }
}

impl Place {
    /// The scope that an answer grants (RFC 6749 §5.1).
    #[must_use]
    pub fn scope() -> Self {
        Self::Pointer("/scope".to_owned())
    }
}

/// In a pointer, `~` stands only before 0 or 1.
fn is_escaped(pointer: &str) -> bool {
    pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) => f.write_str(pointer),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Location => f.write_str("location"),
            Self::Parameter(name) => write!(f, "location:{name}"),
            Self::Field(name) => write!(f, "field:{name}"),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for text in ["/a", "/a/b/0", "/", "/a~1b~0c", "cookie:__Host-r", "header:X-Token", "location", "field:csrf"] {
            assert_eq!(Place::try_from(text.to_owned()).map(|place| place.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "refresh_token", "/a~2", "/a~", "$.token", "cookie:", "cookie", "body:x", "#/a", "Location"] {
            assert_eq!(Place::try_from(text.to_owned()), Err(NoPlace(text.to_owned())));
        }
    }
}
