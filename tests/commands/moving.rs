//! Users who come from another system, or go to one.

use heirloom_testing::{Home, PASSWORD, Server, eventually};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

/// All of "correct horse": bcrypt by libxcrypt, Argon2 by the reference implementation, scrypt by Python, PBKDF2 by Python and
/// by Django.
const FOREIGN: [(&str, &str); 5] = [
    ("bcrypt", "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    ("argon2", "$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISeK/m9DFKmAc7uq5Y"),
    ("scrypt", "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNsdA$pm8pKHMuzBMnzWjY+J2K8bOo4zfV05STJL8ONhhN0II"),
    ("pbkdf2", "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNsdA$c5QUhhzJnj7wFB9c2d0a39fA2UDUysXCg74o4Wch4QE"),
    ("django", "pbkdf2_sha256$1000$seasalt2020$xIruHEjBa/YUGstLZVgpR19dgp3Rdb0G8JSGW9gxAHI="),
];

trait Moving {
    /// A new file with this text in the data directory.
    fn file(&self, name: &str, text: &str) -> PathBuf;
    /// Imports a text, and returns the report.
    fn import(&self, name: &str, text: &str, code: i32) -> Value;
    /// All that an export holds.
    fn people(&self) -> Vec<Value>;
    /// What it holds of one user.
    fn person(&self, email: &str) -> Value;
}

impl Moving for Home {
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.data_dir().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, name: &str, text: &str, code: i32) -> Value {
        let path = self.file(name, text);
        let ran = self.run(&["user", "import", path.to_str().unwrap(), "--json"]);
        assert_eq!(ran.code, code, "{ran:?}");
        ran.json()
    }

    fn people(&self) -> Vec<Value> {
        let out = self.run(&["user", "export", "--with-password-hashes"]).done().stdout;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn person(&self, email: &str) -> Value {
        self.people().into_iter().find(|user| user["email"] == email).unwrap()
    }
}

fn summary(imported: u64, already_there: u64, refused: u64, last_line: u64) -> Value {
    json!({
        "dry_run": false, "complete": true, "imported": imported, "already_there": already_there, "refused": refused,
        "noted": 0, "last_line": last_line,
    })
}

/// S-74.
#[tokio::test]
async fn a_user_with_a_foreign_hash_signs_in_as_before_and_gets_one_of_ours() {
    let server = Server::start().await;
    let home = &server.home;
    let rows = FOREIGN.map(|(name, hash)| json!({ "email": format!("{name}@example.com"), "password_hash": hash }));
    let rows = rows.map(|row| row.to_string()).join("\n");
    assert_eq!(home.import("people.ndjson", &rows, 0), summary(5, 0, 0, 5));
    assert_eq!(home.people().iter().map(|user| &user["password_hash"]).collect::<Vec<_>>().len(), 5);

    for (name, hash) in FOREIGN {
        let email = format!("{name}@example.com");
        for wrong in ["correct hors", "correct horse ", hash] {
            assert!(server.sign_in(&email, wrong).await["access_token"].is_null(), "{name}, {wrong:?}");
        }
        let tokens = server.sign_in(&email, "correct horse").await;
        assert!(tokens["access_token"].is_string(), "{name}: {tokens}");
    }
    for user in home.people() {
        let hash = user["password_hash"].as_str().unwrap();
        assert!(hash.starts_with("$heirloom-v1$2b$04$"), "{user}");
    }
    for (name, _) in FOREIGN {
        assert!(server.sign_in(&format!("{name}@example.com"), "correct horse").await["access_token"].is_string());
    }
}

/// S-74: who signs in with another provider goes on doing so; nobody gets the identity of another user.
#[tokio::test]
async fn identities_at_other_providers_move_and_stay_with_their_users() {
    let (home, other) = (Home::start().await, Home::start().await);
    let kakao = |subject: &str| {
        json!({ "issuer": "https://kauth.kakao.com", "subject": subject, "provider": "kakao",
                "email": "ann@kakao.example", "created_at": "2024-01-02T03:04:05Z" })
    };
    let google = json!({ "issuer": "https://accounts.google.com", "subject": "g-1", "provider": "google" });
    let row = |email: &str, identities: Value| json!({ "email": email, "identities": identities }).to_string();
    let rows = [
        row("ann@example.com", json!([kakao("1001"), google])),
        row("ben@example.com", json!([kakao("1002")])),
        // Ann's.
        row("eve@example.com", json!([kakao("1001")])),
        row("sue@example.com", json!([{ "issuer": "i", "subject": "s", "provider": "Not A Name" }])),
    ];
    assert_eq!(home.import("people.ndjson", &rows.join("\n"), 1), summary(2, 0, 2, 4));
    assert_eq!(home.import("again.ndjson", &rows[..2].join("\n"), 0), summary(0, 2, 0, 2));
    // As any user who is there already.
    let thief = row("eve@example.com", json!([kakao("1002")]));
    let path = home.file("thief.ndjson", &thief);
    for more in [&[][..], &["--dry-run"]] {
        let arguments = [&["user", "import", path.to_str().unwrap()], more].concat();
        let ran = home.run(&arguments).expect(1);
        assert!(ran.stderr.contains("one of them opens the account of another user"), "{ran:?}");
    }
    assert_eq!(home.people().len(), 2);
    let (ann, mut expected) = (home.person("ann@example.com"), kakao("1001"));
    assert_eq!(ann["identities"][0], expected);
    assert_eq!(ann["identities"][1]["created_at"], ann["created_at"], "connected with the account");
    expected["subject"] = json!("1002");
    assert_eq!(home.person("ben@example.com")["identities"], json!([expected]));

    let whole = home.run(&["user", "export"]).done().stdout;
    assert_eq!(other.import("people.ndjson", &whole, 0), summary(2, 0, 0, 2));
    assert_eq!(other.run(&["user", "export"]).done().stdout, whole);
    let csv = "email,identities\ncsv@example.com,\"[{\"\"issuer\"\":\"\"i\"\",\"\"subject\"\":\"\"s\"\",\"\"provider\"\":\"\"p\"\"}]\"\n";
    assert_eq!(other.import("people.csv", csv, 0), summary(1, 0, 0, 2));
    assert_eq!(other.person("csv@example.com")["identities"][0]["subject"], "s");
}

/// U-43.
#[tokio::test]
async fn an_operator_sees_a_users_identities_and_disconnects_them() {
    let home = Home::start().await;
    let identity = json!({ "issuer": "i", "subject": "s-1", "provider": "kakao", "email": "ann@kakao.example" });
    home.import("people.ndjson", &json!({ "email": "ann@example.com", "identities": [identity] }).to_string(), 0);
    let shown = home.json(&["user", "identities", "ann@example.com"]);
    assert_eq!((&shown["items"][0]["provider"], &shown["items"][1]), (&json!("kakao"), &Value::Null));
    assert!(home.run(&["user", "identities", "ann@example.com"]).done().stdout.contains("ann@kakao.example"));
    let all: Value =
        serde_json::from_str(&home.run(&["user", "show", "ann@example.com", "--all"]).done().stdout).unwrap();
    assert_eq!(all["identities"], shown["items"]);
    home.run(&["user", "unlink", "ann@example.com", "naver"]).refused(1, "is not connected to a provider named naver");
    home.run(&["user", "unlink", "nobody@example.com", "kakao"]).refused(1, "there is no user");
    let done = home.run(&["user", "unlink", "ann@example.com", "KAKAO"]).done().stdout;
    assert_eq!(done, "The user is disconnected from KAKAO. Sessions revoked: 0.\n");
    assert_eq!(home.json(&["user", "identities", "ann@example.com"]), json!({ "items": [] }));
    assert!(home.run(&["audit", "export"]).done().stdout.contains("removed_by_admin"));
}

/// F-42: the codes of the app go on; the file of another server opens them, the database does not.
#[tokio::test]
async fn the_app_of_a_user_who_moves_goes_on_and_its_secret_leaves_only_if_asked_for() {
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let (server, other) = (Server::start().await, Home::start().await);
    let home = &server.home;
    let rows = format!(
        "email,password_hash,totp_secret\na@example.com,\"{hash}\",gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n\
         b@example.com,\"{hash}\",\nc@example.com,,SENTINEL\n",
        hash = FOREIGN[1].1
    );
    assert_eq!(home.import("people.csv", &rows, 1), summary(2, 0, 1, 4));
    assert_eq!(server.sign_in("a@example.com", "correct horse").await["code"], "second_factor_required");
    assert!(server.sign_in("b@example.com", "correct horse").await["access_token"].is_string());
    let shown = home.json(&["user", "factors", "a@example.com"]);
    assert_eq!((&shown["totp"], &shown["recovery_codes_left"]), (&json!(true), &json!(0)));
    assert!(home.run(&["user", "factors", "b@example.com"]).done().stdout.starts_with("authenticator app   no\n"));

    for without in [&["user", "export"][..], &["user", "export", "--with-password-hashes"]] {
        let out = home.run(without).done().stdout;
        assert!(!out.contains("totp") && !out.contains(SECRET), "{out}");
    }
    let whole = home.run(&["user", "export", "--with-totp-secrets"]).done().stdout;
    assert!(whole.contains(SECRET) && !whole.contains("password_hash"), "{whole}");
    assert_eq!(other.import("people.ndjson", &whole, 0), summary(2, 0, 0, 2));
    assert_eq!(other.run(&["user", "export", "--with-totp-secrets"]).done().stdout, whole);
    let events = other.run(&["audit", "export"]).done().stdout;
    assert!(events.contains("\"with_totp_secrets\":true") && !events.contains(SECRET), "{events}");

    assert_eq!(home.json(&["user", "reset-factors", "a@example.com"]), json!({ "removed": 1 }));
    assert!(server.sign_in("a@example.com", "correct horse").await["access_token"].is_string());
    let again = home.run(&["user", "reset-factors", "a@example.com"]).done().stdout;
    assert_eq!(again, "The user has no second factor. Nothing was changed.\n");
    home.run(&["user", "reset-factors", "nobody@example.com"]).refused(1, "there is no user");
}

#[tokio::test]
async fn a_user_without_a_password_cannot_sign_in_and_blocked_users_stay_blocked() {
    let server = Server::start().await;
    let home = &server.home;
    let rows = "email,password_hash,blocked,blocked_reason\n\
                new@example.com,,,\n\
                bad@example.com,$argon2id$v=19$m=1024;t=2;p=1,,\n";
    let blocked = format!("spam@example.com,\"{}\",true,spam\n", FOREIGN[1].1);
    assert_eq!(home.import("people.csv", &format!("{rows}{blocked}"), 1), summary(2, 0, 1, 4));
    for tried in ["", "!", PASSWORD] {
        assert!(server.sign_in("new@example.com", tried).await["access_token"].is_null());
    }
    home.type_in(&["user", "set-password", "new@example.com"], &format!("{PASSWORD}\n")).done();
    assert!(server.sign_in("new@example.com", PASSWORD).await["access_token"].is_string());
    assert_eq!(server.sign_in("spam@example.com", "correct horse").await["code"], "account_blocked");
    assert_eq!(home.json(&["user", "show", "spam@example.com"])["user"]["blocked_reason"], "spam");
}

#[tokio::test]
async fn bad_rows_are_reported_without_their_content_and_stop_no_other_row() {
    let home = Home::start().await;
    let text = "{\"email\":\"a@example.com\",\"name\":\"Ann\"}\n\
                {\"email\":\"b@example.com\",\"password\":\"SENTINEL\"}\n\
                {\"email\":\"b@example.com\",\"password_hash\":\"SENTINEL\"}\n\
                SENTINEL\n\
                {\"email\":\"A@EXAMPLE.com\",\"name\":\"Another\",\"roles\":[\"admin\"]}\n\
                {\"email\":\"z@example.com\"}\n";
    let (people, report) = (home.file("people.jsonl", text), home.data_dir().join("report.ndjson"));
    let (people, report) = (people.to_str().unwrap(), report.to_str().unwrap());
    let ran = home.run(&["user", "import", people, "--report", report]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert_eq!(ran.stdout, "Imported: 2. Already there: 0. Refused: 4. Last line: 6.\n");
    let written = fs::read_to_string(report).unwrap();
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused: Vec<_> =
        lines.iter().map(|line| (line["line"].as_u64().unwrap(), line["code"].as_str().unwrap())).collect();
    assert_eq!(refused, [(2, "unknown_field"), (3, "unknown_hash"), (4, "not_json"), (5, "duplicate_address")]);
    assert_eq!(fs::metadata(report).unwrap().permissions().mode() & 0o777, 0o600);

    let again = home.run(&["user", "import", people]);
    assert_eq!(again.stdout, "Imported: 0. Already there: 2. Refused: 4. Last line: 6.\n");
    assert_eq!(again.stderr.lines().count(), 4, "{again:?}");
    for text in [&written, &again.stderr, &again.stdout] {
        assert!(!text.contains("SENTINEL"), "{text}");
    }
    let shown = home.json(&["user", "show", "a@example.com"]);
    assert_eq!((&shown["user"]["name"], &shown["user"]["roles"]), (&json!("Ann"), &json!([])), "the first one stays");
}

#[tokio::test]
async fn what_leaves_comes_back_the_same_and_is_in_the_audit_log() {
    let (one, two) = (Home::start().await, Home::start().await);
    one.add("root@example.com", &["--admin", "--name", "=cmd|' /C calc'!A0"]);
    one.add("ann@example.com", &[]);
    one.run(&["user", "block", "ann@example.com", "--reason", "asked for it"]).done();
    one.run(&["user", "grant", "ann@example.com", "editor"]).done();
    one.import("more.ndjson", "{\"email\":\"new@example.com\",\"claims\":{\"plan\":[1,null]},\"language\":\"ko\"}", 0);
    let people = one.people();
    assert_eq!(people.len(), 3);

    let bare = one.run(&["user", "export"]).done().stdout;
    assert!(bare.lines().count() == 3 && !bare.contains("password_hash") && !bare.contains("$2b$"), "{bare}");
    let whole = one.run(&["user", "export", "--with-password-hashes"]).done().stdout;
    assert_eq!(two.import("people.ndjson", &whole, 0), summary(3, 0, 0, 3));
    assert_eq!(two.people(), people);
    assert_eq!(two.import("people.ndjson", &whole, 0), summary(0, 3, 0, 3));

    let events = two.run(&["audit", "export"]).done().stdout;
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>();
    let imported = of("users_imported");
    assert_eq!(imported.len(), 1, "an import that adds no user is not recorded");
    assert_eq!(imported[0]["details"], json!({ "users": 3, "first_line": 1, "last_line": 3 }));
    assert_eq!(of("users_exported")[0]["details"], json!({ "with_password_hashes": true, "with_totp_secrets": false }));
    assert_eq!(two.json(&["audit", "verify"])["ok"], true);

    // A reader that stops reading (`| head`) is not an error.
    let mut command = one.command(&["user", "export"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn a_dry_run_reports_what_an_import_would_do_and_changes_nothing() {
    let home = Home::start().await;
    let people = home.file("people.ndjson", "{\"email\":\"a@example.com\"}\n{}\n");
    let ran = home.run(&["user", "import", people.to_str().unwrap(), "--dry-run"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "line 2: email: is missing\n"));
    assert_eq!(ran.stdout, "Good rows: 1. Already there: 0. Refused: 1. Last line: 2.\n");
    assert_eq!(home.people(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_missing_file_or_an_unknown_form_is_reported() {
    let home = Home::start().await;
    let folder = home.data_dir().to_str().unwrap();
    home.run(&["user", "import", folder]).refused(1, "is a directory");
    home.run(&["user", "import", "missing.csv"]).refused(1, "missing.csv: No such file");
    let nameless = home.file("people", "");
    home.run(&["user", "import", nameless.to_str().unwrap()]).refused(1, "name the --format");
    home.type_in(&["user", "import", "-"], "").refused(1, "name the --format");
    home.type_in(&["user", "import", "-", "--format", "csv"], "email,pasword_hash\n")
        .refused(1, "there is no field pasword_hash");
    home.type_in(&["user", "import", "-", "--format", "ndjson", "--report", "/nowhere/report"], "")
        .refused(1, "--report: /nowhere/report");
    let people = home.file("people.ndjson", "{\"email\":\"a@example.com\"}\n");
    let people = people.to_str().unwrap();
    home.run(&["user", "import", people, "--report", people]).refused(1, "is the file being imported");
    assert!(!fs::read_to_string(people).unwrap().is_empty(), "and it is as it was");
    let piped = home.type_in(&["user", "import", "-", "--format", "ndjson", "--json"], "{\"email\":\"a@example.com\"}");
    assert_eq!(piped.done().json(), summary(1, 0, 0, 1));
}

/// The first row with an address or an id is imported, and the others are reported; an identical one is a repetition.
#[tokio::test]
async fn collisions_inside_the_file_and_with_existing_users_are_reported_by_line() {
    let home = Home::start().await;
    let (one, two, three) = (
        "01a2088b-2b09-7b94-9abc-1df4ba0764a1",
        "01a2088b-2b09-7b94-9abc-1df4ba0764a2",
        "01a2088b-2b09-7b94-9abc-1df4ba0764a3",
    );
    let row = |id: &str, email: &str| json!({ "id": id, "email": email }).to_string();
    let first =
        [row(one, "p1@x.example"), row(one, "p2@x.example"), row(two, "P3@x.example"), row(three, "p3@X.example")];
    let first = [&first[..], &[row(one, "p1@x.example")]].concat().join("\n");
    let users = home.file("users.ndjson", &first);
    let dry = home.run(&["user", "import", users.to_str().unwrap(), "--dry-run"]);
    assert_eq!((dry.code, dry.stdout.as_str()), (1, "Good rows: 2. Already there: 1. Refused: 2. Last line: 5.\n"));
    assert_eq!(home.people(), Vec::<Value>::new());
    let ran = home.run(&["user", "import", users.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "Imported: 2. Already there: 1. Refused: 2. Last line: 5.\n"));
    assert!(ran.stderr.contains("line 2: id: is also that of line 1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 4: email: is also that of line 3"), "{}", ran.stderr);

    // Now against the database: another id with a known address, a known id with another address, and a user as it is.
    let second = [row(three, "P1@x.example"), row(one, "other@x.example"), row(two, "p3@x.example")];
    let second = second.join("\n");
    let (users, report) = (home.file("more.ndjson", &second), home.data_dir().join("report.ndjson"));
    for dry_run in [&["--dry-run"][..], &[]] {
        let arguments = ["user", "import", users.to_str().unwrap(), "--json", "--report", report.to_str().unwrap()];
        let ran = home.run(&[&arguments[..], dry_run].concat());
        let counts = ran.json();
        let counts = ["imported", "already_there", "refused"].map(|name| counts[name].as_u64().unwrap());
        assert_eq!((ran.code, counts), (1, [0, 1, 2]), "{ran:?}");
        let written = fs::read_to_string(&report).unwrap();
        let entries = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let entries: Vec<_> = entries.map(|entry| (entry["line"].clone(), entry["code"].clone())).collect();
        let expected = [(1, "address_taken"), (2, "id_taken"), (3, "already_there")];
        assert_eq!(entries, expected.map(|(line, code)| (json!(line), json!(code))));
    }
    assert_eq!(home.people().len(), 2);
}

/// L-52, L-38: also of a row with an identity. Once the change cannot be undone any more, the same file adds the rest.
#[tokio::test]
async fn a_row_whose_address_is_reserved_is_refused_by_line() {
    const RESERVE: &str =
        "INSERT INTO confirmations (id, purpose, user_id, email, created_at, expires_at, looked_up_at)
        SELECT gen_random_uuid(), 'undo_email_change', users.id, old.email, now(), now() + interval '7 days', now()
        FROM users, unnest('{old@example.com,older@example.com}'::text[]) AS old (email)";
    const EXPIRE: &str = "UPDATE confirmations SET expires_at = now()";
    let home = Home::start().await;
    home.add("new@example.com", &[]);
    sqlx::query(RESERVE).execute(&mut home.connect().await).await.unwrap();
    let identity = json!({ "issuer": "https://op.example", "subject": "1", "provider": "op" });
    let rows = [
        json!({ "email": "Old@example.com" }),
        json!({ "email": "older@example.com", "identities": [identity] }),
        json!({ "email": "other@example.com" }),
    ];
    let text = rows.map(|row| row.to_string()).join("\n");
    let (users, report) = (home.file("users.ndjson", &text), home.data_dir().join("report.ndjson"));
    let import = ["user", "import", users.to_str().unwrap()];
    for (more, imported) in [(&["--dry-run"][..], 1), (&[][..], 1), (&["--dry-run"][..], 0), (&[][..], 0)] {
        let ran = home.run(&[&import[..], more, &["--json", "--report", report.to_str().unwrap()]].concat());
        let counts = ran.json();
        let counts = ["imported", "already_there", "refused"].map(|name| counts[name].as_u64().unwrap());
        assert_eq!((ran.code, counts), (1, [imported, 1 - imported, 2]), "{ran:?}");
        let written = fs::read_to_string(&report).unwrap();
        let refused = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let refused: Vec<_> = refused.filter(|entry| entry["code"] == "address_reserved").collect();
        assert_eq!(refused.iter().map(|entry| &entry["line"]).collect::<Vec<_>>(), [1, 2], "{written}");
    }
    for more in [&["--dry-run"][..], &[]] {
        let ran = home.run(&[&import[..], more].concat()).expect(1);
        assert!(ran.stderr.contains("line 1: email: this address is reserved until 2"), "{ran:?}");
    }
    assert_eq!(home.people().len(), 2);

    sqlx::query(EXPIRE).execute(&mut home.connect().await).await.unwrap();
    assert_eq!(home.import("users.ndjson", &text, 0), summary(2, 1, 0, 3));
    assert_eq!(home.person("older@example.com")["identities"][0]["subject"], "1");
}

#[tokio::test]
async fn a_name_that_must_be_changed_is_noted_and_the_user_imported() {
    let home = Home::start().await;
    let users = home.file("users.csv", "\u{feff}Email;Name;Blocked\r\na@example.com;\"Ann\u{202e} Example\";f\r\n");
    let ran = home.run(&["user", "import", users.to_str().unwrap()]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stdout, "Imported: 1. Already there: 0. Refused: 0. Notes: 1. Last line: 2.\n");
    assert!(ran.stderr.starts_with("line 2: name: "), "{ran:?}");
    assert_eq!(home.json(&["user", "show", "a@example.com"])["user"]["name"], "Ann Example");
}

/// SIGTERM comes while more is awaited: what was read is there, and the same file goes on.
#[tokio::test]
async fn an_import_that_is_stopped_goes_on_with_the_same_command() {
    let home = Home::start().await;
    home.run(&["migrate"]).done();
    let rows: Vec<String> = (0..1_500).map(|number| format!("{{\"email\":\"p{number}@example.com\"}}\n")).collect();
    let mut command = home.command(&["user", "import", "-", "--format", "ndjson"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(rows[..1_200].concat().as_bytes()).unwrap();
    eventually("1,000 rows are imported", async || home.people().len() >= 1_000).await;
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    drop(input);
    assert_eq!(ended.status.code(), Some(1));
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert!(out.contains("Imported: 1000.") && out.contains("The same command goes on"), "{out}");
    assert!(err.contains("stopped after line 1000"), "{err}");
    assert_eq!(home.import("people.ndjson", &rows.concat(), 0), summary(500, 1_000, 0, 1_500));
}

#[tokio::test]
async fn two_concurrent_imports_of_the_same_users_add_each_once() {
    let home = Home::start().await;
    home.run(&["migrate"]).done();
    let rows: Vec<String> = (0..3_000).map(|number| format!("{{\"email\":\"p{number}@example.com\"}}\n")).collect();
    let backwards: String = rows.iter().rev().map(String::as_str).collect();
    let files = [home.file("one.ndjson", &rows.concat()), home.file("two.ndjson", &backwards)];
    let importing: Vec<_> = files
        .iter()
        .map(|file| {
            let mut command = home.command(&["user", "import", file.to_str().unwrap(), "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut imported = 0;
    for child in importing {
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let counts: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(counts["imported"].as_u64().unwrap() + counts["already_there"].as_u64().unwrap(), 3_000);
        imported += counts["imported"].as_u64().unwrap();
    }
    assert_eq!((imported, home.people().len()), (3_000, 3_000));
}
