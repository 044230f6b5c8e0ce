//! What the tests of the engine play on: the memory store behind a switch, a clock that follows tokio's paused time, and
//! a prober that takes its time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep};
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::audit::SlotAccount;
use watchkeeper_domain::check::{Check, Claim, Region, Settled};
use watchkeeper_domain::id::{LeaseToken, MonitorId, WorkspaceId};
use watchkeeper_domain::monitor;
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::notice::{ChannelKind, Delivery, NotDelivered, Notice, NoticeClaim};
use watchkeeper_domain::port::{
    Arrears, CheckPage, CheckQuery, CheckRepo, ClaimRequest, ClaimedWork, Clock, Folded, HistoryRepo, IdGenerator,
    ManualClaim, MonitorRepo, NoticeRepo, Notifier, ProbeRequest, Prober, Purged, Recorded, RepoError, RepoResult,
    Retired, Upkeep, UserRepo,
};
use watchkeeper_domain::report::Report;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::status::Status;
use watchkeeper_domain::testkit::fixture::{self, T0};
use watchkeeper_domain::testkit::{CountingIds, MemoryFeed, MemoryStore, RecordingNotifier};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::usecase::{Dispatch, Memory, Watch};

use crate::engine::dispatcher::Punctual;
use crate::engine::metrics::Metrics;

pub(crate) struct Stage {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) switched: Arc<SwitchedStore>,
    pub(crate) prober: Arc<PatientProber>,
    pub(crate) notifier: Arc<RecordingNotifier>,
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) ids: Arc<CountingIds>,
    pub(crate) metrics: Metrics,
    pub(crate) workspace: WorkspaceId,
}

impl Stage {
    /// A store with one workspace, at the instant `T0`.
    pub(crate) async fn open() -> Self {
        let ids = Arc::new(CountingIds::new());
        let store = Arc::new(MemoryStore::new(Arc::new(CountingIds::in_lane(1))));
        let account = fixture::account("ada@example.org");
        let workspace = account.user.workspace;
        store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        Self {
            switched: Arc::new(SwitchedStore::new(Arc::clone(&store))),
            prober: Arc::default(),
            notifier: Arc::default(),
            clock: Arc::new(TokioClock { start: Instant::now() }),
            metrics: Metrics::register(&mut Registry::default()),
            store,
            ids,
            workspace,
        }
    }

    /// A monitor that is made now and confirms nothing.
    pub(crate) async fn monitor(&self, interval_secs: u32) -> Monitor {
        self.monitor_at(interval_secs, "https://example.org/health").await
    }

    /// A monitor of this URL that is made now and confirms nothing.
    pub(crate) async fn monitor_at(&self, interval_secs: u32, url: &str) -> Monitor {
        let mut made = fixture::monitor(self.next_monitor(), self.workspace, interval_secs, self.clock.now());
        made.settings.target = fixture::target(url);
        made.settings.confirmation = watchkeeper_domain::status::Confirmation { before_down: 0, before_up: 0 };
        self.store.create_monitor(&made, u32::MAX).await.unwrap();
        made
    }

    /// An identifier for another monitor.
    pub(crate) fn next_monitor(&self) -> MonitorId {
        MonitorId::new(self.ids.uuid())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch {
            checks: Arc::<SwitchedStore>::clone(&self.switched),
            monitors: Arc::<MemoryStore>::clone(&self.store),
            prober: Arc::<PatientProber>::clone(&self.prober),
            connectivity: None,
            feed: Arc::new(MemoryFeed::default()),
            clock: Arc::<TokioClock>::clone(&self.clock),
            ids: Arc::<CountingIds>::clone(&self.ids),
            region: Region::default(),
            memory: Arc::new(Memory::default()),
        }
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        self.dispatch_by(Arc::<RecordingNotifier>::clone(&self.notifier))
    }

    /// A dispatch that takes a while for targets that are called slow, and never ends for those that are called stuck.
    pub(crate) fn dispatch_slowly(&self) -> Dispatch {
        self.dispatch_by(Arc::new(SlowNotifier(Arc::clone(&self.notifier))))
    }

    fn dispatch_by(&self, notifier: Arc<dyn Notifier>) -> Dispatch {
        let notifier: Arc<dyn Notifier> = Arc::new(Punctual(notifier));
        Dispatch::new(
            Arc::<SwitchedStore>::clone(&self.switched),
            [notifier],
            Arc::<TokioClock>::clone(&self.clock),
            Arc::<CountingIds>::clone(&self.ids),
        )
    }

    /// Claims everything that is due now.
    pub(crate) async fn claim(&self) -> Vec<Claim> {
        let work = self.watch().claim(u32::MAX, Duration::ZERO).await.unwrap();
        work.assignments.into_iter().map(|assignment| assignment.claim).collect()
    }

    /// The log of a monitor, the newest first.
    pub(crate) async fn log(&self, monitor: &Monitor) -> Vec<Check> {
        let (region, window) = (Region::default(), self.era());
        let query = CheckQuery { monitor: monitor.id, region, window, verdict: None, limit: 10_000 };
        let CheckPage { checks, more_before } = self.store.checks(&query).await.unwrap();
        assert_eq!(more_before, None);
        checks
    }

    pub(crate) async fn account(&self, monitor: &Monitor) -> SlotAccount {
        let (now, window) = (self.clock.now(), self.era());
        self.store.account(monitor.id, &Region::default(), window, now).await.unwrap()
    }

    pub(crate) async fn status(&self, monitor: &monitor::Monitor) -> Status {
        let view = self.store.monitor(self.workspace, monitor.id).await.unwrap().unwrap();
        view.state.shown(view.next_slot, self.clock.now()).0
    }

    fn era(&self) -> Window {
        Window::new(T0, self.clock.now().next()).unwrap()
    }
}

/// Time as tokio's timers see it, beginning at `T0`.
pub(crate) struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        T0.plus(self.start.elapsed())
    }
}

/// The store behind a switch, as far as the engine writes to it: it can be away, it can take no writes, it can be slow or
/// silent, and it can refuse results of one monitor.
pub(crate) struct SwitchedStore {
    inner: Arc<MemoryStore>,
    is_away: AtomicBool,
    is_read_only: AtomicBool,
    is_silent: AtomicBool,
    time: Mutex<Duration>,
    pub(crate) refused: Mutex<Option<MonitorId>>,
    is_leaving: AtomicBool,
    /// How many claims were asked for.
    pub(crate) claims: AtomicUsize,
    /// How many results each call of `record` brought.
    pub(crate) batches: Mutex<Vec<usize>>,
}

impl SwitchedStore {
    fn new(inner: Arc<MemoryStore>) -> Self {
        Self {
            inner,
            is_away: false.into(),
            is_read_only: false.into(),
            is_silent: false.into(),
            time: Mutex::default(),
            refused: Mutex::default(),
            is_leaving: false.into(),
            claims: 0.into(),
            batches: Mutex::default(),
        }
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// After the next batch of results that it takes it is away.
    pub(crate) fn leave_after_a_batch(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }

    /// From now on it takes no writes, or takes them again. That it is there it says all the while.
    pub(crate) fn set_read_only(&self, is_read_only: bool) {
        self.is_read_only.store(is_read_only, Ordering::SeqCst);
    }

    /// From now on no question is answered.
    pub(crate) fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    /// From now on each answer takes so long.
    pub(crate) fn take(&self, time: Duration) {
        *self.time.lock().unwrap() = time;
    }

    async fn answer(&self) -> RepoResult<()> {
        let time = *self.time.lock().unwrap();
        if !time.is_zero() {
            sleep(time).await;
        }
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_away.load(Ordering::SeqCst) || self.is_read_only.load(Ordering::SeqCst) {
            return Err(RepoError::Unavailable("switched off".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl CheckRepo for SwitchedStore {
    async fn read_ahead(&self, region: &Region, horizon: Timestamp) -> RepoResult<()> {
        self.answer().await?;
        self.inner.read_ahead(region, horizon).await
    }

    async fn claim(&self, request: &ClaimRequest) -> RepoResult<ClaimedWork> {
        self.answer().await?;
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.inner.claim(request).await
    }

    async fn claim_manual(&self, request: &ManualClaim) -> RepoResult<Option<Claim>> {
        self.answer().await?;
        self.inner.claim_manual(request).await
    }

    async fn record(&self, now: Timestamp, batch: &[Settled]) -> RepoResult<Vec<Recorded>> {
        self.answer().await?;
        let refused = *self.refused.lock().unwrap();
        if batch.iter().any(|settled| Some(settled.claim.monitor) == refused) {
            return Err(RepoError::Conflict("a result that cannot be stored".into()));
        }
        self.batches.lock().unwrap().push(batch.len());
        if self.is_leaving.swap(false, Ordering::SeqCst) {
            self.set_away(true);
        }
        self.inner.record(now, batch).await
    }

    async fn void_leases(&self, region: &Region, now: Timestamp) -> RepoResult<()> {
        self.inner.void_leases(region, now).await
    }
}

#[async_trait]
impl NoticeRepo for SwitchedStore {
    async fn claim_notices(&self, now: Timestamp, limit: u32, token: LeaseToken) -> RepoResult<Vec<NoticeClaim>> {
        self.answer().await?;
        self.inner.claim_notices(now, limit, token).await
    }

    async fn record_deliveries(&self, deliveries: &[Delivery]) -> RepoResult<()> {
        self.answer().await?;
        self.inner.record_deliveries(deliveries).await
    }
}

#[async_trait]
impl Upkeep for SwitchedStore {
    async fn ping(&self) -> RepoResult<()> {
        if self.is_read_only.load(Ordering::SeqCst) { Ok(()) } else { self.answer().await }
    }

    async fn can_write(&self) -> RepoResult<()> {
        self.answer().await?;
        self.inner.can_write().await
    }

    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String> {
        self.answer().await?;
        self.inner.adopt_fingerprint(fingerprint).await
    }

    async fn prepare(&self, now: Timestamp) -> RepoResult<()> {
        self.answer().await?;
        self.inner.prepare(now).await
    }

    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>> {
        self.answer().await?;
        self.inner.roll_up(now).await
    }

    async fn fold(&self, limit: u32) -> RepoResult<Folded> {
        self.answer().await?;
        self.inner.fold(limit).await
    }

    async fn retire(&self, now: Timestamp, retention: &Retention, limit: u32) -> RepoResult<Retired> {
        self.answer().await?;
        self.inner.retire(now, retention, limit).await
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> RepoResult<Purged> {
        self.answer().await?;
        self.inner.purge(now, limit).await
    }

    async fn arrears(&self) -> RepoResult<Arrears> {
        self.answer().await?;
        self.inner.arrears().await
    }

    async fn size_bytes(&self) -> RepoResult<u64> {
        self.answer().await?;
        self.inner.size_bytes().await
    }
}

/// What a target does when it is asked.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Answers { http_status: u16, after: Duration },
    IsOutOfReach,
    Panics,
}

/// A prober whose targets answer after a while, and that counts how many are asked at once.
#[derive(Default)]
pub(crate) struct PatientProber {
    manners: Mutex<HashMap<String, Manner>>,
    at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
    pub(crate) probes: AtomicUsize,
}

impl PatientProber {
    pub(crate) fn let_it(&self, url: &str, manner: Manner) {
        self.manners.lock().unwrap().insert(url.to_owned(), manner);
    }
}

#[async_trait]
impl Prober for PatientProber {
    async fn probe<'a>(&self, request: ProbeRequest<'a>) -> Report {
        let manner = self.manners.lock().unwrap().get(request.target.url()).copied();
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        self.probes.fetch_add(1, Ordering::SeqCst);
        let report = match manner {
            None => fixture::answer(200),
            Some(Manner::IsOutOfReach) => fixture::out_of_reach(),
            Some(Manner::Panics) => panic!("a fault in a prober"),
            Some(Manner::Answers { http_status, after }) => {
                sleep(after).await;
                Report { latency: after, ..fixture::answer(http_status) }
            }
        };
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        report
    }
}

/// Takes a while for targets that are called slow, and for ever for those that are called stuck.
struct SlowNotifier(Arc<RecordingNotifier>);

#[async_trait]
impl Notifier for SlowNotifier {
    fn kind(&self) -> ChannelKind {
        self.0.kind()
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        if notice.target_url.contains("slow") {
            sleep(Duration::from_secs(25)).await;
        }
        if notice.target_url.contains("stuck") {
            std::future::pending::<()>().await;
        }
        self.0.deliver(notice).await
    }
}
