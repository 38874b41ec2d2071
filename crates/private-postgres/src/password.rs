use super::{FileError, StartError, account::RunAs, error::At};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The password of the cluster's roles.
#[derive(Clone)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// Reads the password of a cluster that exists.
    pub fn read(file: &Path) -> Result<Self, StartError> {
        match fs::read_to_string(file) {
            Ok(text) => Ok(Self(text.trim().to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(StartError::PasswordLost { path: file.to_owned() })
            }
            Err(error) => Err(FileError::new(file, error).into()),
        }
    }

    /// Draws a password for a new cluster and writes it down, for Postgres' account and us alone. It replaces that of
    /// an earlier attempt.
    pub fn make(file: &Path, run_as: &RunAs) -> Result<Self, FileError> {
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(FileError::new(file, error)),
            _ => {}
        }
        let password = random_name().at(file)?;
        let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).at(file)?;
        writeln!(opened, "{password}").and_then(|()| opened.sync_all()).at(file)?;
        run_as.give(file, 0o600).at(file)?;
        Ok(Self(password))
    }

    /// The password in the clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// 128 random bits in hexadecimal digits: nothing in them needs quoting, in SQL or in a path.
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
    fn a_password_is_not_told_when_it_is_debugged() {
        assert_eq!(format!("{:?}", Password("hunter2".to_owned())), "Password(…)");
    }

    #[test]
    fn bytes_become_two_digits_each() {
        assert_eq!(hex(&[0, 0x0f, 0xff]), "000fff");
    }
}
