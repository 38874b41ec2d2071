//! Hashes of other systems: Argon2 (RFC 9106), scrypt (RFC 7914), PBKDF2 (RFC 8018) and phpass, in the forms in which
//! products export them. bcrypt, which we use ourselves, is read in `hash.rs`.
//!
//! | form | written by |
//! | --- | --- |
//! | `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`, also `argon2i`, `argon2d` | many (PHC string format) |
//! | `$scrypt$ln=16,r=8,p=1$salt$hash` | many (PHC string format) |
//! | `$pbkdf2-sha256$i=600000$salt$hash`, also `pbkdf2`, `pbkdf2-sha1`, `pbkdf2-sha512` | `RustCrypto` (PHC string format) |
//! | `$pbkdf2-sha256$600000$salt$hash`, with `.` for `+` | Passlib |
//! | the forms in `foreign/products.rs` | Django, Spring Security, WordPress, Firebase, better-auth |
//!
//! The work that a hash may ask for is limited, both when it is imported and when it is read: a row that asks for a
//! terabyte would stop the server.

mod bounds;
mod foreign_hash;
mod products;
mod refused;

use bounds::is_number;
pub use foreign_hash::ForeignHash;
use foreign_hash::{base64, digest_of};
pub use refused::HashRefused;

impl ForeignHash {
    /// Reads a hash in one of the forms above.
    ///
    /// # Errors
    /// [`HashRefused`]
    pub fn read(text: &str) -> Result<Self, HashRefused> {
        if let Some(product) = products::read(text) {
            return product;
        }
        let parts: Vec<&str> = text.split('$').collect();
        match *parts.as_slice() {
            ["", name, iterations, salt, output] if name.starts_with("pbkdf2") && is_number(iterations) => {
                let bytes = |text: &str| base64(&text.replace('.', "+"));
                Self::pbkdf2(digest_of(name)?, iterations, bytes(salt)?, &bytes(output)?)
            }
            ["", "argon2id" | "argon2i" | "argon2d" | "scrypt", ..] => Self::phc(text),
            ["", name, ..] if name.starts_with("pbkdf2") => Self::phc(text),
            _ => Err(HashRefused::UnknownForm),
        }
    }
}

#[cfg(test)]
mod tests;
