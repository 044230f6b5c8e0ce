//! How often something may be asked for: auth routes by address, log-ins by account, checks on request by monitor.

mod failure;

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;
use watchkeeper_domain::id::MonitorId;

use super::client::ClientAddress;
use super::problem::{Kind, Problem};
use failure::{Attempt, Failures};

/// How many requests to the auth routes an address may make at once.
const AUTH_BURST: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// How long it takes until it may make one more.
const AUTH_PERIOD: Duration = Duration::from_secs(2);
/// How many checks on request a monitor may have at once.
const MANUAL_CHECK_BURST: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// How long it takes until it may have one more.
const MANUAL_CHECK_PERIOD: Duration = Duration::from_secs(10);
/// How many addresses or monitors are told apart. Beyond that newcomers share one allowance, until others are forgotten.
const MAX_KEYS: usize = 100_000;

/// All limits of one server.
pub(super) struct Limits {
    auth: Limit<ClientAddress>,
    manual_checks: Limit<MonitorId>,
    failures: Failures,
}

impl Limits {
    /// Limits of which nothing is used up.
    pub(super) fn new() -> Self {
        Self {
            auth: Limit::new(AUTH_BURST, AUTH_PERIOD),
            manual_checks: Limit::new(MANUAL_CHECK_BURST, MANUAL_CHECK_PERIOD),
            failures: Failures::default(),
        }
    }

    /// Lets a request to an auth route in.
    ///
    /// # Errors
    /// `TooManyRequests`.
    pub(super) fn admit(&self, client: ClientAddress) -> Result<(), Problem> {
        self.auth.take(&client).map_err(too_many_of_address)
    }

    /// Lets a log-in be tried. It counts as failed until it is forgiven.
    ///
    /// # Errors
    /// `TooManyRequests`, whether or not there is such an account.
    pub(super) fn begin_log_in(&self, email: &str) -> Result<Attempt<'_>, Problem> {
        self.failures.begin(email).map_err(too_many_failures)
    }

    /// Lets a check on request be made.
    ///
    /// # Errors
    /// `TooManyRequests`.
    pub(super) fn admit_manual_check(&self, monitor: MonitorId) -> Result<(), Problem> {
        self.manual_checks.take(&monitor).map_err(too_many_checks)
    }
}

/// What an address hears that asks too often.
pub(super) fn too_many_of_address(wait: Duration) -> Problem {
    refused(wait, "Too many requests came from your address.")
}

/// What is said where too many log-ins failed, whether or not there is such an account.
pub(super) fn too_many_failures(wait: Duration) -> Problem {
    refused(wait, "Too many log-ins to this account failed.")
}

/// What is said where a monitor is to be checked too often.
pub(super) fn too_many_checks(wait: Duration) -> Problem {
    refused(wait, "This monitor was just checked several times.")
}

fn refused(wait: Duration, detail: &str) -> Problem {
    Problem::new(Kind::TooManyRequests).detail(detail).retry_after(wait)
}

type Buckets<K> = RateLimiter<K, DefaultKeyedStateStore<K>, Monotonic, NoOpMiddleware<Nanos>>;

/// An allowance for each key, which fills up again with time.
struct Limit<K: Hash + Eq + Clone> {
    by_key: Buckets<K>,
    shared: Buckets<()>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(burst: NonZeroU32, period: Duration) -> Self {
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        let clock = Monotonic(Instant::now());
        Self {
            by_key: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            shared: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock),
        }
    }

    /// Takes one, or answers how long to wait for it.
    fn take(&self, key: &K) -> Result<(), Duration> {
        if self.by_key.len() >= MAX_KEYS {
            self.by_key.retain_recent();
        }
        let clock = self.by_key.clock();
        let taken = if self.by_key.len() < MAX_KEYS { self.by_key.check_key(key) } else { self.shared.check_key(&()) };
        taken.map_err(|early| early.wait_time_from(clock.now()))
    }
}

/// The runtime's monotonic clock, which tests can stop.
#[derive(Clone)]
struct Monotonic(Instant);

impl Clock for Monotonic {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}
