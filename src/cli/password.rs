use super::error::CliError;
use crate::passwords::Password;
use std::io::{self, BufRead, IsTerminal};
use zeroize::Zeroizing;

/// Bytes of standard input to read for a password: more than the longest password has.
const LIMIT: usize = 16 * 1024;

/// A new password: prompted for twice at a terminal, without echo; otherwise the first line of standard input. Never an
/// argument, which every process on the machine could read.
pub fn read_new() -> Result<Password, CliError> {
    let typed = if io::stdin().is_terminal() { ask_twice()? } else { first_line(io::stdin().lock())? };
    Password::parse_new(&typed).map_err(|refused| CliError::Refused(refused.to_string()))
}

fn ask_twice() -> Result<Zeroizing<String>, CliError> {
    let ask = |prompt| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(CliError::Input);
    let first = ask("New password: ")?;
    if *first == *ask("Repeat the password: ")? {
        return Ok(first);
    }
    Err(CliError::Refused("the passwords do not match".to_owned()))
}

/// The line without its line break, in a buffer that never grows: growing would leave copies that are not wiped.
fn first_line(input: impl BufRead) -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::with_capacity(LIMIT));
    let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX);
    if input.take(limit).read_line(&mut line).map_err(CliError::Input)? == 0 {
        let message = "no password on standard input: pipe in one line, as in `printf '%s\\n' \"$PASSWORD\" | heirloom user add …`";
        return Err(CliError::Refused(message.to_owned()));
    }
    let kept = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(kept);
    Ok(line)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_password_is_the_first_line_and_keeps_its_spaces() {
        for (typed, read) in [
            ("secret\n", "secret"),
            ("secret", "secret"),
            ("secret\r\n", "secret"),
            (" two words \nmore\n", " two words "),
            ("\n", ""),
        ] {
            assert_eq!(*first_line(typed.as_bytes()).unwrap(), read);
        }
    }

    #[test]
    fn nothing_at_all_and_what_is_no_text_are_refused() {
        assert!(matches!(first_line(&b""[..]), Err(CliError::Refused(_))));
        assert!(matches!(first_line(&b"\xff\xfe\n"[..]), Err(CliError::Input(_))));
    }
}
