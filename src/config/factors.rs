use super::{Reader, names};
use crate::kernel::Duration;

/// Second factors.
#[derive(Debug, Clone)]
pub struct FactorOptions {
    /// Who has one of these roles signs in with two factors only.
    pub required_by_roles: Vec<String>,
    /// How long a browser may stand for the second factor. Zero: none may.
    pub trusted_device_ttl: Duration,
}

const ALLOWED_ROLES: &str = "a list of roles, such as admin,editor";

pub(super) fn read(reader: &mut Reader) -> FactorOptions {
    FactorOptions {
        required_by_roles: reader
            .list(names::SECOND_FACTOR_ROLES, ALLOWED_ROLES, |role| is_role(role).then(|| role.to_owned())),
        trusted_device_ttl: reader.duration(names::TRUSTED_DEVICE_TTL, "0s", "0s"..="90d"),
    }
}

/// As `identity::Role` has them: a role with a typing mistake would demand nothing of anyone.
fn is_role(text: &str) -> bool {
    let may_follow = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.:-".contains(c);
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(may_follow)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source};

    #[test]
    fn roles_are_a_list_and_none_is_misspelt() {
        let roles = |text: &'static str| {
            let config = Config::from_source(Source::from_pairs([("HEIRLOOM_SECOND_FACTOR_ROLES", text)]));
            config.ok().map(|config| config.factors.required_by_roles)
        };
        assert_eq!(roles("").as_deref(), Some([].as_slice()));
        assert_eq!(roles("admin, app:editor").unwrap_or_default(), ["admin", "app:editor"]);
        for wrong in ["Admin", "admin;editor", "1", "admin editor"] {
            assert_eq!(roles(wrong), None, "{wrong}");
        }
    }
}
