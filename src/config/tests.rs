use super::*;

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    let source = Source::from_pairs(pairs.iter().map(|(name, value)| (*name, *value)));
    Config::from_source(source).err().map(|error| error.problems).unwrap_or_default()
}

#[test]
fn nothing_given_is_a_good_configuration() {
    assert_eq!(problems(&[]), Vec::<String>::new());
}

///
#[test]
fn all_problems_are_reported_at_once_each_with_the_allowed_values() {
    let reported = problems(&[
        ("HEIRLOOM_BIND", "here"),
        ("HEIRLOOM_BCRYPT_COST", "4"),
        ("HEIRLOOM_ACCESS_TOKEN_TTL", "10"),
        ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com/path"),
    ]);
    assert_eq!(reported.len(), 4, "{reported:?}");
    assert!(
        reported
            .iter()
            .any(|reported| reported == "HEIRLOOM_BCRYPT_COST=\"4\" is not allowed: a whole number from 10 to 16")
    );
}

///
#[test]
fn a_foreign_database_needs_a_master_key_and_no_secret_is_repeated() {
    let reported =
        problems(&[("DATABASE_URL", "postgres://u:hunter2@localhost/x"), ("HEIRLOOM_MASTER_KEY_PREVIOUS", "hunter3")]);
    assert!(reported.iter().any(|reported| reported.starts_with("HEIRLOOM_MASTER_KEY is required")), "{reported:?}");
    assert!(!reported.concat().contains("hunter"), "{reported:?}");
    assert!(!problems(&[("DATABASE_URL", "mysql://u:hunter2@h/x")]).concat().contains("hunter"));
}

#[test]
fn seconds_are_for_tests_only() {
    assert_eq!(problems(&[("HEIRLOOM_ACCESS_TOKEN_TTL", "1s")]).len(), 1);
    assert_eq!(problems(&[("HEIRLOOM_ACCESS_TOKEN_TTL", "1s"), ("HEIRLOOM_INSECURE_FOR_TESTS", "true")]).len(), 0);
}

#[test]
fn a_cookie_for_every_site_needs_https() {
    assert_eq!(problems(&[("HEIRLOOM_COOKIE_SAMESITE", "None")]).len(), 1);
    let https = [("HEIRLOOM_COOKIE_SAMESITE", "None"), ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com")];
    assert_eq!(problems(&https).len(), 0);
}

///
#[test]
fn a_mistyped_option_is_noticed() {
    let source = Source::from_pairs([("HEIRLOOM_ACESS_TOKEN_TTL", "5m")]);
    let unknown = Config::from_source(source).map(|config| config.unknown_names).unwrap_or_default();
    let reported: Vec<_> = unknown.iter().map(ToString::to_string).collect();
    assert!(
        matches!(reported.as_slice(), [one] if one.ends_with("did you mean HEIRLOOM_ACCESS_TOKEN_TTL?")),
        "{reported:?}"
    );
}

#[test]
fn an_origin_that_can_never_match_is_refused_with_its_reason() {
    let reported = problems(&[(
        "HEIRLOOM_ALLOWED_ORIGINS",
        "https://ok.example,https://*.preview.example.com,https://a.example/x",
    )]);
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert!(
        reported.iter().any(|reported| reported.contains("*.preview.example.com") && reported.contains("a wildcard never matches"))
    );
    let apps = "capacitor://localhost, tauri://localhost, http://tauri.localhost, \
                chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    assert_eq!(problems(&[("HEIRLOOM_ALLOWED_ORIGINS", apps)]), Vec::<String>::new());
}

#[test]
fn one_header_names_the_client() {
    for header in ["X-Forwarded-For", "forwarded", "none"] {
        assert_eq!(problems(&[("HEIRLOOM_CLIENT_ADDRESS_HEADER", header)]), Vec::<String>::new());
    }
    assert_eq!(problems(&[("HEIRLOOM_CLIENT_ADDRESS_HEADER", "X-Real-IP")]).len(), 1);
}
