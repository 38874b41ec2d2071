use super::{Reader, names};
use std::path::PathBuf;
use url::Url;

/// Whose pages these are.
#[derive(Debug, Clone)]
pub struct BrandOptions {
    /// What the product is called.
    pub name: String,
    /// An SVG or PNG file; default: the built-in one.
    pub logo: Option<PathBuf>,
    /// The colour of buttons and links; default: the built-in one.
    pub accent: Option<Colour>,
    /// Where the terms of use are.
    pub terms_url: Option<Url>,
    /// A folder with templates that override the built-in ones.
    pub templates_dir: Option<PathBuf>,
}

/// A colour of the sRGB space, as `#rrggbb` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Red, green, blue.
    pub channels: [u8; 3],
}

/// Text meets this against its ground (WCAG 2.2, 1.4.3).
pub const READABLE: f64 = 4.5;
/// A product's name is one short line.
const LONGEST_NAME: usize = 60;

impl Colour {
    /// White.
    pub const WHITE: Self = Self { channels: [255; 3] };
    /// Black.
    pub const BLACK: Self = Self { channels: [0; 3] };

    /// Reads `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(Self { channels: [red, green, blue] })
    }

    /// The contrast with another colour, 1 to 21 (WCAG 2.2, "contrast ratio").
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.channels.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

pub(super) fn read(reader: &mut Reader) -> BrandOptions {
    BrandOptions {
        name: reader.parsed(names::BRAND_NAME, "Heirloom".to_owned(), "one line of at most 60 characters", |text| {
            (text.chars().count() <= LONGEST_NAME && !text.contains(char::is_control)).then(|| text.to_owned())
        }),
        logo: reader.parsed(names::BRAND_LOGO, None, "the path of an .svg or .png file", |text| {
            let path = PathBuf::from(text);
            let known =
                path.extension().is_some_and(|end| end.eq_ignore_ascii_case("svg") || end.eq_ignore_ascii_case("png"));
            known.then_some(Some(path))
        }),
        accent: accent(reader),
        terms_url: reader.parsed(names::TERMS_URL, None, "an http or https URL", |text| {
            Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(Some)
        }),
        templates_dir: reader.raw(names::TEMPLATES_DIR).map(PathBuf::from),
    }
}

/// White text stands on the accent, and the accent is the colour of links on white.
fn accent(reader: &mut Reader) -> Option<Colour> {
    let colour =
        reader.parsed(names::BRAND_ACCENT, None, "a colour such as #1d6a50", |text| Colour::parse(text).map(Some))?;
    let contrast = colour.contrast(Colour::WHITE);
    if contrast < READABLE {
        let problem =
            format!("is too light: its contrast with white is {contrast:.1}, and text needs {READABLE} or more");
        reader.problem(names::BRAND_ACCENT, &problem);
    }
    Some(colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_compared_as_wcag_defines() {
        for wrong in ["", "#fff", "1d6a50", "#1d6a5", "#1d6a5g", "#+d6a50", "red", "#한글"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Colour::parse("#1D6a50"), Some(Colour { channels: [0x1d, 0x6a, 0x50] }));
        let contrast = |one, other: Colour| Colour::parse(one).map(|one| (one.contrast(other) * 100.0).round() / 100.0);
        assert_eq!(contrast("#000000", Colour::WHITE), Some(21.0));
        assert_eq!(contrast("#ffffff", Colour::WHITE), Some(1.0));
        assert_eq!(contrast("#767676", Colour::WHITE), Some(4.54));
    }
}
