use super::{ServedFile, served::content_type};
use crate::config::{BrandOptions, Colour, READABLE};
use std::{fs, io, path::PathBuf};

/// The operator's branding: a name, a logo, a colour, a link to terms.
#[derive(Debug, Clone, Default)]
pub(super) struct Brand {
    pub name: String,
    pub terms_url: Option<String>,
    /// Of emails, which have no style sheet; white text is readable on it.
    pub accent: String,
    logo: Option<BrandFile>,
    style: Option<BrandFile>,
}

/// A file that is created from the options, served from `/static`.
#[derive(Debug, Clone)]
struct BrandFile {
    name: &'static str,
    served: ServedFile,
}

impl BrandFile {
    fn new(name: &'static str, content: Vec<u8>) -> Self {
        Self { name, served: ServedFile::new(content_type(name), content) }
    }
}

/// Why the logo cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum BrandError {
    /// The file does not exist or is not readable.
    #[error("HEIRLOOM_BRAND_LOGO={path:?} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is too large to be part of every page.
    #[error("HEIRLOOM_BRAND_LOGO={0:?} has more than 256 KiB")]
    TooLarge(PathBuf),
}

/// A logo is loaded with every page.
const LARGEST_LOGO: usize = 256 * 1024;
/// The accent of heirloom.css in light mode.
const ACCENT: &str = "#1d6a50";
const LOGO: &str = "logo.svg";
const STYLE: &str = "brand.css";
/// The background of heirloom.css in dark mode, on which text in the accent's colour must be readable.
const DARK_GROUND: Colour = Colour { channels: [0x2c, 0x35, 0x31] };

impl Brand {
    /// Reads the logo, and derives the colours.
    pub fn load(options: &BrandOptions) -> Result<Self, BrandError> {
        Ok(Self {
            name: options.name.clone(),
            terms_url: options.terms_url.as_ref().map(ToString::to_string),
            accent: options.accent.map_or_else(|| ACCENT.to_owned(), hex),
            logo: options.logo.clone().map(logo).transpose()?,
            style: options.accent.map(|accent| BrandFile::new(STYLE, style(accent).into_bytes())),
        })
    }

    /// The file of a name.
    pub fn file(&self, name: &str) -> Option<&ServedFile> {
        let file = [&self.logo, &self.style].into_iter().flatten().find(|file| file.name == name);
        file.map(|file| &file.served)
    }

    /// The logo's name: the built-in one, unless there is another.
    pub fn logo(&self) -> &'static str {
        self.logo.as_ref().map_or(LOGO, |file| file.name)
    }

    /// The style sheet's name, if there is an accent.
    pub fn style(&self) -> Option<&'static str> {
        self.style.as_ref().map(|file| file.name)
    }
}

fn logo(path: PathBuf) -> Result<BrandFile, BrandError> {
    let content = fs::read(&path).map_err(|source| BrandError::Unreadable { path: path.clone(), source })?;
    if content.len() > LARGEST_LOGO {
        return Err(BrandError::TooLarge(path));
    }
    let is_svg = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("svg"));
    Ok(BrandFile::new(if is_svg { "brand-logo.svg" } else { "brand-logo.png" }, content))
}

/// The accent's custom properties, for both schemes. For dark mode it is mixed with white until it is readable.
fn style(accent: Colour) -> String {
    let [strong, notice] = light(accent);
    let [dark, dark_strong] = dark(accent);
    let rule = |accent, strong, on: Colour, notice| {
        format!(
            ":root {{ --accent: {}; --accent-strong: {}; --on-accent: {}; --notice: {}; }}",
            hex(accent),
            hex(strong),
            hex(on),
            hex(notice)
        )
    };
    format!(
        "{}\n@media (prefers-color-scheme: dark) {{\n{}\n}}\n",
        rule(accent, strong, Colour::WHITE, notice),
        rule(dark, dark_strong, Colour::BLACK, DARK_GROUND)
    )
}

/// A stronger accent, and a background in its tone on which the stronger one is readable.
fn light(accent: Colour) -> [Colour; 2] {
    let notice = mixed(accent, Colour::WHITE, 90);
    [until(accent, Colour::BLACK, notice, READABLE * 1.3), notice]
}

fn dark(accent: Colour) -> [Colour; 2] {
    let readable = until(accent, Colour::WHITE, DARK_GROUND, READABLE);
    [readable, mixed(readable, Colour::WHITE, 30)]
}

/// Mixes in as little of `other` as makes the colour readable on `ground`.
fn until(colour: Colour, other: Colour, ground: Colour, contrast: f64) -> Colour {
    let mixes = (0..=100).map(|percent| mixed(colour, other, percent));
    mixes.into_iter().find(|mix| mix.contrast(ground) >= contrast).unwrap_or(other)
}

fn mixed(colour: Colour, other: Colour, percent: u16) -> Colour {
    let mix = |one: u8, other: u8| (u16::from(one) * (100 - percent) + u16::from(other) * percent) / 100;
    let [red, green, blue] = colour.channels;
    let [other_red, other_green, other_blue] = other.channels;
    let channels = [mix(red, other_red), mix(green, other_green), mix(blue, other_blue)];
    Colour { channels: channels.map(|channel| u8::try_from(channel).unwrap_or(u8::MAX)) }
}

fn hex(colour: Colour) -> String {
    let [red, green, blue] = colour.channels;
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    /// WCAG 2.2, 1.4.3, for every accent that the options let through.
    #[test]
    fn text_can_be_read_in_every_accent_in_the_light_and_in_the_dark() {
        for accent in ["#1d6a50", "#0000ff", "#767676", "#000000", "#c2185b", "#b35900", "#5b21b6", "#00008b"] {
            let accent = Colour::parse(accent).unwrap();
            assert!(accent.contrast(Colour::WHITE) >= READABLE, "the options let it through");
            let [strong, notice] = light(accent);
            let [dark, dark_strong] = dark(accent);
            for (text, ground) in [
                (strong, notice),
                (strong, Colour::WHITE),
                (Colour::WHITE, strong),
                (dark, DARK_GROUND),
                (dark_strong, DARK_GROUND),
                (Colour::BLACK, dark),
                (Colour::BLACK, dark_strong),
            ] {
                assert!(text.contrast(ground) >= READABLE, "{} on {}", hex(text), hex(ground));
            }
        }
    }

    #[test]
    fn the_sheet_is_plain_css_that_names_both_schemes() {
        let sheet = style(Colour::parse("#5b21b6").unwrap());
        assert!(sheet.starts_with(":root { --accent: #5b21b6;") && sheet.contains("prefers-color-scheme: dark"));
        assert!(sheet.chars().all(|c| c.is_ascii_graphic() || c == ' ' || c == '\n'));
    }
}
