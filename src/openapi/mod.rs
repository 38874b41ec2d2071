//! The description of the HTTP interface: `OpenAPI` 3.1, made of the wire types, the paths and the kinds of problems.
//!
//! 1. A wire type derives `ToSchema`, a query `IntoParams`: beside `Serialize` and `Deserialize`, so that they agree.
//! 2. Each handler is described beside it with `#[utoipa::path]`. `x-problems` names its own problem codes; `x-unlimited` says
//!    that no rate limit applies. Both are replaced by answers when the document is assembled.
//! 3. `app/` gathers them into one [`Document`], once; [`routes`] serves it, the page at `/docs` shows it.

mod document;
mod operation;
mod problems;
mod serve;

pub use document::Document;
pub use serve::{ServedDocument, described, page_routes, page_samples, routes};

use serde_json::Value;
use utoipa::ToSchema;

/// Schemas by name.
type Schemas = serde_json::Map<String, Value>;

/// A reference to a type's schema, which is put among `schemas` with all that it leans on.
fn reference<T: ToSchema>(schemas: &mut Schemas) -> Value {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    for (name, schema) in found {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
    serde_json::json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
}
