//! Loads a profile: one that is built in, or a file.

use super::shape::Profile;
use serde_json::Value;
use std::{fs, io};

/// Why a profile cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Neither built in nor a file.
    #[error("`{0}` is neither a built-in profile ({names}) nor a readable file: {1}", names = Profile::NAMES.join(", "))]
    Unreadable(String, #[source] io::Error),
    /// Not a valid profile.
    #[error("`{0}` is not a valid profile: {1}")]
    Malformed(String, #[source] serde_json::Error),
    /// A member that is wrong.
    #[error("`{0}` is not a valid profile: `{1}`: {2}")]
    Member(String, String, #[source] serde_json::Error),
}

impl Profile {
    /// Those that are built in.
    pub const NAMES: [&str; 7] =
        ["heirloom", "oauth2", "better-auth", "django-oauth-toolkit", "glewlwyd", "oidc-provider", "simplejwt"];

    /// A profile by its name, or from a file.
    ///
    /// # Errors
    /// When there is no such file, or it is not a valid profile.
    pub fn load(name: &str) -> Result<Self, ProfileError> {
        Self::parse(name, &Self::text(name)?)
    }

    /// The JSON of a profile by its name, or from a file.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn text(name: &str) -> Result<String, ProfileError> {
        let built_in = match name {
            "heirloom" => include_str!("../profiles/heirloom.json"),
            "oauth2" => include_str!("../profiles/oauth2.json"),
            "better-auth" => include_str!("../profiles/better-auth.json"),
            "django-oauth-toolkit" => include_str!("../profiles/django-oauth-toolkit.json"),
            "glewlwyd" => include_str!("../profiles/glewlwyd.json"),
            "oidc-provider" => include_str!("../profiles/oidc-provider.json"),
            "simplejwt" => include_str!("../profiles/simplejwt.json"),
            path => {
                return fs::read_to_string(path).map_err(|error| ProfileError::Unreadable(path.to_owned(), error));
            }
        };
        Ok(built_in.to_owned())
    }

    /// A profile from its JSON; `name` is for the error.
    ///
    /// # Errors
    /// When it is not a valid profile.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let malformed = |error| ProfileError::Malformed(name.to_owned(), error);
        let value: Value = serde_json::from_str(text).map_err(malformed)?;
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            match path.as_str() {
                "." => malformed(error.into_inner()),
                _member => ProfileError::Member(name.to_owned(), path, error.into_inner()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn every_profile_that_is_built_in_can_be_read() {
        for name in Profile::NAMES {
            assert!(!Profile::load(name).unwrap().about.is_empty());
        }
        assert_eq!(Profile::load("heirloom").unwrap().rules().retry_window, 120_000);
        let unknown = Profile::load("no-such-file.json").unwrap_err().to_string();
        assert!(unknown.contains("heirloom, oauth2"), "{unknown}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_member() {
        let profile = Profile::text("oauth2").unwrap();
        for (from, to, message) in [
            ("\"/refresh_token\"", "\"refresh_token\"", "`answer.refresh_token`: `refresh_token` names no place"),
            ("\"leeway_seconds\"", "\"leeway_second\"", "`leeway_second`: unknown field"),
            (
                "\"form\": { \"token\"",
                "\"json\": {}, \"form\": { \"token\"",
                "`sign_out.request`: has both `json` and `form`",
            ),
            ("\"2xx\"", "\"2x\"", "`sign_in.done[0].status`"),
            ("\"status\": \"200\"", "\"status\": \"20\"", "is not a status"),
        ] {
            if profile.contains(from) {
                let error = Profile::parse("mine.json", &profile.replace(from, to)).unwrap_err().to_string();
                assert!(error.contains(message), "{message} is not in {error}");
            }
        }
    }
}
