use super::Problem;
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use minijinja::{AutoEscape, Environment, Value};
use rust_embed::RustEmbed;
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/templates"]
#[include = "*.html"]
struct Templates;

/// The templates, embedded, read once. Everything they show is escaped.
#[derive(Debug, Clone)]
pub struct Pages(Arc<Environment<'static>>);

/// A template that does not parse. A test renders them all, so nobody should ever see this.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file is not UTF-8.
    #[error("the template {0} is not UTF-8")]
    NotText(String),
    /// The file does not parse.
    #[error("the template does not parse")]
    Unparsable(#[from] minijinja::Error),
}

impl Pages {
    /// Parses all templates.
    ///
    /// # Errors
    /// When one does not parse.
    pub fn load() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_name| AutoEscape::Html);
        for name in Templates::iter() {
            let Some(file) = Templates::get(&name) else { continue };
            let text = String::from_utf8(file.data.into_owned());
            let text = text.map_err(|_not_utf8| TemplateError::NotText(name.to_string()))?;
            environment.add_template_owned(name.into_owned(), text)?;
        }
        Ok(Self(Arc::new(environment)))
    }

    /// Renders one page.
    ///
    /// # Errors
    /// 500 when the template fails; the log says why.
    pub fn render(&self, template: &str, context: Value) -> Result<String, Problem> {
        let rendered = self.0.get_template(template).and_then(|template| template.render(context));
        rendered.map_err(|error| {
            tracing::error!(template, error = format!("{error:#}"), "page.failed");
            Problem::internal()
        })
    }
}

/// An HTML answer that nobody keeps.
#[must_use]
pub fn html(status: StatusCode, page: String) -> HttpResponse {
    let no_store = (header::CACHE_CONTROL, "no-store");
    HttpResponse::build(status).insert_header(no_store).content_type("text/html; charset=utf-8").body(page)
}
