//! The beginning of an answer's body, for a cause. It shows no token: whatever may be a secret is masked.

use serde_json::Value;

/// The longest excerpt, in characters.
const LONGEST: usize = 100;
/// The longest run of characters that is shown although it may be part of a secret.
const HARMLESS: usize = 15;
/// In place of what is masked.
const MASK: &str = "…";
/// Members of JSON whose values are never shown.
const SECRET: [&str; 11] =
    ["token", "secret", "password", "jwt", "cookie", "session", "key", "nonce", "sid", "assertion", "csrf"];

/// An excerpt, without these texts and without whatever looks like a secret.
pub fn excerpt(body: &str, secrets: &[&str]) -> String {
    let text = match serde_json::from_str::<Value>(body) {
        Ok(mut json) => {
            mask_members(&mut json);
            json.to_string()
        }
        Err(_not_json) => without_tags(body),
    };
    shown(&text, secrets)
}

/// A text that a server wrote, without these texts and whatever looks like a secret, and not too long.
pub fn shown(text: &str, secrets: &[&str]) -> String {
    let known = secrets.iter().filter(|secret| secret.len() > 3);
    let text = known.fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
    let words: Vec<_> = text.split_whitespace().collect();
    let masked = mask(&words.join(" "));
    match masked.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{MASK}", masked.get(..end).unwrap_or_default()),
        None => masked,
    }
}

fn mask_members(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.to_lowercase();
                if SECRET.iter().any(|secret| name.contains(secret)) && (value.is_string() || value.is_number()) {
                    *value = MASK.into();
                } else {
                    mask_members(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Masks every run of characters that is too long, and not made of words.
fn mask(text: &str) -> String {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "_-.+/=~%".contains(c);
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(is_of_token) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(run.find(|c| !is_of_token(c)).unwrap_or(run.len()));
        masked.push_str(before);
        masked.push_str(if run.len() > HARMLESS && !is_made_of_words(run) { MASK } else { run });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// `unsupported_grant_type`, `/oauth/token`, `127.0.0.1`.
fn is_made_of_words(run: &str) -> bool {
    let is_word = |part: &str| {
        let tail = part.get(1..).unwrap_or_default();
        let is_name = part.len() <= 20 && tail.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_number = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number || is_name && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    run.split(['_', '-', '.', '/']).all(is_word)
}

/// The text of an HTML page, without its scripts and styles.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split_inclusive('>') {
        let (before, tag) = piece.split_once('<').unwrap_or((piece, ""));
        let is_code = tag.starts_with("/script") || tag.starts_with("/style");
        if !is_code {
            text.push_str(before);
            text.push(' ');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_may_be_a_secret_is_masked() {
        for (body, expected) in [
            (r#"{"error":"unsupported_grant_type"}"#, r#"{"error":"unsupported_grant_type"}"#),
            (r#"{"a":[{"Session":"x"}],"refresh_token":"abc"}"#, r#"{"a":[{"Session":"…"}],"refresh_token":"…"}"#),
            (r#"{"detail":"token eyJhbGciOi.eyJzdWIi.c2ln is bad"}"#, r#"{"detail":"token … is bad"}"#),
            ("no tortoise-shell hrt_0a1b2c3d4e5f6a7b8c", "no tortoise-shell …"),
            ("at 127.0.0.1:8080/oauth/token", "at 127.0.0.1:8080/oauth/token"),
            ("my password is hunter22", "my password is …"),
            ("<html><style>a{b}</style><h1>Not\n Found</h1><script>let x</script></html>", "Not Found"),
            ("c29tZXNlY3JldA==c29t", "…"),
        ] {
            assert_eq!(excerpt(body, &["hunter22", "x"]), expected, "{body}");
        }
        assert_eq!(excerpt(&"a b ".repeat(80), &[]).chars().count(), LONGEST + 1);
    }
}
