use super::{ProbeVerdict, judge};

///
#[test]
fn an_old_postgres_is_refused_and_a_newer_one_than_we_were_tested_with_is_a_warning() {
    for (number, refused) in [(90_624, true), (140_018, true), (150_000, false), (180_001, false), (190_000, false)] {
        assert_eq!(matches!(judge::version(number).verdict, ProbeVerdict::Refusal(_)), refused, "{number}");
        assert_eq!(judge::is_supported(number), !refused, "{number}");
    }
    let says = |number, words: &str| match judge::version(number).verdict {
        ProbeVerdict::Good(text) | ProbeVerdict::Advice(text) => format!("good: {text}").contains(words),
        ProbeVerdict::Warning(text) => format!("warning: {text}").contains(words),
        ProbeVerdict::Refusal(text) => format!("refusal: {text}").contains(words),
    };
    assert!(says(150_000, "good: PostgreSQL 15.0"));
    assert!(says(190_000, "warning: PostgreSQL 19.0"));
    assert!(says(90_624, "refusal: PostgreSQL 9.6") && says(90_624, "use PostgreSQL 15"));
}
