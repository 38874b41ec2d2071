//! Pages: templates and their texts, the brand, assets, and the page that explains a problem. Imports no room.

mod assets;
mod brand;
mod limited;
mod templates;
mod texts;
mod view;

pub use assets::{routes as asset_routes, send as send_asset, version as asset_version};
pub use brand::BrandError;
pub use limited::limited;
pub use templates::{Pages, Sample, TemplateError, html};
pub use texts::TextError;
pub use view::{View, explain, page_samples};
