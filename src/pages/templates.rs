use super::{
    BrandError, ServedFile, TextsError,
    brand::Brand,
    devices::DEVICES,
    embedded,
    frame::client_frame,
    texts::{Texts, filling, unbroken},
};
use crate::{
    config::{BrandOptions, HttpOptions, Origin},
    http::{Language, Problem},
};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use fluent_bundle::FluentValue;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value, context, value::Kwargs, value::Rest,
    value::Serde,
};
use rust_embed::RustEmbed;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/templates"]
#[include = "*.html"]
#[include = "*.txt"]
struct Templates;

/// The templates with the texts of every language, read once. Everything they show is escaped.
#[derive(Debug, Clone)]
pub struct Pages(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    english: Environment<'static>,
    korean: Environment<'static>,
    brand: Brand,
    frame: Option<ServedFile>,
}

/// Why the pages cannot be loaded. Tests render all built-in ones, so this is about the operator's own files.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file is not UTF-8.
    #[error("the template {0} is not UTF-8")]
    NotText(String),
    /// A template's file or its folder cannot be read.
    #[error("HEIRLOOM_TEMPLATES_DIR: {path:?} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not parse, or cannot be rendered.
    #[error("the template {0} is broken")]
    Broken(String, #[source] Error),
    /// The texts cannot be read.
    #[error("the texts cannot be read")]
    Texts(#[from] TextsError),
    /// The logo cannot be read.
    #[error("the logo cannot be shown")]
    Brand(#[from] BrandError),
}

/// A template with values for it. Each room provides samples of its pages, so that the start can render all of them.
pub type Sample = (&'static str, Value);

impl Pages {
    /// Parses all templates, those of the folder in the options instead of the built-in ones, and compresses the assets.
    ///
    /// # Errors
    /// When one does not parse, or the logo or the folder cannot be read.
    pub fn load(options: &BrandOptions, http: &HttpOptions) -> Result<Self, TemplateError> {
        embedded::prepare();
        let brand = Brand::load(options)?;
        let templates = templates(options.templates_dir.as_deref())?;
        let origins: Vec<_> = std::iter::once(http.public_url.origin()).chain(&http.allowed_origins).collect();
        let in_language = |language| {
            let mut environment = environment(language, &templates)?;
            add_site(&mut environment, &brand, &origins);
            Ok::<_, TemplateError>(environment)
        };
        let (english, korean) = (in_language(Language::English)?, in_language(Language::Korean)?);
        Ok(Self(Arc::new(Inner { english, korean, brand, frame: client_frame(http) })))
    }

    /// Renders each of these pages in every language, without using the result.
    ///
    /// # Errors
    /// For the first that cannot be rendered.
    pub fn try_all(&self, samples: impl IntoIterator<Item = Sample>) -> Result<(), TemplateError> {
        for (template, context) in samples {
            for language in Language::ALL {
                let rendered = self.rendered(language, template, &context);
                rendered.map_err(|error| TemplateError::Broken(template.to_owned(), error))?;
            }
        }
        Ok(())
    }

    /// Renders one page.
    ///
    /// # Errors
    /// 500 when the template fails; the reason is logged.
    pub fn render(&self, language: Language, template: &str, context: &Value) -> Result<String, Problem> {
        self.rendered(language, template, context).map_err(|error| {
            tracing::error!(template, error = format!("{error:#}"), "page.failed");
            Problem::internal()
        })
    }

    fn rendered(&self, language: Language, template: &str, context: &Value) -> Result<String, Error> {
        let environment = match language {
            Language::English => &self.0.english,
            Language::Korean => &self.0.korean,
        };
        environment.get_template(template)?.render(context)
    }

    /// The frame of the browser client, where there is one.
    pub(super) fn client_frame(&self) -> Option<&ServedFile> {
        self.0.frame.as_ref()
    }

    /// A file that was created from the options.
    pub(super) fn brand_file(&self, name: &str) -> Option<&ServedFile> {
        self.0.brand.file(name)
    }
}

/// Names and contents of all templates.
fn templates(folder: Option<&Path>) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut found = BTreeMap::new();
    for name in Templates::iter() {
        let Some(file) = Templates::get(&name) else { continue };
        let text = String::from_utf8(file.data.into_owned());
        found.insert(name.to_string(), text.map_err(|_not_utf8| TemplateError::NotText(name.to_string()))?);
    }
    if let Some(folder) = folder {
        add_own(folder, "", &mut found)?;
    }
    Ok(found)
}

/// Adds the templates of a folder and its subfolders; they replace those of the same name.
fn add_own(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) -> Result<(), TemplateError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| TemplateError::Unreadable { path, source }
    };
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            add_own(&path, &format!("{name}/"), found)?;
        } else if path.extension().is_some_and(|end| end == "html" || end == "txt") {
            found.insert(name, fs::read_to_string(&path).map_err(unreadable(&path))?);
        }
    }
    Ok(())
}

/// The templates in one language: `t(name, …)` is a text, `has_text(name)` whether it exists, `texts(group, …)` the
/// texts for a script.
fn environment(
    language: Language,
    templates: &BTreeMap<String, String>,
) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    let is_text = |name: &str| std::path::Path::new(name).extension().is_some_and(|end| end == "txt");
    environment.set_auto_escape_callback(move |name| if is_text(name) { AutoEscape::None } else { AutoEscape::Html });
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let texts = Texts::load(language)?;
    let (has, grouped) = (texts.clone(), texts.clone());
    environment.add_function("t", move |state: &State<'_, '_>, name: &str, with: Kwargs| {
        let text = said(&texts, name, &with)?;
        Ok::<_, Error>(if state.name().starts_with("mail/") { text } else { unbroken(&text) })
    });
    environment.add_function("has_text", move |name: &str| has.has(name));
    environment.add_function("texts", move |groups: Rest<String>| Value::from(grouped.of_groups(&groups)));
    environment.add_global("lang", language.tag());
    let offered = Language::ALL.map(|offered| context! { tag => offered.tag(), name => offered.name() });
    environment.add_global("languages", offered.to_vec());
    for (name, text) in templates {
        let added = environment.add_template_owned(name.clone(), text.clone());
        added.map_err(|error| TemplateError::Broken(name.clone(), error))?;
    }
    Ok(environment)
}

/// What is the same on all pages of this server: the brand, and the origins at which its pages work. The public URL's
/// comes first.
fn add_site(environment: &mut Environment<'static>, brand: &Brand, origins: &[&Origin]) {
    let Brand { name, terms_url, accent, .. } = brand;
    let (logo, style) = (brand.logo(), brand.style());
    environment.add_global("brand", context! { name, logo, style, terms_url, accent });
    environment.add_global("origins", origins.iter().map(|origin| origin.as_str().to_owned()).collect::<Vec<_>>());
    environment.add_global("devices", Value::from(Serde(&*DEVICES)));
}

fn said(texts: &Texts, name: &str, with: &Kwargs) -> Result<String, Error> {
    let mut pairs = Vec::new();
    for name in with.args() {
        let value: Value = with.get(name)?;
        pairs.push((
            name,
            i64::try_from(value.clone()).map_or_else(|_text| value.to_string().into(), FluentValue::from),
        ));
    }
    texts.say(name, &filling(pairs)).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

/// An HTML answer that is not cached.
#[must_use]
pub fn html(status: StatusCode, page: String) -> HttpResponse {
    let no_store = (header::CACHE_CONTROL, "no-store");
    HttpResponse::build(status).insert_header(no_store).content_type("text/html; charset=utf-8").body(page)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests;
