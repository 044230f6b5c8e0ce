//! What a case plays on: a store, and the steps that cases have in common.

use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::account::SignUpPolicy;
use crate::audit::SlotAccount;
use crate::check::{Check, Claim, Region, Settled};
use crate::id::{LeaseToken, MonitorId, WorkspaceId};
use crate::incident::Incident;
use crate::monitor::{Monitor, Settings};
use crate::notice::{Delivery, DeliveryOutcome, NoticeClaim};
use crate::port::{
    Change, CheckQuery, ClaimRequest, ClaimedWork, Created, IdGenerator, IncidentQuery, ManualClaim, MonitorView,
    Recorded, Store,
};
use crate::schedule::Schedule;
use crate::status::{Flip, Status};
use crate::testkit::CountingIds;
use crate::testkit::fixture::{self, T0};
use crate::time::{Timestamp, Window};
use crate::uptime::{Gap, StatusSpan, TimeFacts};

/// A store to be tested, together with what keeps it alive (a temporary directory, a database of its own).
pub struct Subject {
    store: Arc<dyn Store>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// A store that needs nothing beside itself.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::keeping(store, ())
    }

    /// A store, and what is dropped after it.
    pub fn keeping(store: Arc<dyn Store>, keep: impl Any + Send + Sync) -> Self {
        Self { store, _keep: Box::new(keep) }
    }
}

/// A store that is ready for the time around [`T0`], and the steps that cases have in common.
pub struct Stage {
    store: Arc<dyn Store>,
    ids: CountingIds,
}

/// A monitor whose opening slot lies on its grid: its slots are [`Specimen::slot`] 0, 1, 2 and so on.
#[derive(Clone, Debug)]
pub struct Specimen {
    /// As it was made.
    pub monitor: Monitor,
}

impl Specimen {
    /// Which.
    pub fn id(&self) -> MonitorId {
        self.monitor.id
    }

    /// The opening slot for 0, and the grid slots after it.
    pub fn slot(&self, number: u32) -> Timestamp {
        self.monitor.created_at.plus(self.monitor.settings.interval.duration() * number)
    }

    /// Its grid.
    pub fn schedule(&self) -> Schedule {
        Schedule::of(self.monitor.id, self.monitor.settings.interval)
    }
}

impl Stage {
    /// Makes the store ready.
    pub async fn open(subject: &Subject) -> Self {
        subject.store.prepare(T0).await.unwrap();
        Self { store: Arc::clone(&subject.store), ids: CountingIds::in_lane(1) }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// A token that was never used before.
    pub fn token(&self) -> LeaseToken {
        LeaseToken::new(self.ids.uuid())
    }

    /// An identifier for a new monitor.
    pub fn monitor_id(&self) -> MonitorId {
        MonitorId::new(self.ids.uuid())
    }

    /// Ada's workspace; she signs up where she has not.
    pub async fn workspace(&self) -> WorkspaceId {
        self.workspace_of("ada@example.org").await
    }

    /// The workspace of somebody; they sign up where they have not.
    pub async fn workspace_of(&self, email: &str) -> WorkspaceId {
        let mut account = fixture::account(email);
        let mut token = [0; 32];
        token.iter_mut().zip(email.bytes()).for_each(|(to, from)| *to = from);
        account.session.token = crate::session::RefreshTokenHash(token);
        self.store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        account.user.workspace
    }

    /// A monitor of Ada's with this interval, made at the first instant of its grid from [`T0`] on.
    pub async fn monitor_every(&self, interval_secs: u32) -> Specimen {
        self.monitor_with(|settings| settings.clone_from(&fixture::settings(interval_secs))).await
    }

    /// A monitor of Ada's, every 60 s unless its settings are altered to something else, made at the first instant of
    /// its grid from [`T0`] on.
    pub async fn monitor_with(&self, alter: impl FnOnce(&mut Settings)) -> Specimen {
        let workspace = self.workspace().await;
        let mut monitor = fixture::monitor(self.monitor_id(), workspace, 60, T0);
        alter(&mut monitor.settings);
        monitor.created_at = Schedule::of(monitor.id, monitor.settings.interval).at_or_after(T0);
        self.create(&monitor).await;
        Specimen { monitor }
    }

    /// Another monitor like this one, whose slots are at the same instants.
    pub async fn twin_of(&self, specimen: &Specimen) -> Specimen {
        let Monitor { settings, .. } = &specimen.monitor;
        let ids = std::iter::repeat_with(|| self.monitor_id());
        let has_its_grid = |id: &MonitorId| Schedule::of(*id, settings.interval) == specimen.schedule();
        let monitor = Monitor { id: ids.take(10_000_000).find(has_its_grid).unwrap(), ..specimen.monitor.clone() };
        self.create(&monitor).await;
        Specimen { monitor }
    }

    /// Puts a monitor into the store.
    pub async fn create(&self, monitor: &Monitor) {
        assert_eq!(self.store.create_monitor(monitor, u32::MAX >> 1).await.unwrap(), Created::Created);
    }

    /// Takes what is due, up to a hundred.
    pub async fn claim(&self, now: Timestamp) -> Vec<Claim> {
        self.claim_some(now, 100).await
    }

    /// Takes what is due, up to a limit.
    pub async fn claim_some(&self, now: Timestamp, limit: u32) -> Vec<Claim> {
        self.claim_ahead(now, now, limit).await
    }

    /// Takes what is due by a horizon, up to a limit.
    pub async fn claim_ahead(&self, now: Timestamp, horizon: Timestamp, limit: u32) -> Vec<Claim> {
        self.store.claim(&self.request(now, horizon, limit)).await.unwrap().claims
    }

    /// Takes what is due, and how many slots it came too late for.
    pub async fn claim_work(&self, now: Timestamp) -> ClaimedWork {
        self.store.claim(&self.request(now, now, 100)).await.unwrap()
    }

    /// A request of somebody new.
    pub fn request(&self, now: Timestamp, horizon: Timestamp, limit: u32) -> ClaimRequest {
        ClaimRequest { region: Region::default(), now, horizon, limit, token: self.token() }
    }

    /// Takes what is due, which is one thing.
    pub async fn claim_one(&self, now: Timestamp) -> Claim {
        let mut claims = self.claim(now).await;
        assert_eq!(claims.len(), 1, "one thing is due at {now:?}: {claims:?}");
        claims.remove(0)
    }

    /// Asserts that nothing is due.
    pub async fn assert_nothing_due(&self, now: Timestamp) {
        let claims = self.claim(now).await;
        assert!(claims.is_empty(), "nothing is due at {now:?}: {claims:?}");
    }

    /// Takes a manual check of a monitor.
    pub async fn claim_manual(&self, monitor: &Monitor, now: Timestamp) -> Claim {
        let (workspace, monitor) = (monitor.workspace, monitor.id);
        let request = ManualClaim { workspace, monitor, region: Region::default(), now, token: self.token() };
        self.store.claim_manual(&request).await.unwrap().unwrap()
    }

    /// Records one result a little after its slot, and answers what became of it.
    pub async fn settle(&self, settled: Settled) -> Recorded {
        let now = settled.claim.slot.plus(fixture::LATENCY);
        self.settle_at(now, settled).await
    }

    /// Records one result at an instant, and answers what became of it.
    pub async fn settle_at(&self, now: Timestamp, settled: Settled) -> Recorded {
        let mut recorded = self.store.record(now, &[settled]).await.unwrap();
        assert_eq!(recorded.len(), 1);
        recorded.remove(0)
    }

    /// Records one result a little after its slot, and answers the change of status it brought about.
    pub async fn flip(&self, settled: Settled) -> Option<Flip> {
        match self.settle(settled).await {
            Recorded::Recorded { flip, .. } => flip,
            Recorded::Stale => panic!("the claim is held"),
        }
    }

    /// Takes the one thing that is due and finds the target up.
    pub async fn check_up(&self, now: Timestamp) -> Claim {
        let claim = self.claim_one(now).await;
        self.flip(fixture::up(&claim)).await;
        claim
    }

    /// Takes the one thing that is due and finds the target down.
    pub async fn check_down(&self, now: Timestamp) -> Claim {
        let claim = self.claim_one(now).await;
        self.flip(fixture::down(&claim)).await;
        claim
    }

    /// Takes what is due and gives the work of one monitor, which is one thing, the outcome that is named.
    pub async fn check_of(&self, specimen: &Specimen, now: Timestamp, outcome: impl Fn(&Claim) -> Settled) {
        let mut claims = self.claim(now).await;
        claims.retain(|claim| claim.monitor == specimen.id());
        assert_eq!(claims.len(), 1, "one thing of it is due at {now:?}: {claims:?}");
        for claim in claims {
            self.settle(outcome(&claim)).await;
        }
    }

    /// Lets a monitor live through all that leaves a trace (a failure that is told, a gap, a pause, a check by hand during
    /// it, rollups) and deletes it. Answers the instant afterwards.
    pub async fn live_and_delete_a_monitor(&self) -> Timestamp {
        let m = self.monitor_every(60).await;
        self.take_down(&m).await;
        let failed = |claim: &NoticeClaim| Delivery {
            notice: claim.notice.id,
            attempt: claim.attempt,
            token: claim.token,
            at: m.slot(2),
            took: Duration::ZERO,
            outcome: DeliveryOutcome::Failed { error: "nobody answers".into(), retry_at: None },
        };
        let failures: Vec<Delivery> = self.claim_notices(m.slot(2)).await.iter().map(failed).collect();
        assert!(!failures.is_empty());
        self.store.record_deliveries(&failures).await.unwrap();
        self.check_up(m.slot(5)).await;
        self.pause(&m.monitor, m.slot(6)).await;
        let manual = self.claim_manual(&m.monitor, m.slot(200)).await;
        self.settle(fixture::up(&manual)).await;
        let now = m.slot(1_000);
        assert_eq!(self.fold_all(now).await.len(), 1, "the day of the check by hand is folded");
        assert!(self.store.delete_monitor(m.monitor.workspace, m.id(), now).await.unwrap());
        now
    }

    /// Finds a monitor of the default policy up in its slot 0, down in its slot 1, and has that confirmed. Answers the
    /// instant of the confirmation.
    pub async fn take_down(&self, specimen: &Specimen) -> Timestamp {
        self.check_up(specimen.slot(0)).await;
        self.check_down(specimen.slot(1)).await;
        let confirmation = self.claim_one(specimen.slot(1).plus(fixture::seconds(20))).await;
        let flip = self.flip(fixture::down(&confirmation)).await.unwrap();
        assert_eq!(flip.to, Status::Down);
        confirmation.slot
    }

    /// A monitor as it stands.
    pub async fn view(&self, monitor: &Monitor) -> MonitorView {
        self.store.monitor(monitor.workspace, monitor.id).await.unwrap().unwrap()
    }

    /// What a monitor is shown to be, and since when.
    pub async fn shown(&self, monitor: &Monitor, now: Timestamp) -> (Status, Timestamp) {
        let view = self.view(monitor).await;
        view.state.shown(view.next_slot, now)
    }

    /// When a monitor's next slot is; `None` while paused.
    pub async fn next_slot(&self, monitor: &Monitor) -> Option<Timestamp> {
        self.view(monitor).await.next_slot.map(|(slot, _)| slot)
    }

    /// Changes a monitor as it stands now.
    pub async fn change(&self, monitor: &Monitor, at: Timestamp, alter: impl FnOnce(&mut Change)) -> MonitorView {
        let Monitor { settings, is_active, version, .. } = self.view(monitor).await.monitor;
        let mut change = Change { settings, is_active, version };
        alter(&mut change);
        self.store.change_monitor(monitor.workspace, monitor.id, &change, at).await.unwrap().unwrap()
    }

    /// Pauses a monitor.
    pub async fn pause(&self, monitor: &Monitor, at: Timestamp) -> MonitorView {
        self.change(monitor, at, |change| change.is_active = false).await
    }

    /// Resumes a monitor.
    pub async fn resume(&self, monitor: &Monitor, at: Timestamp) -> MonitorView {
        self.change(monitor, at, |change| change.is_active = true).await
    }

    /// The log of a monitor, the newest first.
    pub async fn log(&self, monitor: MonitorId) -> Vec<Check> {
        let (region, window) = (Region::default(), era());
        let query = CheckQuery { monitor, region, window, verdict: None, limit: 500 };
        self.read_through(query).await
    }

    /// All that a question to the log leads to, page by page.
    pub async fn read_through(&self, query: CheckQuery) -> Vec<Check> {
        let (mut query, mut checks) = (query, Vec::new());
        loop {
            let page = self.store.checks(&query).await.unwrap();
            assert!(page.checks.len() <= query.limit as usize, "a page keeps its limit");
            checks.extend(page.checks);
            let Some(before) = page.more_before else { return checks };
            assert!(before < query.window.to(), "reading on makes progress");
            query.window = Window::new(query.window.from(), before).unwrap();
        }
    }

    /// The gaps of a monitor, the oldest first.
    pub async fn gaps(&self, monitor: MonitorId) -> Vec<Gap> {
        let mut gaps = self.store.gaps(monitor, &Region::default(), era(), None, 500).await.unwrap();
        gaps.reverse();
        gaps
    }

    /// The newest checks of monitors, in their order.
    pub async fn recent(&self, monitors: &[MonitorId], limit: u32, now: Timestamp) -> Vec<Vec<Check>> {
        let asked: Vec<_> = monitors.iter().map(|monitor| (*monitor, now.minus(Duration::from_secs(600)))).collect();
        let glances = self.store.glances(&asked, &Region::default(), 1_000, limit, now).await.unwrap();
        glances.into_iter().map(|glance| glance.recent).collect()
    }

    /// What is known of a monitor's time in a window.
    pub async fn time_facts(&self, monitor: MonitorId, window: Window) -> TimeFacts {
        let mut facts = self.store.time_facts(&[(monitor, window)], &Region::default(), 1_000).await.unwrap();
        assert_eq!(facts.len(), 1);
        facts.remove(0)
    }

    /// The spans of a monitor that are not empty, the oldest first.
    pub async fn spans(&self, monitor: MonitorId) -> Vec<StatusSpan> {
        let mut spans = self.time_facts(monitor, era()).await.spans;
        spans.retain(|span| span.to != Some(span.from));
        spans
    }

    /// The account of all slots of a monitor up to now.
    pub async fn account(&self, monitor: MonitorId, now: Timestamp) -> SlotAccount {
        self.account_of(monitor, era(), now).await
    }

    /// The account of the slots of a monitor in a window.
    pub async fn account_of(&self, monitor: MonitorId, window: Window, now: Timestamp) -> SlotAccount {
        self.store.account(monitor, &Region::default(), window, now).await.unwrap()
    }

    /// The incidents of Ada's workspace, the newest first.
    pub async fn incidents(&self) -> Vec<Incident> {
        let workspace = self.workspace().await;
        let query = IncidentQuery { workspace, monitor: None, before: None, limit: 100 };
        self.store.incidents(&query).await.unwrap()
    }

    /// Takes the notices that are due.
    pub async fn claim_notices(&self, now: Timestamp) -> Vec<NoticeClaim> {
        self.store.claim_notices(now, 100, self.token()).await.unwrap()
    }
}

/// A window around everything that a case does.
pub(super) fn era() -> Window {
    let week = Duration::from_secs(7 * 24 * 3600);
    Window::new(T0.minus(week), T0.plus(week)).unwrap()
}

/// A future in a box, as [`at_once`] takes them.
pub(super) type Step<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Drives futures side by side to their ends, and answers in their order.
pub(super) async fn at_once<T>(mut steps: Vec<Step<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = steps.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (step, answer) in steps.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(value) = step.as_mut().poll(context)
            {
                *answer = Some(value);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
