//! Assembles the rooms, listens, drains. The only file that knows every room.

mod chores;
mod description;
mod pages;
mod scrape;

pub use description::description;
pub use pages::load as load_pages;

use self::chores::Chores;
use crate::{
    account,
    accounts::{Accounts, AccountsError},
    admin, audit,
    config::{Config, MasterKeyFileError, USUAL_METRICS, master_key_beside},
    kernel::{Clock, Duration, Entropy, MacKeys, Metrics, World},
    keys::{self, Keys, KeysError},
    login,
    mail::{Mail, MailError},
    postgres::{Connector, Database, DatabaseError, MigrateError, Pooling},
    sessions::{self, Sessions},
    web::{self, Cursors, Limits, Pages, Problem, Readiness, TemplateError, paths},
};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web::{Data, ServiceConfig, to},
};
use private_postgres::{PrivatePostgres, Settings, StartError, StopError, Tenant};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

/// How long requests in flight may take once the server wants to end, in seconds.
const DRAIN_SECONDS: u64 = 28;
/// How long `/readyz` says 503 before the server stops to listen, so that load balancers notice.
const NOTICE: Duration = Duration::from_secs(1);
/// How long an idle connection is kept. Longer than proxies and client libraries keep theirs, so that it is them who
/// close it, and no request meets a closed door.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The rooms, without the front door: what the server and the commands share.
#[derive(Debug)]
pub struct House {
    /// Database, clock, chance, options.
    pub world: World,
    /// People.
    pub accounts: Accounts,
    /// Signing keys.
    pub keys: Keys,
    /// Sessions.
    pub sessions: Sessions,
    /// Letters.
    pub mail: Mail,
    /// Makes and reads cursors of lists.
    pub cursors: Cursors,
    /// Connections of one's own, past the pool.
    pub connector: Connector,
    private: Option<PrivatePostgres>,
}

/// What to do about migrations at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    /// Apply what is missing.
    Apply,
    /// Somebody else does: refuse to start when any is missing.
    Require,
}

/// Why the house cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The private Postgres did not start.
    #[error("the private Postgres cannot be started")]
    Private(#[from] StartError),
    /// It did not stop.
    #[error("the private Postgres cannot be stopped")]
    Stop(#[from] StopError),
    /// The master key beside it cannot be had.
    #[error("the master key cannot be had")]
    MasterKey(#[from] MasterKeyFileError),
    /// The database gave no answer.
    #[error("the database cannot be used")]
    Database(#[from] DatabaseError),
    /// None of several hosts is the primary.
    #[error("none of the hosts in DATABASE_URL accepts writes")]
    NoPrimary,
    /// A pooler in transaction mode that would mix up our statements.
    #[error(
        "DATABASE_URL leads through a pooler in transaction mode that does not keep track of prepared statements: \
         queries would return rows of other queries. Use its session mode, or PgBouncer 1.21 or later with \
         max_prepared_statements above 0, or connect directly"
    )]
    UnsafePooler,
    /// Migrations failed.
    #[error("the database cannot be migrated")]
    Migrate(#[from] MigrateError),
    /// Migrations are missing.
    #[error("migrations are missing: run `heirloom migrate`, or start without --no-migrate")]
    NotMigrated,
    /// Signing keys.
    #[error("the signing keys cannot be had")]
    Keys(#[from] KeysError),
    /// Passwords.
    #[error("passwords cannot be hashed")]
    Accounts(#[from] AccountsError),
    /// Letters.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Templates.
    #[error("the pages cannot be read")]
    Pages(#[from] TemplateError),
    /// Sockets.
    #[error("cannot listen on {address}: is another server using it?")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The HTTP server failed.
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
}

impl House {
    /// Opens the rooms: finds or starts the database, migrates it, reads the keys.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn open(config: Config, tenant: Tenant, migrations: Migrations) -> Result<Self, AppError> {
        let (private, connector) = open_database(&config, tenant).await?;
        match Self::furnish(config, connector, private.is_some(), migrations).await {
            Ok(house) => Ok(Self { private, ..house }),
            Err(error) => {
                // Nobody else would stop it.
                if let Some(private) = private {
                    private.stop().await?;
                }
                Err(error)
            }
        }
    }

    async fn furnish(
        config: Config,
        connector: Connector,
        is_private: bool,
        migrations: Migrations,
    ) -> Result<Self, AppError> {
        let (entropy, clock) = (Entropy::system(), Clock::start());
        let master_keys = match &config.master_keys {
            Some(keys) => keys.clone(),
            None => master_key_beside(&config.database.data_dir, &entropy)?,
        };
        if connector.has_choice() && !connector.find_primary().await {
            return Err(AppError::NoPrimary);
        }
        if !is_private && connector.pooling().await? == Pooling::Unsafe {
            return Err(AppError::UnsafePooler);
        }
        // Before anything is changed there: it may be another database.
        if config.database.direct_url.is_some() {
            drop(connector.listen(&[]).await?);
        }
        match migrations {
            Migrations::Apply => drop(connector.migrate().await?),
            Migrations::Require if connector.missing_migrations().await?.is_empty() => {}
            Migrations::Require => return Err(AppError::NotMigrated),
        }
        let db = Database::new(connector.pooled(), config.database.max_connections);
        clock.heard(db.now().await?);
        let audit_keys = MacKeys::new(&master_keys, audit::KEY_PURPOSE);
        let world = World { db, clock, entropy, audit_keys, metrics: Metrics::new(), config: Arc::new(config) };
        let keys = Keys::open(world.clone(), &master_keys).await?;
        Ok(Self {
            accounts: Accounts::open(world.clone(), &master_keys)?,
            sessions: Sessions::new(world.clone(), keys.clone(), &master_keys),
            mail: Mail::open(world.clone(), &master_keys)?,
            cursors: Cursors::new(&master_keys),
            keys,
            world,
            connector,
            private: None,
        })
    }

    /// Closes the database's connections and leaves the private Postgres.
    ///
    /// # Errors
    /// When the private Postgres does not stop.
    pub async fn close(self) -> Result<(), AppError> {
        self.world.db.close().await;
        match self.private {
            Some(private) => Ok(private.stop().await?),
            None => Ok(()),
        }
    }
}

/// Finds the database, or starts the private one.
///
/// # Errors
/// When the private one does not start.
pub async fn open_database(config: &Config, tenant: Tenant) -> Result<(Option<PrivatePostgres>, Connector), AppError> {
    if config.database.url.is_some() {
        return Ok((None, Connector::new(&config.database, None)));
    }
    let private = PrivatePostgres::start(&private_settings(config), tenant).await?;
    let connector = Connector::new(&config.database, Some(private.connect_options()));
    Ok((Some(private), connector))
}

/// Where the private Postgres lives that is used when no other is named.
#[must_use]
pub fn private_settings(config: &Config) -> Settings {
    Settings {
        data_dir: config.database.data_dir.clone(),
        binaries: config.database.binaries.clone(),
        search_path: config.database.search_path.clone(),
    }
}

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
        let pages = load_pages(&config.brand)?;
        let house = House::open(config, Tenant::Server, migrations).await?;
        let (readiness, limits) = (readiness(&house), Limits::new());
        let door = front_door(&house, (&readiness, &limits), pages.clone(), listener);
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

    /// Where metrics are told, if anywhere.
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
        let chores = Chores::start(&house, limits, pages);
        let watch = async {
            match &house.private {
                Some(private) => private.watch().await,
                None => std::future::pending().await,
            }
        };
        let served = tokio::select! {
            served = server => served.map_err(AppError::Http),
            () = drain(stop, &readiness, &handle) => Ok(()),
            () = watch => Ok(()),
        };
        chores.stop();
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

async fn drain(stop: impl Future<Output = ()>, readiness: &Readiness, handle: &ServerHandle) {
    stop.await;
    tracing::info!("app.draining");
    readiness.begin_draining();
    tokio::time::sleep(NOTICE).await;
    handle.stop(true).await;
}

fn front_door(
    house: &House,
    (readiness, limits): (&Readiness, &Limits),
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
        cursors: Data::new(house.cursors.clone()),
        readiness: Data::new(readiness.clone()),
        pages: Data::new(pages),
        headers: Data::new(web::security_headers(&house.world.config.http)),
        limits: Data::new(limits.clone()),
        document: Data::new(web::ServedDocument::of(&description())),
    };
    let server = HttpServer::new(move || {
        let shared = shared.clone();
        let app = App::new().configure(move |config| shared.configure(config));
        app.wrap(from_fn(web::limited)).wrap(from_fn(web::manners))
    });
    let server = server
        .workers(workers())
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        // Whoever closes their half of the connection has gone: see `web::somebody_waits`.
        .h1_allow_half_closed(false)
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals();
    let listening = server.listen(listener).map_err(|source| AppError::Listen { address, source })?;
    Ok(listening.run())
}

/// Half of the cores: the others are Postgres' and the hashing's. A connection to Postgres is woken on the thread that made
/// it, so that each further thread costs every rotation some wakings.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// Bound to what is heard of revocations at the moment at which somebody asks.
fn readiness(house: &House) -> Readiness {
    let (sessions, clock) = (house.sessions.clone(), house.world.clock.clone());
    Readiness::new(move || sessions.revocations().is_trusted(clock.uptime()))
}

/// The door for metrics, on a port of its own. At its usual place a second instance on the same machine finds it taken:
/// that is told, and no reason not to serve.
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
    let server = web::metrics_server(listener, scrape::of(house)).map_err(refused)?;
    Ok(Some((address, server)))
}

/// What every request may ask for.
#[derive(Clone)]
struct Shared {
    world: Data<World>,
    accounts: Data<Accounts>,
    keys: Data<Keys>,
    sessions: Data<Sessions>,
    mail: Data<Mail>,
    cursors: Data<Cursors>,
    readiness: Data<Readiness>,
    pages: Data<Pages>,
    headers: Data<web::SecurityHeaders>,
    limits: Data<Limits>,
    document: Data<web::ServedDocument>,
}

impl Shared {
    fn configure(self, config: &mut ServiceConfig) {
        let options = self.world.config.http.clone();
        config
            .app_data(self.world)
            .app_data(self.accounts)
            .app_data(self.keys)
            .app_data(self.sessions)
            .app_data(self.mail)
            .app_data(self.cursors)
            .app_data(self.readiness)
            .app_data(self.pages)
            .app_data(self.headers)
            .app_data(self.limits)
            .app_data(self.document)
            .configure(web::health_routes)
            .configure(web::asset_routes)
            .configure(web::docs_routes)
            .configure(keys::routes)
            .configure(login::page_routes)
            .configure(account::page_routes)
            .configure(admin::page_routes)
            .service(actix_web::web::scope(paths::API).wrap(web::cors(&options)).configure(api))
            .default_service(to(nothing_here));
    }
}

/// The API, behind CORS.
fn api(config: &mut ServiceConfig) {
    config
        .configure(login::api_routes)
        .configure(sessions::routes)
        .configure(account::api_routes)
        .configure(admin::api_routes)
        .configure(web::openapi_routes)
        .default_service(to(nothing_here));
}

/// A person gets a page, a program a problem.
async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, Problem> {
    web::explain(&request, Problem::not_found("endpoint"))
}
