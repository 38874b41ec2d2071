use crate::databases::{found, log_of_start};
use heirloom_testing::{Home, Port, ProviderKind, Ran, StubProvider};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// What was found of each thing: the verdicts, worst last.
fn verdicts(ran: &Ran) -> BTreeMap<String, Vec<String>> {
    assert_eq!(ran.stderr, "", "{ran:?}");
    let report = ran.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for finding in report["findings"].as_array().unwrap() {
        assert!(!text(&finding["detail"]).is_empty());
        found.entry(text(&finding["what"])).or_default().push(text(&finding["verdict"]));
    }
    let failed = found.values().flatten().any(|verdict| verdict == "fail");
    assert_eq!((report["ok"].as_bool().unwrap(), ran.code), (!failed, i32::from(failed)), "{ran:?}");
    for verdicts in found.values_mut() {
        verdicts.sort_by_key(|verdict| rank(verdict));
    }
    found
}

fn rank(verdict: &str) -> usize {
    ["ok", "warn", "fail"].iter().position(|known| *known == verdict).expect("one of the three")
}

fn worst(ran: &Ran, what: &str) -> String {
    verdicts(ran).get(what).and_then(|verdicts| verdicts.last().cloned()).unwrap_or_default()
}

/// A data directory's files with their contents, but for Postgres' own.
fn files(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.data_dir()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.is_file()).map(|path| path.display().to_string()).collect();
    files.sort();
    files
}

#[test]
fn before_the_first_start_nothing_is_made() {
    let home = Home::empty();
    let checked = home.run(&["check", "--json"]);
    assert_eq!(worst(&checked, "database"), "warn");
    assert_eq!(worst(&checked, "configuration"), "warn", "HEIRLOOM_INSECURE_FOR_TESTS");
    assert_eq!(home.data_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_good_installation_has_a_line_for_everything() {
    let home = Home::start().await;
    assert_eq!(worst(&home.run(&["check", "--json"]), "migrations"), "warn", "it does not migrate");
    assert_eq!(worst(&home.run(&["check", "--json"]), "migrations"), "warn", "it really does not");
    home.run(&["migrate"]).done();
    home.run(&["keys", "list"]).done();
    let before = files(&home);
    let checked = home.run(&["check", "--json"]);
    for what in
        ["database", "server version", "clock", "migrations", "master key", "public URL", "origins", "proxies", "pages"]
    {
        assert_eq!(worst(&checked, what), "ok", "{what}: {checked:?}");
    }
    assert_eq!(files(&home), before);
    let text = home.run(&["check"]).done().stdout;
    assert!(text.lines().count() >= 10, "{text}");
    assert!(
        text.lines().all(|line| ["ok      ", "warn    "].iter().any(|verdict| line.starts_with(verdict))),
        "{text}"
    );
}

/// F-35.
#[tokio::test]
async fn passkeys_of_another_domain_are_warned_of() {
    let home = Home::start().await;
    home.run(&["migrate"]).done();
    home.run(&["keys", "list"]).done();
    assert_eq!(worst(&home.run(&["check", "--json"]), "passkeys"), "ok");
    let sql = "WITH new AS (INSERT INTO users (id, email, password_hash, created_at)
                   VALUES (gen_random_uuid(), 'mina@example.com', '', now()) RETURNING id)
               INSERT INTO passkeys (id, user_id, credential_id, public_key, algorithm, sign_count, backup_eligible,
                                     backed_up, rp_id, created_at)
               SELECT gen_random_uuid(), id, '\\x01', '\\x02', -7, 0, false, false, 'example.org', now() FROM new";
    sqlx::query(sql).execute(&mut home.connect().await).await.unwrap();
    let checked = home.run(&["check", "--json"]);
    assert_eq!(worst(&checked, "passkeys"), "warn");
    assert!(
        checked.stdout.contains("1 are bound to another domain") && checked.stdout.contains("HEIRLOOM_PASSKEY_RP_ID")
    );
}

#[test]
fn a_wrong_or_missing_master_key_fails() {
    let home = Home::empty();
    home.run(&["keys", "list"]).done();
    assert_eq!(worst(&home.run(&["check", "--json"]), "master key"), "ok");
    assert!(!home.data_dir().join("postgres/data/postmaster.pid").exists(), "a Postgres that slept sleeps again");
    let kept = fs::read(home.data_dir().join("master.key")).unwrap();
    fs::remove_file(home.data_dir().join("master.key")).unwrap();
    assert_eq!(worst(&home.run(&["check", "--json"]), "master key"), "fail");
    assert!(!home.data_dir().join("master.key").exists(), "a check makes no key");
    fs::write(home.data_dir().join("master.key"), kept).unwrap();
    let open = home.run(&["check", "--json"]);
    assert!(open.stdout.contains("chmod 600 ") && worst(&open, "master key") == "fail", "{open:?}");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(home.data_dir().join("master.key"), private).unwrap();
    assert_eq!(worst(&home.run(&["check", "--json"]), "master key"), "ok");
    let home = home.with("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    let checked = home.run(&["check", "--json"]);
    assert_eq!(worst(&checked, "master key"), "fail");
    assert!(checked.stdout.contains("HEIRLOOM_MASTER_KEY_PREVIOUS"), "it says what to do");
}

/// F-57: the previous key may be removed once no app's secret needs it.
#[test]
fn secrets_of_apps_that_need_another_master_key_are_reported() {
    let what = "authenticator apps";
    let home = Home::empty();
    let user = r#"{"email":"a@example.com","totp_secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}"#;
    home.type_in(&["user", "import", "--format", "ndjson", "-"], user).done();
    assert_eq!(worst(&home.run(&["check", "--json"]), what), "ok");
    let old = fs::read_to_string(home.data_dir().join("master.key")).unwrap();
    let home = home.with("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    assert_eq!(worst(&home.run(&["check", "--json"]), what), "fail");
    let home = home.with("HEIRLOOM_MASTER_KEY_PREVIOUS", old.trim());
    assert_eq!(worst(&home.run(&["check", "--json"]), what), "warn");
}

/// U-30.
#[test]
fn providers_are_asked_for_their_documents() {
    let mut provider = StubProvider::start(ProviderKind::Oidc);
    let home = provider.options("OP").iter().fold(Home::empty(), |home, (name, value)| home.with(name, value));
    let checked = home.run(&["check", "--json"]);
    assert_eq!(verdicts(&checked)["provider"], ["ok"]);
    assert!(checked.stdout.contains("/auth/upstream/op/callback"), "{checked:?}");
    provider.down();
    assert_eq!(verdicts(&home.run(&["check", "--json"]))["provider"], ["fail"]);
}

#[test]
fn options_that_are_not_understood_have_a_line_each() {
    let home = Home::empty().with("HEIRLOOM_BIND", "everywhere").with("HEIRLOOM_ACCESS_TOKEN_TTL", "soon");
    let checked = home.run(&["check", "--json"]);
    assert_eq!(verdicts(&checked)["configuration"], ["fail", "fail"]);
    let text = home.run(&["check"]);
    assert_eq!(text.code, 1);
    assert!(text.stdout.starts_with("FAILED  configuration    HEIRLOOM_"), "{text:?}");
}

#[test]
fn a_failure_is_no_reason_to_stop() {
    let (nobody, nor_here) = (Port::reserve(), Port::reserve());
    let home = Home::empty()
        .with("DATABASE_URL", &format!("postgres://user:hunter2hunter2@{}/nothing", nobody.address()))
        .with("HEIRLOOM_DATABASE_URL_DIRECT", &format!("postgres://user:hunter2hunter2@{}/nothing", nor_here.address()))
        .with("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=")
        .with("HEIRLOOM_TRUSTED_PROXIES", "0.0.0.0/0")
        .with("HEIRLOOM_PUBLIC_URL", "http://auth.example.com")
        .with("HEIRLOOM_BIND", "192.0.2.1:8080")
        .with("HEIRLOOM_TRUSTED_PROXY", "10.0.0.1");
    let checked = home.run(&["check", "--json"]);
    let expected = [
        ("database", "fail"),
        ("direct database", "fail"),
        ("address", "fail"),
        ("proxies", "warn"),
        ("public URL", "warn"),
        ("configuration", "warn"),
    ];
    for (what, verdict) in expected {
        assert_eq!(worst(&checked, what), verdict, "{what}: {checked:?}");
    }
    assert!(checked.stdout.contains("HEIRLOOM_TRUSTED_PROXY is not an option"), "{checked:?}");
    assert!(!checked.stdout.contains("hunter2"), "{checked:?}");
}

/// What one instance revokes would not be heard by the others, and a stranger's database would be migrated.
#[tokio::test]
async fn both_ways_must_lead_to_one_database() {
    let home = Home::start().await;
    let ways = |direct: &str| {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";
        let ways = Home::empty().with("DATABASE_URL", &home.url_of("heirloom"));
        ways.with("HEIRLOOM_DATABASE_URL_DIRECT", &home.url_of(direct)).with("HEIRLOOM_MASTER_KEY", key)
    };
    let (right, wrong) = (ways("heirloom"), ways("postgres"));
    assert_eq!(worst(&right.run(&["check", "--json"]), "direct database"), "ok");
    assert_eq!(worst(&wrong.run(&["check", "--json"]), "direct database"), "fail");
    right.run(&["migrate"]).done();
    let refused = wrong.run(&["keys", "list"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("do both point to the same database"), "{refused:?}");
}

#[test]
fn an_address_in_use_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let home = Home::empty().with("HEIRLOOM_BIND", &address);
    let home = home.with("HEIRLOOM_PUBLIC_URL", &format!("http://{address}"));
    let checked = home.run(&["check", "--json"]);
    assert_eq!(worst(&checked, "address"), "ok");
    assert!(checked.stdout.contains(&format!("{address} is in use")), "{checked:?}");
}

/// A template of one's own that is broken is named by the check, and stops the start before anything else is done.
#[test]
fn a_broken_template_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::empty().with("HEIRLOOM_TEMPLATES_DIR", folder.path().to_str().unwrap());
    std::fs::write(folder.path().join("layout.html"), "{{ t(\"no-such-text\") }}").unwrap();
    let checked = home.run(&["check", "--json"]);
    assert_eq!(worst(&checked, "pages"), "fail");
    assert!(checked.stdout.contains("no-such-text"), "{checked:?}");

    std::fs::write(folder.path().join("layout.html"), "{% block").unwrap();
    let refused = home.run(&["serve"]).refused(1, "layout.html");
    assert!(!home.data_dir().exists() || std::fs::read_dir(home.data_dir()).unwrap().next().is_none(), "{refused:?}");
}

/// A-75: a file that TLS would need is looked for although the server offers no TLS, or is never reached.
#[test]
fn files_that_an_option_names_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let key = ("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    let nobody = Port::reserve();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let url = |query: &str| format!("postgres://user:hunter2hunter2@{}/db?{query}", nobody.address());
    for (option, query) in [
        ("DATABASE_URL", "sslrootcert=/nowhere/ca.pem".to_owned()),
        ("DATABASE_URL", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem".to_owned()),
        ("DATABASE_URL", format!("sslrootcert={}", empty.display())),
        ("DATABASE_URL", format!("sslrootcert={}", folder.path().display())),
        ("DATABASE_URL", "sslcert=/nowhere/cert.pem&sslkey=/nowhere/key.pem".to_owned()),
        ("HEIRLOOM_DATABASE_URL_DIRECT", "sslrootcert=/nowhere/ca.pem".to_owned()),
        ("HEIRLOOM_DATABASE_URL_OWNER", "sslrootcert=/nowhere/ca.pem".to_owned()),
    ] {
        let home = Home::empty().with(key.0, key.1).with("DATABASE_URL", &url("")).with(option, &url(&query));
        let checked = home.run(&["check", "--json"]);
        assert_eq!(worst(&checked, "configuration"), "fail", "{option} {query}");
        assert!(checked.stdout.contains(&format!("{option} names a file in `ssl")), "{checked:?}");
        assert!(!checked.stdout.contains("hunter2"), "{checked:?}");
        home.run(&["serve"]).refused(1, "names a file in `ssl");
    }
    let off = Home::empty().with(key.0, key.1).with("DATABASE_URL", &url("sslmode=disable&sslrootcert=/nowhere"));
    assert_eq!(worst(&off.run(&["check", "--json"]), "configuration"), "warn", "it is not used");
    let logo = Home::empty().with("HEIRLOOM_BRAND_LOGO", "/nowhere/logo.svg");
    assert_eq!(worst(&logo.run(&["check", "--json"]), "pages"), "fail");
}

/// The address of the metrics is tried as that of the server is.
#[test]
fn both_addresses_are_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let home = Home::empty().with("HEIRLOOM_METRICS_BIND", "192.0.2.1:9999");
    let checked = home.run(&["check", "--json"]);
    assert_eq!(worst(&checked, "address"), "fail");
    assert!(checked.stdout.contains("cannot listen on 192.0.2.1:9999"), "{checked:?}");
    assert!(checked.stdout.contains("HEIRLOOM_METRICS_BIND"), "{checked:?}");
    let home = Home::empty().with("HEIRLOOM_METRICS_BIND", &taken);
    assert!(home.run(&["check"]).stdout.contains(&format!("{taken} is in use")));
    let home = Home::empty().with("HEIRLOOM_METRICS_BIND", "127.0.0.1:0");
    assert_eq!(worst(&home.run(&["check", "--json"]), "address"), "ok");
}

fn are_we_root() -> bool {
    fs::metadata(tempfile::tempdir().unwrap().path()).unwrap().uid() == 0
}

/// A-78: by `check`, and at every start.
#[test]
fn a_safeguard_that_is_off_is_reported_each_time() {
    let home = Home::empty().with("HEIRLOOM_RATE_LIMIT", "off");
    let mut risks =
        vec![("rate limit", "HEIRLOOM_RATE_LIMIT is off"), ("configuration", "HEIRLOOM_INSECURE_FOR_TESTS is on")];
    if are_we_root() {
        risks.push(("account", "this process runs as root"));
    }
    let checked = home.run(&["check", "--json"]);
    let starts = [log_of_start(&home, &["serve"]), log_of_start(&home, &["serve"])];
    for (what, words) in &risks {
        assert!(found(&checked, what).contains(&format!("warn: {words}")), "{checked:?}");
        for log in &starts {
            let is_warning =
                |line: &str| line.contains("config.risk") && line.contains(*words) && line.contains("WARN");
            assert!(log.lines().any(is_warning), "{words}: {log}");
        }
    }
    let safe = Home::empty().with("HEIRLOOM_INSECURE_FOR_TESTS", "false").with("HEIRLOOM_BCRYPT_COST", "12");
    let log = log_of_start(&safe, &["serve"]);
    assert!(!log.contains("HEIRLOOM_RATE_LIMIT") && !log.contains("HEIRLOOM_INSECURE_FOR_TESTS"), "{log}");
}

/// A-74.
#[test]
fn the_data_folder_and_the_master_key_are_closed_to_other_users() {
    let home = Home::empty();
    let data = home.data_dir().join("new/data");
    let home = home.with("HEIRLOOM_DATA_DIR", data.to_str().unwrap());
    home.run(&["keys", "list"]).done();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    let key = data.join("master.key");
    // Root's Postgres runs under another account, which passes through the folder and reads nothing in it.
    let folder = if are_we_root() { 0o710 } else { 0o700 };
    assert_eq!((mode(&data), mode(&key)), (folder, 0o600));

    let set = |path: &Path, bits: u32| fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    for bits in [0o604, 0o640, 0o620, 0o644] {
        set(&key, bits);
        for command in [&["serve"][..], &["keys", "list"]] {
            home.run(command).refused(1, &format!("chmod 600 {}", key.display()));
        }
    }
    set(&key, 0o600);
    for bits in [0o770, 0o702] {
        set(&data, bits);
        for command in [&["serve"][..], &["keys", "list"]] {
            let refused = home.run(command);
            assert!(refused.code == 1 && refused.stderr.contains("chmod go-w "), "{refused:?}");
        }
    }
    set(&data, folder);
    home.run(&["keys", "list"]).done();
}
