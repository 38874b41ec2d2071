//! The rules of the code, as tests: allowed imports, where SQL and HTTP may be used, where a secret may leave its type.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "a test may fail loudly"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rooms, and which others each may import. `sign_in`, `me` and `admin` do not import each other.
const ROOMS: &[(&str, &[&str])] = &[
    ("audit", &[]),
    ("confirmations", &[]),
    ("guessing", &["audit"]),
    ("mail", &["confirmations"]),
    ("identity", &[]),
    ("passwords", &["identity"]),
    ("users", &["identity", "passwords", "audit", "guessing"]),
    ("factors", &["identity", "users", "passwords", "mail", "audit", "guessing"]),
    ("transfer", &["identity", "passwords", "factors", "upstream", "audit"]),
    ("keys", &["audit"]),
    ("upstream", &["identity", "users", "passwords", "audit", "mail"]),
    ("sessions", &["identity", "passwords", "upstream", "users", "factors", "keys", "mail", "audit", "guessing"]),
    (
        "lifecycle",
        &["sessions", "upstream", "factors", "identity", "passwords", "users", "confirmations", "mail", "audit"],
    ),
    (
        "sign_in",
        &[
            "lifecycle",
            "confirmations",
            "sessions",
            "upstream",
            "factors",
            "identity",
            "passwords",
            "users",
            "keys",
            "guessing",
            "audit",
        ],
    ),
    (
        "me",
        &[
            "lifecycle",
            "confirmations",
            "sessions",
            "upstream",
            "factors",
            "identity",
            "passwords",
            "users",
            "keys",
            "mail",
            "audit",
        ],
    ),
    (
        "admin",
        &[
            "lifecycle",
            "confirmations",
            "sessions",
            "upstream",
            "factors",
            "identity",
            "passwords",
            "users",
            "keys",
            "mail",
            "audit",
        ],
    ),
];

/// What belongs to no room, and may therefore import none. Each may import those before it.
const GROUND: &[&str] = &["kernel", "config", "postgres", "world", "work", "http", "pages", "openapi"];

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    /// `src/sessions/store/rotation.rs` → `sessions`.
    fn room(&self) -> &str {
        let below = self.path.strip_prefix("src").unwrap();
        below.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs")
    }

    /// The file without its test module, which may do as it likes.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap()
    }

    fn is_test(&self) -> bool {
        self.name() == "tests.rs"
    }

    /// `crate::<this>` of every import and path in the code.
    fn crate_paths(&self) -> Vec<String> {
        let code = self.code().replace('\n', " ");
        let mut found = Vec::new();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                found.extend(group_members(group));
            } else {
                found.push(path_of(rest));
            }
        }
        found
    }
}

/// The members of `a::b, c::{d, e}, f}` at its first level, as paths of at most two parts.
fn group_members(group: &str) -> Vec<String> {
    let (mut depth, mut member, mut members) = (0_i32, String::new(), Vec::new());
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(std::mem::take(&mut member)),
            _ if depth == 0 => member.push(character),
            _ => {}
        }
    }
    members.push(member);
    members.iter().map(|member| path_of(member.trim())).filter(|path| !path.is_empty()).collect()
}

fn path_of(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || "_:".contains(*character)).collect()
}

fn files() -> Vec<File> {
    fn walk(folder: &Path, found: &mut Vec<File>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(File { text: fs::read_to_string(&path).unwrap(), path });
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    assert!(found.len() > 50, "run from the repository's root");
    found
}

fn broken(rule: impl Fn(&File) -> Vec<String>) -> Vec<String> {
    let described =
        |file: &File| rule(file).into_iter().map(|what| format!("{}: {what}", file.path.display())).collect::<Vec<_>>();
    files().iter().flat_map(described).collect()
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let rule = |file: &File| {
        let room = file.room();
        let allowed: &[&str] = match ROOMS.iter().find(|(name, _)| *name == room) {
            Some((_, allowed)) => allowed,
            None if GROUND.contains(&room) => &[],
            // app, cli, lib and main know every room.
            None => return Vec::new(),
        };
        let is_room = |name: &str| ROOMS.iter().any(|(room, _)| *room == name) || matches!(name, "app" | "cli");
        let imported = file.crate_paths().into_iter().map(|path| path.split("::").next().unwrap().to_owned());
        imported.filter(|name| name != room && is_room(name) && !allowed.contains(&name.as_str())).collect()
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn the_ground_floor_imports_only_what_lies_below() {
    let rule = |file: &File| {
        let Some(level) = GROUND.iter().position(|name| *name == file.room()) else { return Vec::new() };
        let above = &GROUND[level + 1..];
        file.crate_paths().into_iter().filter(|path| above.contains(&path.split("::").next().unwrap())).collect()
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn nothing_reaches_past_its_parent() {
    let rule = |file: &File| {
        if file.code().contains("super::super") { vec!["super::super".to_owned()] } else { Vec::new() }
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

/// `templates/me/` is `src/me/`'s.
#[test]
fn a_room_renders_its_own_templates_only() {
    let rule = |file: &File| {
        let template = |text: &&str| Path::new(text).extension().is_some_and(|end| end == "html") && text.contains('/');
        let names = file.code().split('"').filter(template);
        let owner = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        // The page of the description is `openapi`'s, at `/docs`.
        let room = if file.room() == "openapi" { "docs" } else { file.room() };
        names.filter(|name| !file.is_test() && owner(name) != room).map(str::to_owned).collect()
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

/// So that it can be pointed at any server, and relies on nothing that only this one has.
#[test]
fn the_torture_kit_knows_the_server_through_http_only() {
    let manifest = fs::read_to_string("crates/heirloom-torture/Cargo.toml").unwrap();
    let names: Vec<&str> = manifest.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    assert!(names.contains(&"reqwest"), "the control: dependencies are found");
    let of_this_repository: Vec<&str> = manifest.lines().filter(|line| line.contains("path = ")).collect();
    assert_eq!(of_this_repository, [r#"heirloom-terminal = { path = "../heirloom-terminal" }"#]);
    let shared = fs::read_to_string("crates/heirloom-terminal/Cargo.toml").unwrap();
    assert_eq!(shared.matches("path = ").count(), 0, "what it shares with the server knows no server either");
}

#[test]
fn another_room_is_entered_through_its_door_only() {
    let inside = |path: &str, room: &str| {
        let mut parts = path.split("::");
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let is_room = ROOMS.iter().any(|(name, _)| *name == first);
        // `crate::sessions::store::x` goes past the door; `crate::sessions::Sessions::new` and `crate::audit::list` do not.
        let module = second.is_some_and(|second| second.chars().next().is_some_and(char::is_lowercase));
        is_room && first != room && module && third.is_some_and(|third| !third.is_empty())
    };
    let rule = |file: &File| file.crate_paths().into_iter().filter(|path| inside(path, file.room())).collect();
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn http_stands_at_the_edge_only() {
    let rule = |file: &File| {
        let edge = matches!(file.name(), "api.rs" | "pages.rs" | "extract.rs")
            || matches!(file.room(), "app" | "http" | "pages" | "openapi");
        if !edge && file.code().contains("actix_web") { vec!["actix_web".to_owned()] } else { Vec::new() }
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn sql_stands_in_stores_only() {
    let rule = |file: &File| {
        let store = file.name() == "store.rs" || file.path.components().any(|part| part.as_os_str() == "store");
        let allowed = store || file.room() == "postgres";
        if !allowed && file.code().contains("sqlx::query") { vec!["sqlx::query".to_owned()] } else { Vec::new() }
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn models_are_pure() {
    let rule = |file: &File| {
        let words = ["actix_web", "sqlx", "Clock", "async ", ".await"];
        let model = file.name() == "model.rs";
        words.iter().filter(|word| model && file.code().contains(**word)).map(|word| (*word).to_owned()).collect()
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn no_file_needs_500_lines() {
    let rule = |file: &File| {
        let lines = file.text.lines().count();
        if lines > 500 { vec![lines.to_string()] } else { Vec::new() }
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn a_secret_leaves_its_type_in_few_places() {
    const ALLOWED: &[&str] = &[
        // Passwords into the hash, hashes into the database, and out to an operator who asks for them.
        "src/passwords",
        "src/users/store.rs",
        "src/upstream/store.rs",
        // Recovery codes into the database; the secret of an app into its seal, and both to their user, once.
        "src/factors",
        "src/me/factors/api.rs",
        "src/sign_in/enrolment/pages.rs",
        // Of a registration that waits: into the database.
        "src/lifecycle/register.rs",
        "src/transfer/store.rs",
        "src/transfer/export.rs",
        // Tokens into the answer and the cookie; into their own reader in tests.
        "src/sessions/answer/api.rs",
        "src/sessions/api.rs",
        "src/sessions/service_tokens/api.rs",
        "src/sessions/token.rs",
        "src/sessions/token/tests.rs",
        "src/sessions/model/tests.rs",
        // The hash of users without a password, which is the same for all of them.
        "src/sessions/store/rotation.rs",
        "src/keys/access_token.rs",
        // The mail server's password, into the library that speaks with it.
        "src/mail/smtp.rs",
        "src/config/mail.rs",
    ];
    let rule = |file: &File| {
        let allowed = ALLOWED.iter().any(|allowed| file.path.starts_with(allowed));
        if !allowed && file.text.contains("reveal()") { vec!["reveal()".to_owned()] } else { Vec::new() }
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

#[test]
fn only_the_command_line_acts_as_an_operator() {
    let rule = |file: &File| {
        let is_at_it = matches!(file.room(), "cli" | "kernel");
        let claims = !is_at_it && file.text.contains("at_the_command_line");
        if claims { vec!["Operator::at_the_command_line".to_owned()] } else { Vec::new() }
    };
    assert_eq!(broken(rule), Vec::<String>::new());
}

/// C-37: a request of an administrator and the command line have the proofs, and nothing else creates one.
#[test]
fn what_an_administrator_does_takes_proof_of_one() {
    // What only reads.
    const READING: [&str; 2] = ["reads.rs", "overview.rs"];
    // S-86: what changes something needs proof that the session is fresh, too.
    let proofs = |file: &File| {
        let proof = if READING.contains(&file.name()) { ": &Admin" } else { ": &FreshAuthority" };
        [proof, ": Operator"]
    };
    let verbs = |file: &File| -> Vec<(String, bool)> {
        let is_verb = file.room() == "admin" && !matches!(file.name(), "api.rs" | "pages.rs");
        let functions = file.code().split("\npub async fn ").skip(1).filter(|_| is_verb);
        let heads = functions.map(|text| text.split('{').next().unwrap().to_owned());
        heads.map(|head| (head.clone(), proofs(file).iter().any(|proof| head.contains(proof)))).collect()
    };
    let all: Vec<_> = files().iter().flat_map(verbs).collect();
    assert!(all.len() >= 8, "the control: verbs are found");
    let open: Vec<_> = all.iter().filter(|(_, has_proof)| !has_proof).collect();
    assert_eq!(open, Vec::<&(String, bool)>::new());

    let read = |file: &str| fs::read_to_string(file).unwrap();
    let on_any_session = read("src/sessions/end.rs") + &read("src/sessions/everyone.rs");
    let by_email = read("src/lifecycle/invite.rs");
    for (text, verb, proof) in [
        (&on_any_session, "revoke", "by: &Authority"),
        (&on_any_session, "revoke_user", "by: &Authority"),
        (&on_any_session, "revoke_everyone", "by: &FreshAuthority"),
        (&by_email, "invite", "by: &Authority"),
        (&by_email, "invite_with_roles", "by: &FreshAuthority"),
    ] {
        let (_, rest) = text.split_once(&format!("pub async fn {verb}(")).unwrap();
        assert!(rest.split('{').next().unwrap().contains(proof), "{verb}");
    }
    let created = |file: &File| {
        let is_door = matches!(file.path.to_str().unwrap(), "src/sessions/extract.rs" | "src/sessions/authority.rs");
        let literals = [
            "Admin(SignedIn",
            "Admin(signed_in",
            "Admin(admin",
            "Authority(Caller",
            "Authority(operator",
            "FreshAuthority {",
        ];
        literals.iter().filter(|text| !is_door && file.code().contains(**text)).map(|text| (*text).to_owned()).collect()
    };
    assert_eq!(broken(created), Vec::<String>::new());
}

/// C-7: what holds a secret cannot be compared, or only in constant time.
#[test]
fn no_secret_is_compared_byte_by_byte() {
    const SECRETS: [(&str, &str); 8] = [
        ("src/sessions/token.rs", "RefreshToken"),
        ("src/sessions/token.rs", "Secret"),
        ("src/sessions/token.rs", "PresentedToken"),
        ("src/sessions/token.rs", "RetryKey"),
        ("src/passwords/password.rs", "Password"),
        ("src/kernel/secrets.rs", "MasterKey"),
        ("src/guessing/device.rs", "DeviceToken"),
        ("src/factors/totp.rs", "TotpSecret"),
    ];
    let read = |file: &str| fs::read_to_string(file).unwrap();
    for (file, name) in SECRETS {
        let text = read(file);
        let at = text.find(&format!("pub struct {name}")).unwrap();
        let attributes = text[..at].rsplit("\n\n").next().unwrap();
        let derived = attributes.lines().any(|line| line.starts_with("#[derive") && line.contains("PartialEq"));
        assert!(!derived && !text.contains(&format!("impl PartialEq for {name}")), "{file}: {name} can be compared");
    }
    let digest = read("src/kernel/digest.rs");
    let (_, comparison) = digest.split_once("impl PartialEq for Digest32").unwrap();
    assert!(comparison.split("\n}").next().unwrap().contains("constant_time::verify_slices_are_equal"));
}

/// C-6: random bytes come from the operating system, through one function.
#[test]
fn there_is_one_source_of_randomness() {
    let rule = |file: &File| {
        let sources = ["rand::fill", "fastrand", "thread_rng", "OsRng", "getrandom", "new_v4", "now_v7"];
        let is_door = file.path.ends_with("kernel/rng.rs");
        sources.iter().filter(|name| !is_door && file.code().contains(**name)).map(|name| (*name).to_owned()).collect()
    };
    assert_eq!(broken(rule), Vec::<String>::new());
    assert!(fs::read_to_string("src/kernel/rng.rs").unwrap().contains("aws_lc_rs::rand::fill"), "the control");
}

#[test]
fn nothing_is_left_to_do() {
    let rule = |file: &File| {
        let words = ["todo!(", "unimplemented!(", "TODO", "FIXME", "#[ignore"];
        words.iter().filter(|word| file.text.contains(**word)).map(|word| (*word).to_owned()).collect()
    };
    assert_eq!(broken(rule), Vec::<String>::new());
    assert!(files().iter().any(File::is_test));
}
