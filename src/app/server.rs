use super::{
    AppError, House, Migrations, background_tasks::BackgroundTasks, description, load_pages, routes::Shared, scrape,
};
use crate::{
    audit,
    config::{Config, USUAL_METRICS},
    http::{
        CONNECTIONS, Connections, Limits, Readiness, expect_bursts, limit_writes, metrics_server, middleware,
        security_headers,
    },
    kernel::Duration,
    openapi::ServedDocument,
    pages::{Pages, explained},
    passwords::HashingLimits,
};
use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web::Data,
};
use private_postgres::Tenant;
use std::net::{SocketAddr, TcpListener};

/// How long requests in flight may take once the server is stopping, in seconds.
const DRAIN_SECONDS: u64 = 28;
/// How long `/readyz` answers 503 before the server stops listening, so that load balancers notice.
const NOTICE: Duration = Duration::from_secs(1);
/// How long an idle connection is kept. Longer than proxies and client libraries keep theirs, so that they
/// close it, and no request hits a connection that is closing.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The server: the house and its front door.
pub struct Application {
    house: House,
    readiness: Readiness,
    limits: Limits,
    pages: Pages,
    server: Server,
    metrics: Option<(SocketAddr, Server)>,
}

impl Application {
    /// Opens the house and the door at `listener`, which may have been bound to port 0.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn build(config: Config, listener: TcpListener, migrations: Migrations) -> Result<Self, AppError> {
        let pages = load_pages(&config.brand, &config.http)?;
        let house = House::open(config, Tenant::Server, migrations).await?;
        let (readiness, limits) = (readiness(&house), Limits::new(HashingLimits::for_this_machine().threads));
        let door = front_door(&house, &readiness, &limits, pages.clone(), listener);
        let doors = door.and_then(|door| Ok((door, metrics_door(&house)?)));
        match doors {
            Ok((server, metrics)) => Ok(Self { house, readiness, limits, pages, server, metrics }),
            Err(error) => {
                house.close().await?;
                Err(error)
            }
        }
    }

    /// Closes the house without having served.
    ///
    /// # Errors
    /// When the private Postgres does not stop.
    pub async fn close(self) -> Result<(), AppError> {
        self.house.close().await
    }

    /// Where metrics are served, if anywhere.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// The rooms.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Serves until `stop` is done; then tells load balancers, answers what is in flight, and closes the house.
    ///
    /// # Errors
    /// When the HTTP server fails or the private Postgres does not stop.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let Self { house, readiness, limits, pages, server, metrics } = self;
        let handle = server.handle();
        let metrics = metrics.map(|(_, server)| (server.handle(), tokio::spawn(server)));
        let tasks = BackgroundTasks::start(&house, limits, pages);
        let watch = async {
            match &house.private {
                Some(private) => private.watch().await,
                None => std::future::pending().await,
            }
        };
        let served = tokio::select! {
            served = server => served.map_err(AppError::Http),
            () = drain(stop, &readiness, &house, &handle) => Ok(()),
            () = watch => Ok(()),
        };
        tasks.stop();
        Box::pin(audit::settle(&house.world)).await;
        if let Err(error) = house.sessions.count_in_last(&house.connector).await {
            tracing::warn!(error = error.chain(), "sessions.not_counted");
        }
        if let Some((handle, server)) = metrics {
            handle.stop(false).await;
            server.abort();
        }
        house.close().await?;
        tracing::info!("app.stopped");
        served
    }
}

async fn drain(stop: impl Future<Output = ()>, readiness: &Readiness, house: &House, handle: &ServerHandle) {
    stop.await;
    tracing::info!("app.draining");
    readiness.begin_draining();
    house.sessions.stream().end();
    tokio::time::sleep(NOTICE).await;
    handle.stop(true).await;
}

fn front_door(
    house: &House,
    readiness: &Readiness,
    limits: &Limits,
    pages: Pages,
    listener: TcpListener,
) -> Result<Server, AppError> {
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let shared = Shared {
        world: Data::new(house.world.clone()),
        accounts: Data::new(house.accounts.clone()),
        keys: Data::new(house.keys.clone()),
        sessions: Data::new(house.sessions.clone()),
        mail: Data::new(house.mail.clone()),
        lifecycle: Data::new(house.lifecycle.clone()),
        upstream: Data::new(house.upstream.clone()),
        cursors: Data::new(house.cursors.clone()),
        readiness: Data::new(readiness.clone()),
        pages: Data::new(pages),
        headers: Data::new(security_headers(&house.world.config.http)),
        limits: Data::new(limits.clone()),
        document: Data::new(ServedDocument::of(description)),
    };
    let server = HttpServer::new(move || {
        let shared = shared.clone();
        let app = App::new().configure(move |config| shared.configure(config));
        app.wrap(from_fn(explained)).wrap(from_fn(middleware))
    });
    let prepared = expect_bursts(&listener).and_then(|()| limit_writes(&listener));
    prepared.map_err(|source| AppError::Listen { address: address.clone(), source })?;
    let (connections, proxies) = (Connections::default(), house.world.config.http.trusted_proxies.clone());
    let server = server
        .workers(workers())
        .max_connections(CONNECTIONS.div_ceil(workers()))
        .on_connect(move |stream, data| connections.opened(stream, data, &proxies))
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        // Whoever closes their half of the connection has gone: see `http::client_still_waits`.
        .h1_allow_half_closed(false)
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals();
    let listening = server.listen(listener).map_err(|source| AppError::Listen { address, source })?;
    Ok(listening.run())
}

/// One thread for each core: since rotations share statements, the server and not Postgres is the limit
/// (docs/performance.md).
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Reads the state of the revocation feed at the moment of each question.
fn readiness(house: &House) -> Readiness {
    let (sessions, clock) = (house.sessions.clone(), house.world.clock.clone());
    Readiness::new(move || sessions.revocations().is_trusted(clock.uptime()))
}

/// The listener for metrics, on a port of its own. A second instance on the same machine finds the default port in use:
/// that is logged, and the instance serves without metrics.
fn metrics_door(house: &House) -> Result<Option<(SocketAddr, Server)>, AppError> {
    let Some(address) = house.world.config.http.metrics_bind else { return Ok(None) };
    let refused = |source| AppError::Listen { address: address.to_string(), source };
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) if address == USUAL_METRICS => {
            tracing::warn!(%address, %error, "app.no_metrics: set HEIRLOOM_METRICS_BIND, or leave it empty");
            return Ok(None);
        }
        Err(error) => return Err(refused(error)),
    };
    let address = listener.local_addr().unwrap_or(address);
    let server = metrics_server(listener, scrape::of(house)).map_err(refused)?;
    Ok(Some((address, server)))
}
