//! The short free texts that users type about themselves and each other.

use std::{fmt, marker::PhantomData};

use crate::kernel::breaks_a_line;
use unicode_normalization::UnicodeNormalization;

/// What a text is for, and so how long it may be.
pub trait TextKind {
    /// The name shown by `Debug`.
    const NAME: &'static str;
    /// The longest text, in characters after NFC.
    const MAX_CHARACTERS: usize;
}

/// One line of text: NFC, trimmed, never empty, without control or direction characters.
///
/// White space or invisible characters alone count as empty: parsing them gives `None`. `Debug` is
/// redacted, since a name is personal and a reason may be.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<Kind> {
    line: String,
    kind: PhantomData<Kind>,
}

/// A user's display name: 1 to 100 characters.
pub type DisplayName = Text<NameKind>;
/// Why an administrator blocked a user or revoked a session: 1 to 500 characters.
pub type BlockReason = Text<BlockReasonKind>;
/// The user's name for one of their devices: 1 to 100 characters.
pub type DeviceName = Text<DeviceNameKind>;

/// Marks a [`DisplayName`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NameKind {}
/// Marks a [`BlockReason`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BlockReasonKind {}
/// Marks a [`DeviceName`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DeviceNameKind {}

impl TextKind for NameKind {
    const NAME: &'static str = "DisplayName";
    const MAX_CHARACTERS: usize = 100;
}

impl TextKind for BlockReasonKind {
    const NAME: &'static str = "BlockReason";
    const MAX_CHARACTERS: usize = 500;
}

impl TextKind for DeviceNameKind {
    const NAME: &'static str = "DeviceName";
    const MAX_CHARACTERS: usize = 100;
}

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It has more characters than its kind allows.
    #[error("This may have at most {max_characters} characters.")]
    TooLong {
        /// The limit that was passed.
        max_characters: usize,
    },
    /// It holds a control character, a line break, or one that turns the direction of writing round.
    #[error("This may not contain line breaks, control characters or characters that change the direction of writing.")]
    ForbiddenCharacter,
}

impl TextError {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::ForbiddenCharacter => "forbidden_character",
        }
    }
}

impl<Kind: TextKind> Text<Kind> {
    /// Normalises (NFC), trims and checks what was typed; nothing visible is `None`.
    ///
    /// # Errors
    /// [`TextError`] when it is too long or holds a forbidden character.
    pub fn parse(raw: &str) -> Result<Option<Self>, TextError> {
        let line: String = raw.trim().nfc().collect();
        if line.chars().any(breaks_a_line) {
            return Err(TextError::ForbiddenCharacter);
        }
        if line.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            return Ok(None);
        }
        if line.chars().count() > Kind::MAX_CHARACTERS {
            return Err(TextError::TooLong { max_characters: Kind::MAX_CHARACTERS });
        }
        Ok(Some(Self { line, kind: PhantomData }))
    }

    /// Takes a text back from our own database, where only [`Text::parse`] has written.
    #[must_use]
    pub const fn from_stored(stored: String) -> Self {
        Self { line: stored, kind: PhantomData }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.line
    }
}

impl<Kind: TextKind> fmt::Debug for Text<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", Kind::NAME)
    }
}

/// Unicode's `Default_Ignorable_Code_Point` and the annotation marks: characters that show nothing.
///
/// Joiners among them are part of ordinary names in several scripts; in an address, where two that
/// look the same must be the same, none may stand.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    fn name(raw: &str) -> String {
        DisplayName::parse(raw).unwrap().unwrap().as_str().to_owned()
    }

    #[test]
    fn a_name_is_kept_as_typed_but_for_its_edges() {
        for (typed, expected) in [
            ("  Mike  ", "Mike"),
            ("Mary Ann O'Neil-Smith, Jr.", "Mary Ann O'Neil-Smith, Jr."),
            ("<b>Mike</b>", "<b>Mike</b>"),
            ("김철수", "김철수"),
            ("Jose\u{301}", "José"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"), // the joiner is spelling
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("X", "X"),
        ] {
            assert_eq!(name(typed), expected);
        }
    }

    #[test]
    fn nothing_visible_is_no_name() {
        for nothing in ["", "   ", "\t\n", "\u{3000}", "\u{200b}", " \u{200b}\u{2060} ", "\u{3164}"] {
            assert_eq!(DisplayName::parse(nothing), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn what_breaks_a_log_line_or_turns_the_writing_round_is_refused() {
        for c in [
            '\0', '\u{1}', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{202e}',
            '\u{2066}', '\u{200f}',
        ] {
            let typed = format!("Mi{c}ke");
            assert_eq!(DisplayName::parse(&typed), Err(TextError::ForbiddenCharacter), "{c:?}");
            assert_eq!(BlockReason::parse(&typed), Err(TextError::ForbiddenCharacter), "{c:?}");
        }
        assert_eq!(DisplayName::parse("\0"), Err(TextError::ForbiddenCharacter));
    }

    #[test]
    fn each_kind_has_its_own_limit_in_characters_not_bytes() {
        assert_eq!(name(&"김".repeat(100)).chars().count(), 100);
        assert_eq!(DisplayName::parse(&"김".repeat(101)), Err(TextError::TooLong { max_characters: 100 }));
        assert!(BlockReason::parse(&"r".repeat(500)).unwrap().is_some());
        assert_eq!(BlockReason::parse(&"r".repeat(501)), Err(TextError::TooLong { max_characters: 500 }));
        // Counted after normalising and trimming.
        assert_eq!(name(&format!("  {}  ", "e\u{301}".repeat(100))).chars().count(), 100);
    }

    #[test]
    fn errors_have_a_code_and_a_message() {
        let too_long = TextError::TooLong { max_characters: 100 };
        assert_eq!(too_long.code(), "too_long");
        assert_eq!(too_long.to_string(), "This may have at most 100 characters.");
        assert_eq!(TextError::ForbiddenCharacter.code(), "forbidden_character");
    }

    #[test]
    fn a_text_cannot_be_logged() {
        assert_eq!(format!("{:?}", DisplayName::parse("Mike").unwrap()), "Some(DisplayName(…))");
        assert_eq!(format!("{:?}", BlockReason::from_stored("spam".to_owned())), "BlockReason(…)");
    }

    proptest! {
        #[test]
        fn parsing_twice_is_parsing_once(raw in any::<String>()) {
            if let Ok(Some(once)) = DisplayName::parse(&raw) {
                prop_assert_eq!(DisplayName::parse(once.as_str()), Ok(Some(once)));
            }
        }
    }
}
