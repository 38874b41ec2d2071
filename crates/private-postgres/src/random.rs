use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::io;

/// 128 random bits as hexadecimal digits: nothing in them needs quoting in a path.
pub fn random_name() -> io::Result<String> {
    let mut bytes = [0; 16];
    let failed = |_unspecified| io::Error::other("the system's random generator failed");
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(hex(&bytes))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_two_digits_each() {
        assert_eq!(hex(&[0, 0x0f, 0xff]), "000fff");
    }
}
