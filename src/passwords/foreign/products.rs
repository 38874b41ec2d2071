//! Forms of a single product each.
//!
//! | form | product |
//! | --- | --- |
//! | `pbkdf2_sha256$600000$salt$hash`, `pbkdf2_sha1$…`, the salt as text | Django |
//! | `argon2$argon2id$v=19$…` | Django |
//! | `scrypt$16384$salt$8$1$hash`, the salt as text | Django |
//! | `{pbkdf2}hex`, `{argon2}$argon2id$…`, `{scrypt}$e0801$salt$hash`, also `…@SpringSecurity_v5_8` | Spring Security |
//! | `$P$Bsaltsalthash`, `$H$…` | WordPress before 6.8, phpBB (phpass) |
//! | `$fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash` | Firebase, in the form of Supabase Auth |
//! | `salt:hash`, both in hexadecimal | better-auth |

use super::{
    HashRefused,
    bounds::{bounded_phpass, bounded_scrypt, is_number},
    foreign_hash::{ForeignHash, Function, Normalization, base64},
};
use aws_lc_rs::pbkdf2;

/// The digits of phpass's base64.
const PHPASS_DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Reads a form of one product; `None` if it has none of these forms.
pub(super) fn read(text: &str) -> Option<Result<ForeignHash, HashRefused>> {
    if let Some((encoder, hash)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return Some(spring(encoder, hash));
    }
    if let Some(hash) = text.strip_prefix("$P$").or_else(|| text.strip_prefix("$H$")) {
        return Some(read_phpass(hash));
    }
    let parts: Vec<&str> = text.split('$').collect();
    match *parts.as_slice() {
        ["pbkdf2_sha256", iterations, salt, output] => {
            Some(django_pbkdf2(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, output))
        }
        ["pbkdf2_sha1", iterations, salt, output] => {
            Some(django_pbkdf2(pbkdf2::PBKDF2_HMAC_SHA1, iterations, salt, output))
        }
        ["argon2", "argon2id" | "argon2i" | "argon2d", ..] => text.strip_prefix("argon2").map(ForeignHash::phc),
        ["scrypt", n, salt, r, p, output] => Some(django_scrypt(n, salt, [r, p], output)),
        ["", "fbscrypt", parameters, salt, output] => Some(firebase(parameters, salt, output)),
        [one] => better_auth(one),
        _ => None,
    }
}

fn django_pbkdf2(
    algorithm: pbkdf2::Algorithm,
    iterations: &str,
    salt: &str,
    output: &str,
) -> Result<ForeignHash, HashRefused> {
    ForeignHash::pbkdf2(algorithm, iterations, salt.as_bytes().to_vec(), &base64(output)?)
}

fn django_scrypt(n: &str, salt: &str, [r, p]: [&str; 2], output: &str) -> Result<ForeignHash, HashRefused> {
    let params = bounded_scrypt(log2(number(n)?)?, number(r)?, number(p)?)?;
    ForeignHash::of(Function::Scrypt(params), salt.as_bytes().to_vec(), &base64(output)?)
}

/// What `DelegatingPasswordEncoder` writes, with the parameters of `PasswordEncoderFactories`. bcrypt is read elsewhere.
fn spring(encoder: &str, hash: &str) -> Result<ForeignHash, HashRefused> {
    match encoder {
        "pbkdf2" => spring_pbkdf2(pbkdf2::PBKDF2_HMAC_SHA1, "185000", hash, 8),
        "pbkdf2@SpringSecurity_v5_8" => spring_pbkdf2(pbkdf2::PBKDF2_HMAC_SHA256, "310000", hash, 16),
        "argon2" | "argon2@SpringSecurity_v5_8" if hash.starts_with("$argon2") => ForeignHash::phc(hash),
        "scrypt" | "scrypt@SpringSecurity_v5_8" => spring_scrypt(hash),
        "argon2" | "argon2@SpringSecurity_v5_8" => Err(HashRefused::Mangled),
        "noop" => Err(HashRefused::ClearText),
        _ => Err(HashRefused::UnknownForm),
    }
}

/// Salt and hash in one.
fn spring_pbkdf2(
    algorithm: pbkdf2::Algorithm,
    iterations: &str,
    hash: &str,
    salt_length: usize,
) -> Result<ForeignHash, HashRefused> {
    let bytes = hex(hash)?;
    let (salt, output) = bytes.split_at_checked(salt_length).ok_or(HashRefused::Mangled)?;
    if output.len() != 32 {
        return Err(HashRefused::Mangled);
    }
    ForeignHash::pbkdf2(algorithm, iterations, salt.to_vec(), output)
}

/// The parameters are one number in hexadecimal: log₂ N, r and p, the last two with a byte each.
fn spring_scrypt(hash: &str) -> Result<ForeignHash, HashRefused> {
    let parts: Vec<&str> = hash.split('$').collect();
    let ["", parameters, salt, output] = *parts.as_slice() else { return Err(HashRefused::Mangled) };
    let [zero, log_n, r, p] = u32::from_str_radix(parameters, 16).or(Err(HashRefused::Mangled))?.to_be_bytes();
    if zero != 0 {
        return Err(HashRefused::TooCostly);
    }
    let params = bounded_scrypt(log_n.into(), r.into(), p.into())?;
    ForeignHash::of(Function::Scrypt(params), base64(salt)?, &base64(output)?)
}

/// The parameters are `v=1,n=14,r=8,p=1,ss=salt separator,sk=signer key`; `n` is the binary logarithm.
fn firebase(parameters: &str, salt: &str, output: &str) -> Result<ForeignHash, HashRefused> {
    let of = |name: &str| {
        let named =
            |part: &str| part.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        parameters.split(',').find_map(named).ok_or(HashRefused::Mangled)
    };
    if of("v")? != "1" {
        return Err(HashRefused::UnknownForm);
    }
    let params = bounded_scrypt(number(&of("n")?)?, number(&of("r")?)?, number(&of("p")?)?)?;
    let (signer_key, output) = (base64(&of("sk")?)?, base64(output)?);
    if signer_key.len() != output.len() {
        return Err(HashRefused::Mangled);
    }
    let salt = [base64(salt)?, base64(&of("ss")?)?].concat();
    ForeignHash::of(Function::Firebase(params, signer_key), salt, &output)
}

/// scrypt with N = 16384, r = 16, p = 1, over the password in NFKC; the salt is its hexadecimal text.
fn better_auth(text: &str) -> Option<Result<ForeignHash, HashRefused>> {
    let (salt, output) = text.split_once(':')?;
    if salt.len() != 32 || output.len() != 128 {
        return None;
    }
    let (_is_hex, output) = (hex(salt).ok()?, hex(output).ok()?);
    Some(bounded_scrypt(14, 16, 1).and_then(|params| {
        let hash = ForeignHash::of(Function::Scrypt(params), salt.as_bytes().to_vec(), &output)?;
        Ok(hash.normalizing(Normalization::Nfkc))
    }))
}

/// A digit for the rounds, eight characters of salt, 22 of hash.
fn read_phpass(hash: &str) -> Result<ForeignHash, HashRefused> {
    let (rounds, rest) = hash.as_bytes().split_first().ok_or(HashRefused::Mangled)?;
    let (salt, output) =
        rest.split_at_checked(8).filter(|(_, output)| output.len() == 22).ok_or(HashRefused::Mangled)?;
    let rounds = bounded_phpass(phpass_digit(*rounds)?)?;
    let output: Vec<u8> = output.chunks(4).map(phpass_bytes).collect::<Result<Vec<_>, _>>()?.concat();
    ForeignHash::of(Function::Phpass(rounds), salt.to_vec(), &output)
}

fn phpass_digit(byte: u8) -> Result<u32, HashRefused> {
    let at = PHPASS_DIGITS.iter().position(|digit| *digit == byte).ok_or(HashRefused::Mangled)?;
    u32::try_from(at).or(Err(HashRefused::Mangled))
}

/// Four digits are three bytes, and two are one: the least significant come first.
fn phpass_bytes(digits: &[u8]) -> Result<Vec<u8>, HashRefused> {
    let shifted = |(at, digit): (usize, &u8)| Ok(phpass_digit(*digit)? << (6 * u32::try_from(at).unwrap_or(0)));
    let value = digits.iter().enumerate().map(shifted).sum::<Result<u32, HashRefused>>()?;
    let (bytes, spare) =
        value.to_le_bytes().iter().copied().enumerate().partition::<Vec<_>, _>(|(at, _)| *at < digits.len() * 3 / 4);
    if spare.iter().any(|(_, byte)| *byte != 0) {
        return Err(HashRefused::Mangled);
    }
    Ok(bytes.into_iter().map(|(_, byte)| byte).collect())
}

fn number(text: &str) -> Result<u32, HashRefused> {
    if !is_number(text) {
        return Err(HashRefused::Mangled);
    }
    text.parse().or(Err(HashRefused::TooCostly))
}

fn log2(n: u32) -> Result<u32, HashRefused> {
    if n.is_power_of_two() { Ok(n.ilog2()) } else { Err(HashRefused::Mangled) }
}

fn hex(text: &str) -> Result<Vec<u8>, HashRefused> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(HashRefused::Mangled);
    }
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    text.as_bytes().chunks(2).map(|pair| byte(pair).ok_or(HashRefused::Mangled)).collect()
}
