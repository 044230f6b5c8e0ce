//! A whole monitor in one file: this crate inside another program, on the in-memory store.
//!
//! ```text
//! cargo run -p watchkeeper-domain --example embed
//! ```
//!
//! A program that embeds Watchkeeper brings a store, a prober, a clock and a way to tell people; the rest is here. To be
//! the same everywhere and over in a moment, this one asks a target that it plays itself, and turns the hands of its
//! clock. Put your HTTP client into `Prober`, your time into `Clock`, your database behind the repositories, and call
//! `tick` from a loop of yours: nothing else changes.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use watchkeeper_domain::account::{Email, PasswordHash, SignUpPolicy, User};
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::{ChannelId, SessionId, UserId, WorkspaceId};
use watchkeeper_domain::monitor::{HttpMethod, Interval};
use watchkeeper_domain::notice::{ChannelKind, NotDelivered, Notice};
use watchkeeper_domain::port::{Clock, IdGenerator, NewAccount, Notifier, ProbeRequest, Prober, UserRepo};
use watchkeeper_domain::report::{Ending, Evidence, Report, Timings};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::session::{NewSession, RefreshTokenHash};
use watchkeeper_domain::status::Status;
use watchkeeper_domain::testkit::{CountingIds, MemoryFeed, MemoryStore, SteppingClock};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::{
    Dispatch, History, Memory, MonitorDraft, Monitors, TargetDraft, Watch, WindowRequest,
};

/// The target, and the prober that asks it.
struct Shop {
    answers_with: AtomicU16,
}

#[async_trait]
impl Prober for Shop {
    async fn probe<'a>(&self, _request: ProbeRequest<'a>) -> Report {
        Report {
            ending: Ending::Answered { http_status: self.answers_with.load(Ordering::Relaxed) },
            latency: Duration::from_millis(42),
            timings: Timings::default(),
            evidence: Evidence::default(),
        }
    }
}

/// Tells people, by printing a line.
struct Console;

#[async_trait]
impl Notifier for Console {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Console
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        let why = notice.reason.as_ref().map_or("all is well", |reason| reason.detail.as_str());
        println!("  ! {}: {:?} -> {:?} since {:?}, {why}", notice.monitor_name, notice.from, notice.to, notice.since);
        Ok(())
    }
}

/// One pass over everything that is due: claim, probe, record; then tell whoever is to be told.
async fn tick(watch: &Watch, dispatch: &Dispatch) -> Result<(), Box<dyn Error>> {
    for assignment in watch.claim(100, Duration::ZERO).await?.assignments {
        if let Some(settled) = watch.probe(&assignment).await {
            watch.record(&[settled]).await?;
        }
    }
    let mut deliveries = Vec::new();
    for claim in dispatch.claim(100).await? {
        deliveries.push(dispatch.deliver(&claim).await);
    }
    dispatch.record(&deliveries).await?;
    Ok(())
}

/// Somebody to own monitors. A program with accounts of its own makes one such for each of its tenants.
async fn sign_up(store: &MemoryStore, ids: &CountingIds, now: Timestamp) -> Result<WorkspaceId, Box<dyn Error>> {
    let user = User {
        id: UserId::new(ids.uuid()),
        email: Email::parse("ada@example.org")?,
        workspace: WorkspaceId::new(ids.uuid()),
        created_at: now,
    };
    let session = NewSession {
        id: SessionId::new(ids.uuid()),
        user: user.id,
        token: RefreshTokenHash([0; 32]),
        created_at: now,
        expires_at: now,
    };
    let (workspace, password) = (user.workspace, PasswordHash::new("nobody logs in here"));
    let account = NewAccount { user, password, channel: ChannelId::new(ids.uuid()), session };
    store.sign_up(&account, SignUpPolicy::Open).await?;
    Ok(workspace)
}

async fn watch_the_shop() -> Result<(), Box<dyn Error>> {
    let ids = Arc::new(CountingIds::new());
    let clock = Arc::new(SteppingClock::at(Timestamp::from_secs(1_772_366_400)));
    let store = Arc::new(MemoryStore::new(ids.clone()));
    let shop = Arc::new(Shop { answers_with: AtomicU16::new(200) });

    let monitors = Monitors {
        repo: store.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        guard: AddressGuard::default(),
        least_interval: Interval::from_secs(5).ok_or("5 s is an interval")?,
        most_monitors: 100,
    };
    let watch = Watch {
        checks: store.clone(),
        monitors: store.clone(),
        prober: shop.clone(),
        connectivity: None,
        feed: Arc::new(MemoryFeed::new()),
        clock: clock.clone(),
        ids: ids.clone(),
        region: Region::default(),
        memory: Arc::new(Memory::default()),
    };
    let notifiers: [Arc<dyn Notifier>; 1] = [Arc::new(Console)];
    let dispatch = Dispatch::new(store.clone(), notifiers, clock.clone(), ids.clone());
    let history = History {
        workspaces: store.clone(),
        repo: store.clone(),
        incidents: store.clone(),
        clock: clock.clone(),
        retention: Retention::DEFAULT,
        region: Region::default(),
    };

    let workspace = sign_up(&store, &ids, clock.now()).await?;
    let url = "https://shop.example.org/".to_owned();
    let draft = MonitorDraft {
        name: Some("The shop".to_owned()),
        target: TargetDraft::Http { url, method: HttpMethod::Get, follow_redirects: true },
        interval_seconds: 60,
        timeout_seconds: None,
        statuses: None,
        slow_after_ms: None,
        before_down: None,
        before_up: None,
    };
    let id = monitors.create(workspace, &draft).await?.monitor.id;

    // Half an hour: ten good minutes, ten bad ones, ten good ones.
    let mut seen = Vec::new();
    for (http_status, minutes) in [(200, 10), (503, 10), (200, 10)] {
        shop.answers_with.store(http_status, Ordering::Relaxed);
        for _ in 0..minutes * 12 {
            tick(&watch, &dispatch).await?;
            clock.advance(Duration::from_secs(5));
        }
        let view = monitors.get(workspace, id).await?;
        let (status, since) = view.state.shown(view.next_slot, clock.now());
        println!("the shop answers with {http_status}: {status:?} since {since:?}");
        seen.push(status);
    }

    let whole = WindowRequest::default();
    let (window, spent) = history.uptime(workspace, id, whole).await?;
    let account = history.slots(workspace, id, whole).await?;
    let ratio = spent.ratio().ok_or("something is known")?;
    println!("up {:?} and down {:?} of {:?}: {:.1} %", spent.up, spent.down, window.length(), 100.0 * ratio);
    println!("{} slots were due, {} of them are not accounted for", account.due, account.unaccounted);

    assert_eq!(seen, [Status::Up, Status::Down, Status::Up]);
    assert_eq!(spent.total(), window.length(), "the parts sum to the window");
    assert!((0.6..0.75).contains(&ratio), "it was down for about a third of the time");
    assert_eq!(account.unaccounted, 0);
    assert!(account.up > 15 && account.down > 5);
    Ok(())
}

/// Any executor does: nothing in the domain asks for a runtime.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(watch_the_shop())
}
