use std::io::{self, BufRead};
use zeroize::Zeroizing;

/// Bytes of standard input to read for a password: more than the longest password has.
const LIMIT: usize = 16 * 1024;

/// Prompts for a password at the terminal, without echo.
///
/// # Errors
/// When there is no terminal, or it cannot be read.
pub fn ask(prompt: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new)
}

/// The first line of the input without its line break, in a buffer that never grows: growing would leave copies that are
/// not wiped. None: the input is empty.
///
/// # Errors
/// When the input cannot be read or is not UTF-8.
pub fn first_line(input: impl BufRead) -> io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(String::with_capacity(LIMIT));
    let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX);
    if input.take(limit).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let kept = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(kept);
    Ok(Some(line))
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
            assert_eq!(*first_line(typed.as_bytes()).unwrap().unwrap(), read);
        }
    }

    #[test]
    fn empty_input_is_no_password_and_bytes_that_are_not_text_are_an_error() {
        assert!(first_line(&b""[..]).unwrap().is_none());
        assert_eq!(first_line(&b"\xff\xfe\n"[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
