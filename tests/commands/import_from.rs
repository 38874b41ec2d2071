//! `heirloom user import --from SYSTEM`: exports as ten systems write them, made up for these tests. Each holds the users
//! `ann`, `blocked`, `new` (whose address is not verified) and `none` (without a password); the password is "correct
//! horse".

use heirloom_testing::{Home, PASSWORD, Server};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

struct System {
    name: &'static str,
    file: &'static str,
    options: &'static [&'static str],
    /// Whether the export states which addresses are verified.
    knows_verification: bool,
    /// Codes of the report.
    reported: &'static [&'static str],
}

const fn system(name: &'static str, file: &'static str) -> System {
    System { name, file, options: &[], knows_verification: true, reported: &[] }
}

const SYSTEMS: [System; 10] = [
    System { options: &["--password-hashes", "auth0-hashes.ndjson"], ..system("auth0", "auth0.ndjson") },
    System {
        options: &["--firebase-hash-config", "firebase-hash-config.txt"],
        reported: &["missing"],
        ..system("firebase", "firebase.json")
    },
    System { reported: &["service_account", "not_moved", "not_moved"], ..system("keycloak", "keycloak.json") },
    System { reported: &["deleted_user"], ..system("supabase", "supabase.csv") },
    System { knows_verification: false, ..system("django", "django.json") },
    System { reported: &["deleted_user", "not_moved"], ..system("laravel", "laravel.csv") },
    System { reported: &["clear_text_password"], ..system("spring", "spring.csv") },
    System {
        knows_verification: false,
        reported: &["unknown_hash", "deleted_user"],
        ..system("wordpress", "wordpress.csv")
    },
    system("devise", "devise.csv"),
    system("better-auth", "better-auth.json"),
];

impl System {
    fn address(&self, name: &str) -> String {
        format!("{name}@{}.example", self.name)
    }

    /// A copy of a fixture whose users belong to this system alone.
    fn copy(&self, home: &Home, file: &str) -> String {
        let text = fs::read_to_string(Path::new("tests/fixtures/moving").join(file)).unwrap();
        let path = home.data_dir().join(file);
        fs::write(&path, text.replace("@example.com", &format!("@{}.example", self.name))).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Imports its export: the summary, and the report.
    fn import(&self, home: &Home, more: &[&str]) -> (Value, Vec<Value>) {
        let report = home.data_dir().join(format!("{}-report.ndjson", self.name));
        let mut arguments = vec!["user".to_owned(), "import".to_owned(), self.copy(home, self.file)];
        arguments.extend(["--from".to_owned(), self.name.to_owned(), "--json".to_owned()]);
        for pair in self.options.chunks(2) {
            arguments.extend([pair[0].to_owned(), self.copy(home, pair[1])]);
        }
        arguments.extend(["--report".to_owned(), report.to_str().unwrap().to_owned()]);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let ran = home.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let lines = fs::read_to_string(report).unwrap_or_default();
        assert!(!ran.stdout.is_empty(), "{}: {ran:?}", self.name);
        let summary = ran.json();
        assert_eq!(ran.code, i32::from(summary["refused"] != 0), "{}: {ran:?}", self.name);
        (summary, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

fn users(home: &Home) -> BTreeMap<String, Value> {
    let out = home.run(&["user", "export"]).done().stdout;
    let users = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    users.map(|user| (user["email"].as_str().unwrap().to_owned(), user)).collect()
}

fn codes(report: &[Value]) -> Vec<&str> {
    report.iter().map(|entry| entry["code"].as_str().unwrap()).collect()
}

/// S-74.
#[tokio::test]
async fn users_of_every_system_sign_in_as_before_and_blocked_ones_do_not() {
    let server = Server::start().await;
    let home = &server.home;
    for system in &SYSTEMS {
        let name = system.name;
        let (would, _) = system.import(home, &["--dry-run"]);
        assert_eq!((&would["imported"], &would["already_there"]), (&4.into(), &0.into()), "{name}: {would}");
        let (summary, report) = system.import(home, &[]);
        assert_eq!(summary["imported"], 4, "{name}: {summary} {report:?}");
        assert_eq!(codes(&report), system.reported, "{name}: {report:?}");
        assert!(report.iter().all(|entry| entry["line"].as_u64().unwrap() > 0));

        for user in ["ann", "new"] {
            let email = system.address(user);
            for wrong in ["correct hors", "correct horse ", ""] {
                assert!(server.sign_in(&email, wrong).await["access_token"].is_null(), "{email}, {wrong:?}");
            }
            let tokens = server.sign_in(&email, "correct horse").await;
            assert!(tokens["access_token"].is_string(), "{email}: {tokens}");
        }
        let blocked = server.sign_in(&system.address("blocked"), "correct horse").await;
        assert_eq!(blocked["code"], "account_blocked", "{name}: {blocked}");
        let none = system.address("none");
        for tried in ["", "!", "correct horse"] {
            assert!(server.sign_in(&none, tried).await["access_token"].is_null(), "{none}, {tried:?}");
        }
        home.type_in(&["user", "set-password", &none], &format!("{PASSWORD}\n")).done();
        assert!(server.sign_in(&none, PASSWORD).await["access_token"].is_string(), "{none}");

        let (again, _) = system.import(home, &[]);
        assert_eq!((&again["imported"], &again["already_there"]), (&0.into(), &4.into()), "{name}: {again}");
    }
    let users = users(home);
    assert_eq!(users.len(), 4 * SYSTEMS.len());
    for system in &SYSTEMS {
        let user = |name: &str| &users[&system.address(name)];
        assert_eq!(user("ann")["email_verified_at"].is_string(), system.knows_verification, "{}", user("ann"));
        assert!(user("new")["email_verified_at"].is_null(), "{}", user("new"));
        assert!(user("blocked")["blocked"] == true && user("blocked")["blocked_reason"].is_string());
        assert_eq!(user("ann")["roles"], serde_json::json!([]), "roles are not moved: {}", user("ann"));
    }
    assert_eq!(users["ann@keycloak.example"]["id"], "01a2088b-2b09-4b94-9abc-1df4ba0764a0");
    assert_eq!(users["blocked@keycloak.example"]["language"], "ko");
    assert_eq!(users["ann@firebase.example"]["claims"]["plan"], "pro");
    assert_eq!(users["ann@supabase.example"]["email_verified_at"], "2025-01-02T03:04:05.678901Z");
    assert_eq!(users["blocked@better-auth.example"]["blocked_reason"], "Spam");
    for user in ["django", "wordpress", "spring"].map(|system| format!("ann@{system}.example")) {
        assert!(users.contains_key(&user));
    }
}

#[tokio::test]
async fn a_user_whose_standing_is_not_stated_is_refused() {
    let home = Home::start().await;
    for (system, text, column) in [
        ("django", "email,password\na@example.com,!\n", "is_active"),
        ("spring", "username,password\na@example.com,\n", "enabled"),
    ] {
        let ran = home.type_in(&["user", "import", "-", "--format", "csv", "--from", system], text);
        assert_eq!((ran.code, ran.stdout.starts_with("Imported: 0.")), (1, true), "{ran:?}");
        assert!(ran.stderr.contains(&format!("line 2: {column}: is missing")), "{ran:?}");
    }
    let keycloak = r#"{"users": [{"email": "a@example.com"}, {"email": "b@example.com", "enabled": "maybe"}]}"#;
    let ran = home.type_in(&["user", "import", "-", "--format", "json", "--from", "keycloak"], keycloak);
    assert!(ran.stderr.contains("enabled: is missing") && ran.stderr.contains("enabled: must be true"), "{ran:?}");
    assert!(users(&home).is_empty());
}

/// Firebase without its parameters, Devise with a pepper: the users come, their passwords do not.
#[tokio::test]
async fn passwords_that_cannot_be_moved_are_reported_and_can_be_left_out() {
    let home = Home::start().await;
    let firebase = System { options: &[], reported: &[], ..system("firebase", "firebase.json") };
    let (summary, report) = firebase.import(&home, &[]);
    assert_eq!((&summary["imported"], &summary["refused"]), (&1.into(), &4.into()), "{summary}");
    assert_eq!(codes(&report).iter().filter(|code| **code == "hash_config_missing").count(), 3);

    let devise = system("devise", "devise.csv");
    let (summary, report) = devise.import(&home, &["--without-password-hashes"]);
    assert_eq!((&summary["imported"], &summary["refused"], &summary["noted"]), (&4.into(), &0.into(), &3.into()));
    assert_eq!(codes(&report), ["password_not_moved"; 3]);
    assert!(!home.run(&["user", "export", "--with-password-hashes"]).done().stdout.contains("$2a$"));
}

#[tokio::test]
async fn an_id_that_is_no_uuid_can_be_kept_as_a_claim() {
    let home = Home::start().await;
    system("auth0", "auth0.ndjson").import(&home, &["--old-id-claim", "auth0_id"]);
    assert_eq!(users(&home)["ann@auth0.example"]["claims"]["auth0_id"], "auth0|60425dc43519d90068f82973");
}
