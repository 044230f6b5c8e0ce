//! Puts the program together from its configuration: the one module that names adapters.

pub mod backup;
mod opening;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use poem::Response;
use poem::endpoint::BoxEndpoint;
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use watchkeeper_adapters::clock::{DatabaseClock, MEASURE_EVERY, SystemClock};
use watchkeeper_adapters::connections;
use watchkeeper_adapters::connectivity::ConnectivityCheck;
use watchkeeper_adapters::console::ConsoleNotifier;
use watchkeeper_adapters::feed::{LocalFeed, PostgresFeed};
use watchkeeper_adapters::http::{HttpProber, trusted_roots};
use watchkeeper_adapters::id::SystemIds;
use watchkeeper_adapters::password::Argon2Hasher;
use watchkeeper_adapters::postgres::PostgresStore;
use watchkeeper_adapters::sqlite::SqliteStore;
use watchkeeper_adapters::token::{JwtIssuer, JwtSecret};
use watchkeeper_domain::check::Region;
use watchkeeper_domain::port::{
    Clock, Connectivity, EventFeed, IdGenerator, Notifier, PasswordHasher, Prober, RepoError, Store,
};
use watchkeeper_domain::retry::Backoff;
use watchkeeper_domain::usecase::{Accounts, Dispatch, History, Memory, Monitors, Watch, Workspaces};

use opening::Unopened;

use crate::config::{Database, Settings};
use crate::engine::Engine;
use crate::engine::dispatcher::Punctual;
use crate::engine::metrics::Metrics;
use crate::engine::scheduler::HEAD_START;
use crate::failure::Failure;
use crate::store_connections::{Connections, StoreConnections};
use crate::{http, process, secret};

/// How opening a store that does not answer yet is spaced.
const OPENING_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(5), attempts: u32::MAX };

/// How many passwords are hashed at once: each takes a core and about 20 MB for a moment.
const PASSWORDS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// What to do with a database that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Fail.
    None,
    /// Try again until it does.
    UntilItAnswers,
}

/// The adapters, chosen by the configuration, and the use cases on them.
pub struct Wiring {
    opened: Opened,
    /// The store of those who watch,
    store: Arc<dyn Store>,
    /// and of those who serve people, which has connections of its own where connections are many.
    people: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    feed: Arc<dyn EventFeed>,
    ids: Arc<dyn IdGenerator>,
    watch: Watch,
    settings: Settings,
    /// Whether the store had to be waited for.
    was_away: bool,
    /// Ends with the wiring.
    _following: Option<AbortOnDropHandle<()>>,
}

/// The store by its kind, for what is not a port.
#[derive(Clone)]
enum Opened {
    Sqlite(Arc<SqliteStore>),
    Postgres { watching: Arc<PostgresStore>, people: Arc<PostgresStore> },
}

impl Opened {
    /// For those who watch, and for people.
    fn stores(&self) -> (Arc<dyn Store>, Arc<dyn Store>) {
        match self {
            Self::Sqlite(store) => (store.clone(), store.clone()),
            Self::Postgres { watching, people } => (watching.clone(), people.clone()),
        }
    }

    /// What the connections do now.
    fn connections(&self) -> Vec<Connections> {
        let pools = match self {
            Self::Sqlite(store) => vec![(["work", "questions"], store.connections())],
            Self::Postgres { watching, people } => vec![
                (["work", "reading_ahead"], watching.connections()),
                (["changes", "questions"], people.connections()),
            ],
        };
        let named = pools.into_iter().flat_map(|(purposes, pools)| purposes.into_iter().zip(pools));
        let shown = |(purpose, pool)| {
            let connections::Connections { most, in_use, idle } = pool;
            Connections { purpose, most, in_use, idle }
        };
        named.map(shown).collect()
    }
}

impl Wiring {
    /// Opens the store, brings it to the newest schema and makes it ready for the present. `None` where it was told to
    /// stop before the store answered.
    ///
    /// # Errors
    /// Where the store cannot be used, or does not answer and there is no patience.
    pub async fn open(
        settings: &Settings,
        patience: Patience,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, Failure> {
        let (mut attempts, mut told) = (0, String::new());
        loop {
            let Some(opened) = stop.run_until_cancelled(Self::try_open(settings)).await else { return Ok(None) };
            let away = match opened {
                Ok(mut wiring) => {
                    if attempts > 0 {
                        tracing::info!(attempts, "the database answers");
                        wiring.was_away = true;
                    }
                    return Ok(Some(wiring));
                }
                Err(Unopened::Away(error)) if patience == Patience::None => return Err(Failure::Other(error)),
                Err(Unopened::Away(error)) => error,
                Err(Unopened::Unusable(failure)) => return Err(failure),
            };
            attempts += 1;
            // A reason is told once, and again only when another one has come in its place.
            let reason = format!("{away:#}");
            if reason != told {
                tracing::warn!(error = reason, "the database does not answer; trying again until it does");
                told = reason;
            }
            let pause = OPENING_BACKOFF.wait(attempts, SystemIds.chance()).unwrap_or(OPENING_BACKOFF.longest);
            let _ = stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    async fn try_open(settings: &Settings) -> Result<Self, Unopened> {
        let ids: Arc<dyn IdGenerator> = Arc::new(SystemIds);
        match settings.database() {
            Database::Sqlite { file } => {
                let store = opening::sqlite(&file, Arc::clone(&ids)).await?;
                let (store, clock) = (Arc::new(store), Arc::new(SystemClock));
                let wiring = Self::over(settings, Opened::Sqlite(store), clock, Arc::new(LocalFeed::default()), ids)?;
                // This process holds the file: whoever held it before will record nothing more.
                wiring.store.void_leases(&wiring.watch.region, wiring.clock.now()).await?;
                wiring.store.prepare(wiring.clock.now()).await?;
                Ok(wiring)
            }
            Database::Postgres { url } => {
                let store = Arc::new(opening::postgres(&url, Arc::clone(&ids)).await?);
                store.migrate().await?;
                let clock = Arc::new(DatabaseClock::start(Arc::clone(&store)).await?);
                let feed = Arc::new(PostgresFeed::start(store.pool().clone(), ids.uuid()));
                let following = tokio::spawn(follow(Arc::clone(&clock)));
                let people = Arc::new(store.apart(opening::FOR_PEOPLE));
                let opened = Opened::Postgres { watching: store, people };
                let mut wiring = Self::over(settings, opened, clock, feed, ids)?;
                wiring._following = Some(AbortOnDropHandle::new(following));
                wiring.store.prepare(wiring.clock.now()).await?;
                Ok(wiring)
            }
        }
    }

    fn over(
        settings: &Settings,
        opened: Opened,
        clock: Arc<dyn Clock>,
        feed: Arc<dyn EventFeed>,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Self, Unopened> {
        let prober = HttpProber::new(settings.allow_targets.clone(), trusted_roots())
            .map_err(|error| Unopened::Unusable(error.into()))?;
        let prober: Arc<dyn Prober> = Arc::new(prober);
        let (store, people) = opened.stores();
        let named = &settings.network_checks.0;
        let connectivity = (!named.is_empty()).then(|| {
            let addresses = named.iter().map(|named| (named.host.clone(), named.port));
            Arc::new(ConnectivityCheck::new(addresses.collect())) as Arc<dyn Connectivity>
        });
        let watch = Watch {
            checks: store.clone(),
            monitors: store.clone(),
            prober,
            connectivity,
            feed: Arc::clone(&feed),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            region: Region::default(),
            memory: Arc::new(Memory::default()),
        };
        Ok(Self {
            opened,
            store,
            people,
            clock,
            feed,
            ids,
            watch,
            settings: settings.clone(),
            was_away: false,
            _following: None,
        })
    }

    /// Shows what the process takes, and how busy the store's connections are.
    fn show_the_rest(&self, registry: &mut Registry) {
        process::register(registry);
        let opened = self.opened.clone();
        registry.register_collector(Box::new(StoreConnections(move || opened.connections())));
    }

    /// The engine.
    pub fn engine(&self, registry: &mut Registry) -> Engine {
        let console: Arc<dyn Notifier> = Arc::new(Punctual(Arc::new(ConsoleNotifier::stdout())));
        Engine {
            watch: self.watch.clone(),
            dispatch: Dispatch::new(self.store.clone(), [console], Arc::clone(&self.clock), Arc::clone(&self.ids)),
            upkeep: self.store.clone(),
            retention: self.settings.retention(),
            head_start: if self.was_away { HEAD_START } else { Duration::ZERO },
            workers: usize::try_from(self.settings.workers).unwrap_or(usize::MAX),
            metrics: Metrics::register(registry),
        }
    }

    /// What operators are answered by a node that serves nobody else; it shows the registry.
    pub fn site_for_operators(&self, mut registry: Registry) -> BoxEndpoint<'static, Response> {
        self.show_the_rest(&mut registry);
        let metrics = http::Metrics::register(&mut registry);
        http::operators(self.store.clone(), Arc::new(registry), metrics, &site_settings(&self.settings))
    }

    /// What the HTTP side is made of; it shows the registry, and has checks on request made by those who watch.
    ///
    /// # Errors
    /// Where the token secret cannot be kept, or is not the one of the other nodes on the database.
    pub async fn site(
        &self,
        mut registry: Registry,
        watching: Handle,
        stop: CancellationToken,
    ) -> Result<(http::Parts, http::Settings), Failure> {
        let secret = self.secret(&stop).await?;
        self.show_the_rest(&mut registry);
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        let hasher: Arc<dyn PasswordHasher> = Arc::new(Argon2Hasher::new(PASSWORDS_AT_ONCE));
        let accounts = Accounts {
            users: self.people.clone(),
            sessions: self.people.clone(),
            hasher,
            tokens: Arc::new(JwtIssuer::new(&secret)),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            policy: self.settings.signup,
        };
        let monitors = Monitors {
            repo: self.people.clone(),
            clock: Arc::clone(&clock),
            ids,
            guard: self.settings.allow_targets.clone(),
            least_interval: self.settings.min_interval_seconds,
            most_monitors: self.settings.max_monitors,
        };
        let workspaces =
            Workspaces { repo: self.people.clone(), clock: Arc::clone(&clock), retention: self.settings.retention() };
        let history = History {
            workspaces: self.people.clone(),
            repo: self.people.clone(),
            incidents: self.people.clone(),
            clock: Arc::clone(&clock),
            retention: self.settings.retention(),
            region: self.watch.region.clone(),
        };
        let parts = http::Parts {
            accounts,
            monitors,
            history,
            workspaces,
            on_request: http::OnRequest { watch: self.watch.clone(), watching },
            feed: Arc::clone(&self.feed),
            upkeep: self.people.clone(),
            clock,
            metrics: http::Metrics::register(&mut registry),
            registry: Arc::new(registry),
            stop,
        };
        Ok((parts, site_settings(&self.settings)))
    }

    /// The secret that tokens are signed with: the configured one, or the one in the data directory.
    async fn secret(&self, stop: &CancellationToken) -> Result<JwtSecret, Failure> {
        let text = match &self.settings.jwt_secret {
            Some(secret) => secret.clone(),
            None => secret::keep(&self.settings.data_dir, JwtSecret::make).map_err(Failure::configuration)?,
        };
        let secret = JwtSecret::new(text.expose_secret().as_bytes().to_vec()).map_err(Failure::configuration)?;
        let fingerprint = secret.fingerprint();
        if self.adopted(&fingerprint, stop).await? == fingerprint {
            return Ok(secret);
        }
        Err(Failure::configuration(anyhow!(
            "WATCHKEEPER_JWT_SECRET: the nodes on this database sign with another secret; give this node the same one \
             (docs/operations.md says how to change it)"
        )))
    }

    /// The fingerprint that the nodes of this database sign with: the given one where there was none. A database that
    /// goes away meanwhile is waited for, until told to stop.
    async fn adopted(&self, fingerprint: &str, stop: &CancellationToken) -> Result<String, Failure> {
        let mut attempts = 0;
        loop {
            match self.store.adopt_fingerprint(fingerprint).await {
                Err(RepoError::Unavailable(_)) if !stop.is_cancelled() => attempts += 1,
                answer => return Ok(answer.context("the token secret cannot be compared")?),
            }
            let pause = OPENING_BACKOFF.wait(attempts, self.ids.chance()).unwrap_or(OPENING_BACKOFF.longest);
            let _ = stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// What a newer node has done to the schema, if anything, that this program cannot live with. A database that is away
    /// says nothing.
    pub async fn outgrown(&self) -> Option<Failure> {
        match &self.opened {
            // One process holds the file.
            Opened::Sqlite(_) => None,
            Opened::Postgres { watching, .. } => Some(Failure::from(watching.outgrown().await.ok()??)),
        }
    }

    /// Lets go of the store in good order.
    pub async fn close(self) {
        if let Opened::Sqlite(store) = &self.opened {
            store.close().await;
        }
    }
}

/// Keeps the clock on the database's time. While the database is away the clock goes on by itself.
async fn follow(clock: Arc<DatabaseClock<Arc<PostgresStore>>>) {
    loop {
        sleep(MEASURE_EVERY).await;
        if let Err(error) = clock.step().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the database's time could not be measured");
        }
    }
}

/// How the HTTP side is to behave.
pub(crate) fn site_settings(settings: &Settings) -> http::Settings {
    http::Settings { public_url: settings.public_url.clone(), trusted_proxies: settings.trusted_proxies.0.clone() }
}
