use super::{Problem, kind};
use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    http::header,
    web::{Data, to},
};
use std::{fmt, io, net::TcpListener, sync::Arc};

/// Reads every metric, now.
#[derive(Clone)]
pub struct Scrape(Arc<dyn Fn() -> String + Send + Sync>);

impl Scrape {
    /// A way to read them.
    pub fn new(read: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

/// `GET /metrics` on a port of its own, which stays off the internet, and nothing else there.
///
/// # Errors
/// When the port cannot be listened on.
pub fn metrics_server(listener: TcpListener, scrape: Scrape) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        let app = App::new().app_data(Data::new(scrape.clone()));
        app.route("/metrics", actix_web::web::get().to(metrics)).default_service(to(elsewhere))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

async fn metrics(scrape: Data<Scrape>) -> HttpResponse {
    let page = (scrape.0)();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(page)
}

async fn elsewhere() -> Result<HttpResponse, Problem> {
    Err(Problem::new(kind::NOT_FOUND, "Only GET /metrics is served here."))
}
