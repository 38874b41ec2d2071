/// What is wrong with a password that is easy to guess, or else what would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Advice {
    /// It is one of the most common passwords, or close to one.
    #[error("It is a common password, or similar to one.")]
    Common,
    /// It is on the list of breached passwords.
    #[error("It was found in a data breach: attackers try it early, whatever it looks like.")]
    Breached,
    /// Keys that lie side by side.
    #[error("Keys that lie side by side are easy to guess.")]
    Keyboard,
    /// The same again and again.
    #[error("Repeats such as \u{201c}aaa\u{201d} or \u{201c}abcabc\u{201d} are easy to guess.")]
    Repeat,
    /// Letters or digits in their order.
    #[error("Sequences such as \u{201c}abc\u{201d} or \u{201c}6543\u{201d} are easy to guess.")]
    Sequence,
    /// A year or a date.
    #[error("Dates and years are easy to guess.")]
    Date,
    /// One word.
    #[error("A word by itself is easy to guess.")]
    Word,
    /// A name.
    #[error("Names are easy to guess.")]
    Name,
    /// Nothing in particular.
    #[error("Add another word or two. Uncommon words are better.")]
    MoreWords,
}

impl Advice {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Breached => "breached",
            Self::Keyboard => "keyboard",
            Self::Repeat => "repeat",
            Self::Sequence => "sequence",
            Self::Date => "date",
            Self::Word => "word",
            Self::Name => "name",
            Self::MoreWords => "more_words",
        }
    }
}
