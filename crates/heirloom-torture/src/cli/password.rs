use super::error::CliError;
use std::io::{self, BufRead, IsTerminal};
use zeroize::Zeroizing;

/// Bytes of standard input that are read for a password: more than any password has.
const LIMIT: usize = 16 * 1024;

/// Asks at a terminal without showing what is typed; otherwise reads the first line of standard input. A password is
/// never an argument, which every process of the machine could read.
pub fn read() -> Result<Zeroizing<String>, CliError> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").map(Zeroizing::new).map_err(unreadable);
    }
    first_line(io::stdin().lock())
}

fn unreadable(error: io::Error) -> CliError {
    CliError::Input("the password".to_owned(), error)
}

/// The line without its end, in one buffer that never moves: growing it would leave copies that are not wiped.
fn first_line(input: impl BufRead) -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::with_capacity(LIMIT));
    let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX);
    if input.take(limit).read_line(&mut line).map_err(unreadable)? == 0 {
        return Err(CliError::NoPassword);
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
    fn empty_input_and_bytes_that_are_not_text_are_refused() {
        assert!(matches!(first_line(&b""[..]), Err(CliError::NoPassword)));
        assert!(matches!(first_line(&b"\xff\xfe\n"[..]), Err(CliError::Input(..))));
    }
}
