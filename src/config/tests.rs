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

/// in the prefix, in case, and in the one name without the prefix.
#[test]
fn an_option_is_recognized_by_a_mistyped_prefix_too() {
    for (typed, meant) in [
        ("HEIRLOM_BIND", "HEIRLOOM_BIND"),
        ("HERILOOM_BIND", "HEIRLOOM_BIND"),
        ("heirloom_bind", "HEIRLOOM_BIND"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("database_url", "DATABASE_URL"),
        ("HEIRLOOM_DATABASE_URl", "DATABASE_URL"),
    ] {
        let unknown = Config::from_source(Source::from_pairs([(typed, "")])).map(|config| config.unknown_names);
        let reported: Vec<_> = unknown.unwrap_or_default().iter().map(ToString::to_string).collect();
        let is_named = |one: &String| one.starts_with(typed) && one.contains(meant);
        assert!(reported.iter().all(is_named) && reported.len() == 1, "{typed}: {reported:?}");
    }
    for other in
        ["PATH", "DATABASE_URL", "DATABASE_HOST", "HOME_DIR", "HOSTNAME", "TEST_DATABASE_URL", "OTEL_LOG_LEVEL"]
    {
        let unknown = Config::from_source(Source::from_pairs([(other, "")])).map(|config| config.unknown_names);
        assert_eq!(unknown.unwrap_or_default().len(), 0, "{other}");
    }
}

///
#[test]
fn a_log_filter_that_would_lose_lines_is_refused() {
    for wrong in ["verbose", "inof", "info,sqlx=wrong", "info;debug", "heirloom=loud", "=", "info,,verbose"] {
        assert_eq!(problems(&[("HEIRLOOM_LOG", wrong)]).len(), 1, "{wrong}");
    }
    for right in
        ["info", "INFO", "off", "warn,heirloom::sessions=debug", "heirloom::audit", "debug,sqlx=trace,hyper=off"]
    {
        assert_eq!(problems(&[("HEIRLOOM_LOG", right)]), Vec::<String>::new(), "{right}");
    }
}

#[test]
fn two_servers_cannot_listen_on_one_address() {
    let both = |bind, metrics| problems(&[("HEIRLOOM_BIND", bind), ("HEIRLOOM_METRICS_BIND", metrics)]).len();
    for (bind, metrics) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("127.0.0.1:1", "[::]:1"),
        ("[::1]:1", "[::1]:1"),
    ] {
        assert_eq!(both(bind, metrics), 1, "{bind} {metrics}");
    }
    for (bind, metrics) in
        [("127.0.0.1:1", "127.0.0.1:2"), ("127.0.0.1:0", "127.0.0.1:0"), ("127.0.0.2:1", "127.0.0.1:1")]
    {
        assert_eq!(both(bind, metrics), 0, "{bind} {metrics}");
    }
}

/// peers are compared in their shortest form, so a network must be in it as well.
#[test]
fn a_network_of_mapped_addresses_is_one_of_version_4() {
    let read = |text| Config::from_source(Source::from_pairs([("HEIRLOOM_TRUSTED_PROXIES", text)]));
    let read = |text| read(text).map(|config| config.http.trusted_proxies).unwrap_or_default();
    let shown = |text| read(text).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(shown("::ffff:10.0.0.0/104, ::ffff:192.0.2.1"), "10.0.0.0/8 192.0.2.1/32");
    assert_eq!(shown("2001:db8::/32, ::1, 10.1.0.0/16, ::/0"), "2001:db8::/32 ::1/128 10.1.0.0/16 ::/0");
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

///
#[test]
fn services_have_audiences_that_are_not_the_own_apis() {
    let (name, own) = ("HEIRLOOM_AUDIENCES", ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com"));
    assert_eq!(problems(&[own, (name, "https://api.example.com, urn:shop")]), Vec::<String>::new());
    let long = "a".repeat(256);
    for (value, what) in [
        ("https://api.example.com,https://auth.example.com", "names the public URL"),
        ("https://api.example.com,https://api.example.com", "twice"),
        ("https://api example.com", "a list of different services"),
        (&*long, "a list of different services"),
    ] {
        let reported = problems(&[own, (name, value)]);
        assert!(reported.len() == 1 && reported.concat().contains(what), "{value}: {reported:?}");
    }
    let both = problems(&[own, (name, "urn:shop"), ("HEIRLOOM_AUDIENCE", "urn:all")]);
    assert!(both.len() == 1 && both.concat().contains("HEIRLOOM_AUDIENCE"), "{both:?}");
}
