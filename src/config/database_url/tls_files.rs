use super::settings::Settings;
use std::{fs, io, os::unix::fs::MetadataExt};
use zeroize::Zeroizing;

/// The files that TLS with the database needs, as a URL and libpq's variables name them.
#[derive(Clone, Default)]
pub(super) struct TlsFiles {
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Why such a file cannot be used, to be read after the option's name. Never repeats a path: it may be a piece of a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// It is missing, or this account may not read it.
    #[error("names a file in `{parameter}` that cannot be read: {source}")]
    Unreadable {
        /// Where it is named.
        parameter: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("names a file in `{parameter}` that does not hold {wanted} in PEM form (-----BEGIN …)")]
    Foreign {
        /// Where it is named.
        parameter: &'static str,
        /// What it must hold.
        wanted: &'static str,
    },
    /// A passphrase would be needed.
    #[error(
        "names a key in `sslkey` that is encrypted: use a key without a passphrase that only this account may read"
    )]
    Encrypted,
    /// Other users may read the key.
    #[error("names a key in `sslkey` that other users may read (mode {mode:04o}): chmod 600 the file")]
    Open {
        /// Its mode.
        mode: u32,
    },
    /// One is of no use without the other.
    #[error("names a client's certificate or its key, but not both: `sslcert` and `sslkey` belong together")]
    Half,
}

impl TlsFiles {
    /// Those that the settings name.
    pub fn of(settings: &Settings) -> Self {
        let named = |parameter: &str| settings.get(parameter).map(str::to_owned);
        Self { root: named("sslrootcert"), certificate: named("sslcert"), key: named("sslkey") }
    }

    /// Reads each of them, or those that libpq's variables name, once: the first connection with TLS may be made much
    /// later.
    pub fn problems(&self, variable: impl Fn(&str) -> Option<String>) -> Vec<TlsFileError> {
        let named = |path: &Option<String>, name: &str| path.clone().or_else(|| variable(name));
        let root = named(&self.root, "PGSSLROOTCERT").filter(|root| root != "system");
        let (certificate, key) = (named(&self.certificate, "PGSSLCERT"), named(&self.key, "PGSSLKEY"));
        let found = [
            (certificate.is_some() != key.is_some()).then_some(TlsFileError::Half),
            root.and_then(|path| look_at_certificate("sslrootcert", &path).err()),
            certificate.and_then(|path| look_at_certificate("sslcert", &path).err()),
            key.and_then(|path| look_at_key(&path).err()),
        ];
        found.into_iter().flatten().collect()
    }
}

fn look_at_certificate(parameter: &'static str, path: &str) -> Result<(), TlsFileError> {
    let is_certificate = |tag: &String| tag == "CERTIFICATE";
    let found = tags(&content(parameter, path)?).is_some_and(|tags| tags.iter().any(is_certificate));
    if found { Ok(()) } else { Err(TlsFileError::Foreign { parameter, wanted: "a certificate" }) }
}

fn look_at_key(path: &str) -> Result<(), TlsFileError> {
    let parameter = "sslkey";
    let tags = tags(&content(parameter, path)?).unwrap_or_default();
    if tags.iter().any(|tag| tag == "ENCRYPTED PRIVATE KEY") {
        return Err(TlsFileError::Encrypted);
    }
    if !tags.iter().any(|tag| ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"].contains(&tag.as_str())) {
        return Err(TlsFileError::Foreign { parameter, wanted: "a private key" });
    }
    if is_inline(path) {
        return Ok(());
    }
    let file = fs::metadata(path).map_err(|source| TlsFileError::Unreadable { parameter, source })?;
    // As libpq has it: a key of root's may be read by a group as well.
    let others = if file.uid() == 0 { 0o037 } else { 0o077 };
    let mode = file.mode() & 0o7777;
    if mode & others == 0 { Ok(()) } else { Err(TlsFileError::Open { mode }) }
}

/// What is in the file; the text itself where it is PEM, which the library for Postgres takes as well.
fn content(parameter: &'static str, path: &str) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
    if is_inline(path) {
        return Ok(Zeroizing::new(path.as_bytes().to_vec()));
    }
    fs::read(path).map(Zeroizing::new).map_err(|source| TlsFileError::Unreadable { parameter, source })
}

fn is_inline(text: &str) -> bool {
    text.trim().starts_with("-----BEGIN") && text.trim().ends_with("-----")
}

/// What the blocks of a PEM file are. None: it is not one.
fn tags(text: &[u8]) -> Option<Vec<String>> {
    Some(pem::parse_many(text).ok()?.iter().map(|block| block.tag().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pem::{Pem, encode_many};
    use std::{os::unix::fs::PermissionsExt, path::Path};
    use tempfile::TempDir;

    fn file(folder: &Path, tags: &[&str], mode: u32) -> io::Result<String> {
        let path = folder.join(format!("{}-{mode:o}.pem", tags.join("+").replace(' ', "")));
        let blocks: Vec<_> = tags.iter().map(|tag| Pem::new(*tag, [0x30, 0x00])).collect();
        fs::write(&path, encode_many(&blocks))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path.display().to_string())
    }

    fn problems(root: &str, certificate: &str, key: &str) -> String {
        let named = |path: &str| Some(path.to_owned()).filter(|path| !path.is_empty());
        let files = TlsFiles { root: named(root), certificate: named(certificate), key: named(key) };
        files.problems(|_| None).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    ///
    #[test]
    fn a_file_that_tls_cannot_use_is_named_by_its_parameter() -> io::Result<()> {
        let folder = TempDir::new()?;
        let file = |tags: &[&str], mode| file(folder.path(), tags, mode);
        let (certificate, key) = (file(&["CERTIFICATE"], 0o644)?, file(&["PRIVATE KEY"], 0o600)?);
        let chain = file(&["CERTIFICATE", "CERTIFICATE"], 0o644)?;
        let curve = file(&["EC PARAMETERS", "EC PRIVATE KEY"], 0o400)?;
        assert_eq!(problems(&chain, &certificate, &key), "");
        assert_eq!(problems("system", &chain, &curve), "");
        assert_eq!(problems(&fs::read_to_string(&certificate)?, "", ""), "", "the text itself");
        let (empty, binary) = (folder.path().join("empty"), folder.path().join("binary"));
        fs::write(&empty, "")?;
        fs::write(&binary, [0x30, 0x82, 0xff])?;
        let cut = folder.path().join("cut");
        fs::write(&cut, fs::read_to_string(&certificate)?.replace("-----END", ""))?;
        for (root, certificate, key, expected) in [
            ("/nowhere/ca.pem", "", "", "`sslrootcert` that cannot be read: No such file"),
            (&folder.path().display().to_string(), "", "", "`sslrootcert` that cannot be read: Is a directory"),
            (&empty.display().to_string(), "", "", "`sslrootcert` that does not hold a certificate"),
            (&binary.display().to_string(), "", "", "`sslrootcert` that does not hold a certificate"),
            (&cut.display().to_string(), "", "", "`sslrootcert` that does not hold a certificate"),
            (&key, "", "", "`sslrootcert` that does not hold a certificate"),
            ("", &certificate, "", "`sslcert` and `sslkey` belong together"),
            ("", "", &key, "`sslcert` and `sslkey` belong together"),
            ("", "/nowhere/it", &key, "`sslcert` that cannot be read"),
            ("", &certificate, "/nowhere/it", "`sslkey` that cannot be read"),
            ("", &certificate, &certificate, "`sslkey` that does not hold a private key"),
            ("", &certificate, &file(&["ENCRYPTED PRIVATE KEY"], 0o600)?, "is encrypted"),
            ("", &certificate, &file(&["PRIVATE KEY"], 0o644)?, "(mode 0644): chmod 600"),
            ("", &certificate, &file(&["PRIVATE KEY"], 0o660)?, "(mode 0660): chmod 600"),
        ] {
            let found = problems(root, certificate, key);
            assert!(found.contains(expected) && !found.contains("nowhere"), "{root} {certificate} {key}: {found}");
        }
        Ok(())
    }
}
