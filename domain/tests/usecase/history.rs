//! Reading what happened, however much that is.

use std::sync::Arc;
use std::time::Duration;

use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::{Claim, Region, Settled};
use watchkeeper_domain::id::{LeaseToken, MonitorId};
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, IdGenerator, MonitorRepo, UserRepo};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::rollup::hour_of;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::status::{Confirmation, Status};
use watchkeeper_domain::testkit::fixture::{self, T0};
use watchkeeper_domain::testkit::{CountingIds, MemoryStore, SteppingClock};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::{History, HistoryError, MAX_TIMELINE_STRETCHES, UPTIME_DAYS, WindowRequest};

const MINUTE: Duration = Duration::from_secs(60);

/// A monitor that was found up and down in turns, each time for a minute, so many times.
struct Fickle {
    history: History,
    monitor: Monitor,
    now: Timestamp,
}

impl Fickle {
    async fn after(changes: u32) -> Self {
        let ids = Arc::new(CountingIds::new());
        let store = Arc::new(MemoryStore::new(ids.clone()));
        let account = fixture::account("ada@example.org");
        store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        let workspace = account.user.workspace;
        let mut monitor = fixture::monitor(MonitorId::new(ids.uuid()), workspace, 60, T0);
        monitor.settings.confirmation = Confirmation { before_down: 0, before_up: 0 };
        monitor.created_at = Schedule::of(monitor.id, monitor.settings.interval).at_or_after(T0);
        store.create_monitor(&monitor, 1).await.unwrap();
        for number in 0..changes {
            let now = monitor.created_at.plus(MINUTE * number);
            let token = LeaseToken::new(ids.uuid());
            let request = ClaimRequest { region: Region::default(), now, horizon: now, limit: 10, token };
            let judge: fn(&Claim) -> Settled = if number % 2 == 0 { fixture::up } else { fixture::down };
            let batch: Vec<_> = store.claim(&request).await.unwrap().claims.iter().map(judge).collect();
            store.record(now, &batch).await.unwrap();
        }
        let now = monitor.created_at.plus(MINUTE * changes);
        let history = History {
            workspaces: store.clone(),
            repo: store.clone(),
            incidents: store,
            clock: Arc::new(SteppingClock::at(now)),
            retention: Retention::DEFAULT,
            region: Region::default(),
        };
        Self { history, monitor, now }
    }

    fn last(&self, minutes: u32) -> WindowRequest {
        WindowRequest { from: Some(self.now.minus(MINUTE * minutes)), to: None }
    }
}

#[pollster::test]
async fn a_window_that_holds_too_many_changes_is_refused_and_a_shorter_one_is_not() {
    let most = u32::try_from(MAX_TIMELINE_STRETCHES).unwrap();
    let fickle = Fickle::after(most + 1_000).await;
    let (workspace, id) = (fickle.monitor.workspace, fickle.monitor.id);
    let stretches = fickle.history.timeline(workspace, id, fickle.last(most)).await.unwrap();
    assert_eq!(stretches.len(), MAX_TIMELINE_STRETCHES);
    assert!(stretches.windows(2).all(|pair| pair[0].to == Some(pair[1].from) && pair[0].status != pair[1].status));
    assert_eq!(stretches.last().map(|last| (last.status, last.to)), Some((Status::Down, Some(fickle.now))));
    let refused = fickle.history.timeline(workspace, id, fickle.last(most + 1)).await.unwrap_err();
    let HistoryError::Invalid(wrong) = refused else { panic!("{refused:?}") };
    assert_eq!(wrong.iter().map(|invalid| invalid.code).collect::<Vec<_>>(), ["window_too_full"]);
}

#[pollster::test]
async fn the_time_of_a_window_is_told_whole_however_many_changes_it_holds() {
    let minutes = 2 * u32::try_from(MAX_TIMELINE_STRETCHES).unwrap() + 500;
    let fickle = Fickle::after(minutes).await;
    let whole = fickle.history.uptime(fickle.monitor.workspace, fickle.monitor.id, fickle.last(minutes)).await;
    let (window, spent) = whole.unwrap();
    assert_eq!(window.length(), MINUTE * minutes);
    assert_eq!((spent.up, spent.down), (MINUTE * (minutes / 2), MINUTE * (minutes / 2)));
    assert_eq!(spent.total(), window.length());
}

#[pollster::test]
async fn the_usual_windows_are_told_together_as_each_is_told_by_itself() {
    let minutes = 8 * 24 * 60 + 7;
    let fickle = Fickle::after(minutes).await;
    let (workspace, id) = (fickle.monitor.workspace, fickle.monitor.id);
    let uptimes = fickle.history.uptimes(workspace, id).await.unwrap();
    assert_eq!(uptimes.iter().map(|(days, ..)| *days).collect::<Vec<_>>(), UPTIME_DAYS);
    for (days, window, spent) in &uptimes {
        let alone = fickle.history.uptime(workspace, id, fickle.last(u32::from(*days) * 24 * 60)).await.unwrap();
        assert_eq!(alone, (*window, *spent), "{days} days");
    }
    let lengths: Vec<_> =
        uptimes.iter().map(|(_, window, _)| window.length() / 60).map(|length| length.as_secs()).collect();
    assert_eq!(
        lengths,
        [24 * 60, 7 * 24 * 60, 8 * 24 * 60 + 7, 8 * 24 * 60 + 7, 8 * 24 * 60 + 7],
        "no longer than its life"
    );
}

#[pollster::test]
async fn a_long_graph_is_made_of_whole_hours_unless_somebody_asks_for_something_else() {
    let minutes = 4 * 24 * 60;
    let fickle = Fickle::after(minutes).await;
    let (workspace, id) = (fickle.monitor.workspace, fickle.monitor.id);
    let graph = async |minutes, step| fickle.history.latency(workspace, id, fickle.last(minutes), step).await.unwrap();
    let hour = MINUTE * 60;
    let whole = graph(3 * 24 * 60, None).await;
    assert!(whole.iter().all(|bucket| hour_of(bucket.at) == bucket.at), "{:?}", whole.first());
    assert!(whole.windows(2).all(|pair| pair[1].at.since(pair[0].at) == hour));
    let first = whole.first().unwrap();
    assert_eq!((first.at, first.latencies.count()), (hour_of(fickle.now.minus(hour * 72)), 30), "one in two is up");
    let begun = fickle.now.minus(hour * 72);
    let asked = graph(3 * 24 * 60, Some(hour)).await;
    assert_eq!(asked.first().map(|bucket| bucket.at), Some(begun), "counted from where the window begins");
    let short = graph(60, None).await;
    assert!(short.iter().all(|bucket| bucket.at >= fickle.now.minus(hour)) && short.len() > 20, "{}", short.len());
}
