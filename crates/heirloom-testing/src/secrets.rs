/// Whether a text holds a refresh token or a JWT: a word that begins as one does. Random ids also hold these letters now and then,
/// somewhere in the middle.
pub fn holds_token(text: &str) -> bool {
    let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let mut words = text.split(|letter| !is_of_token(letter));
    words.any(|word| word.starts_with("hrt_") || (word.starts_with("eyJ") && word.contains('.')))
}

#[cfg(test)]
mod tests {
    use super::holds_token;

    #[test]
    fn a_token_is_found_in_json_in_a_url_and_in_a_header_and_a_random_id_is_none() {
        for text in [r#"{"refresh_token":"hrt_AQ"}"#, "/x?token=hrt_AQ#", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"] {
            assert!(holds_token(text), "{text}");
        }
        for text in ["", "8wShrt_dE", "-hrt_dE", r#"{"kid":"eyJliLtIx"}"#, "XeyJh.e30"] {
            assert!(!holds_token(text), "{text}");
        }
    }
}
