/// Why a report cannot be written in a format.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// JSON and SARIF.
    #[error("JSON")]
    Json(#[from] serde_json::Error),
    /// JUnit.
    #[error("XML")]
    Xml(#[from] quick_junit::SerializeError),
    /// The page.
    #[error("HTML")]
    Page(#[from] minijinja::Error),
}
