//! From which files options are read, and from which not.

use heirloom_testing::{Home, Ran};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// A wrong option: whether it is read shows in the refusal.
const WRONG: &str = "HEIRLOOM_SESSION_IDLE_TTL=soon\n";

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn check(home: &Home, arguments: &[&str]) -> Ran {
    let arguments: Vec<_> = ["check", "--json"].iter().chain(arguments).copied().collect();
    home.run(&arguments)
}

#[test]
fn options_are_read_from_the_current_folder_or_the_file_that_is_named_and_from_nowhere_else() {
    let home = Home::empty();
    write(&home.folder().join(".env"), WRONG, 0o600);
    assert!(check(&home, &[]).stdout.contains("HEIRLOOM_SESSION_IDLE_TTL="));
    // Whoever may write to a folder above must not decide.
    let below = home.folder().join("below");
    fs::create_dir(&below).unwrap();
    let ran = Ran::of(home.command(&["check", "--json"]).current_dir(&below), "");
    assert!(!ran.stdout.contains("HEIRLOOM_SESSION_IDLE_TTL="), "{ran:?}");

    let named = below.join("heirloom.env");
    write(&named, "HEIRLOOM_ACCESS_TOKEN_TTL=soon\n", 0o640);
    let ran = check(&home, &["--env-file", named.to_str().unwrap()]);
    assert!(ran.stdout.contains("HEIRLOOM_ACCESS_TOKEN_TTL=") && !ran.stdout.contains("IDLE_TTL="), "{ran:?}");
    let ran = check(&home, &["--env-file", "missing.env"]);
    assert!(ran.code == 1 && ran.stdout.contains("missing.env cannot be read"), "{ran:?}");
}

#[test]
fn a_file_that_other_users_may_write_is_refused_with_the_command_that_corrects_it() {
    let home = Home::empty();
    for mode in [0o622, 0o666, 0o660, 0o602] {
        write(&home.folder().join(".env"), "HEIRLOOM_PG_BIN=/tmp/planted\n", mode);
        let ran = check(&home, &[]);
        assert!(ran.code == 1 && ran.stdout.contains("chmod go-w .env"), "{mode:o}: {ran:?}");
        home.run(&["serve"]).refused(1, "chmod go-w .env");
    }
    write(&home.folder().join(".env"), "HEIRLOOM_REGISTRATION=closed\n", 0o644);
    assert_eq!(check(&home, &[]).code, 0);
}

/// A file of another user: planted, or mounted by mistake. Only root can make one.
#[test]
fn a_file_of_another_user_is_refused() {
    let home = Home::empty();
    let path = home.folder().join(".env");
    write(&path, "HEIRLOOM_REGISTRATION=closed\n", 0o600);
    if std::os::unix::fs::chown(&path, Some(65534), None).is_err() {
        return;
    }
    let ran = check(&home, &[]);
    assert!(ran.code == 1 && ran.stdout.contains("belongs to another user (id 65534)"), "{ran:?}");
}

#[test]
fn what_does_not_parse_is_named_by_line_and_option_and_not_repeated() {
    let home = Home::empty();
    for (text, expected) in [
        (
            "# a comment with a $\n\nHEIRLOOM_SMTP_URL=\"smtp://u:hunter2$x@h\"\n",
            ".env line 3: the value of HEIRLOOM_SMTP_URL has a $",
        ),
        ("HEIRLOOM_SMTP_URL=smtp://u:hunter2$x@h\n", ".env line 1: the value of HEIRLOOM_SMTP_URL has a $"),
        ("A=b\nHEIRLOOM_MASTER_KEY=hunter2 and more\n", ".env line 2: HEIRLOOM_MASTER_KEY cannot be read"),
        ("A=b\n\nHEIRLOOM_AUDIENCE=\"hunter2\n", ".env line 3: HEIRLOOM_AUDIENCE cannot be read"),
        ("hunter2\n", ".env line 1: the option there cannot be read"),
    ] {
        write(&home.folder().join(".env"), text, 0o600);
        let ran = check(&home, &[]);
        assert!(ran.code == 1 && ran.stdout.contains(expected), "{text}: {ran:?}");
        assert!(!ran.stdout.contains("hunter2"), "{text}: {ran:?}");
    }
    fs::write(home.folder().join(".env"), b"A=b\nHEIRLOOM_BRAND_NAME=B\xfccher hunter2\n").unwrap();
    let ran = check(&home, &[]);
    assert!(ran.stdout.contains(".env line 2: HEIRLOOM_BRAND_NAME is not in UTF-8"), "{ran:?}");
    assert!(!ran.stdout.contains("hunter2"), "{ran:?}");
    let good = "\u{feff}HEIRLOOM_BRAND_NAME='a $ b' # costs $\r\nexport HEIRLOOM_REGISTRATION=closed\n";
    write(&home.folder().join(".env"), good, 0o600);
    assert_eq!(check(&home, &[]).code, 0);
}
