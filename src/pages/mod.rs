//! Pages: templates and their texts, the brand, assets, and the page that explains a problem. Imports no room.

mod assets;
mod brand;
mod devices;
mod embedded;
mod explained;
mod frame;
mod served;
mod templates;
mod texts;
mod view;

pub use assets::routes as asset_routes;
pub use brand::BrandError;
pub use devices::device_name;
pub use explained::explained;
pub use served::ServedFile;
pub use templates::{Pages, Sample, TemplateError, html};
pub use texts::TextsError;
pub use view::{View, form_problem, kept, page_samples};
