//! Making, changing and deleting monitors.

use std::sync::Arc;

use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::monitor::{HttpMethod, Interval};
use watchkeeper_domain::port::{Created, IdGenerator, MockMonitorRepo, MonitorRepo, MonitorView, RepoError};
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::status::{State, Status};
use watchkeeper_domain::testkit::fixture::{self, T0};
use watchkeeper_domain::testkit::{CountingIds, MemoryStore, SteppingClock};
use watchkeeper_domain::usecase::{MonitorDraft, MonitorError, MonitorPatch, Monitors, TargetDraft};

fn monitors(repo: Arc<dyn MonitorRepo>) -> Monitors {
    Monitors {
        repo,
        clock: Arc::new(SteppingClock::at(T0)),
        ids: Arc::new(CountingIds::in_lane(1)),
        guard: AddressGuard::default(),
        least_interval: Interval::from_secs(5).unwrap(),
        most_monitors: 2,
    }
}

fn on_memory() -> (Monitors, WorkspaceId) {
    let ids = Arc::new(CountingIds::new());
    let workspace = WorkspaceId::new(ids.uuid());
    (monitors(Arc::new(MemoryStore::new(ids))), workspace)
}

fn draft(url: &str) -> MonitorDraft {
    MonitorDraft {
        name: None,
        target: target(url),
        interval_seconds: 60,
        timeout_seconds: None,
        statuses: None,
        slow_after_ms: None,
        before_down: None,
        before_up: None,
    }
}

fn target(url: &str) -> TargetDraft {
    TargetDraft::Http { url: url.into(), method: HttpMethod::Get, follow_redirects: true }
}

fn fields(error: MonitorError) -> Vec<&'static str> {
    match error {
        MonitorError::Invalid(wrong) => wrong.into_iter().map(|invalid| invalid.field).collect(),
        other => panic!("{other:?} names no fields"),
    }
}

#[pollster::test]
async fn a_url_alone_makes_a_monitor_with_what_is_usual() {
    let (monitors, workspace) = on_memory();
    let view = monitors.create(workspace, &draft("https://example.org/health")).await.unwrap();
    let settings = &view.monitor.settings;
    assert_eq!((settings.name.as_str(), settings.timeout.as_secs()), ("example.org/health", 10));
    assert_eq!((settings.confirmation.before_down, settings.confirmation.before_up), (1, 0));
    assert_eq!((view.state.held, view.next_slot.map(|(slot, _)| slot)), (Status::Pending, Some(T0)));
    assert_eq!(monitors.get(workspace, view.monitor.id).await.unwrap(), view, "what is answered is what is stored");
}

#[pollster::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let (monitors, workspace) = on_memory();
    let bad = MonitorDraft {
        name: Some("\n".into()),
        interval_seconds: 4,
        statuses: Some("ok".into()),
        before_down: Some(11),
        ..draft("ftp://example.org")
    };
    let named = fields(monitors.create(workspace, &bad).await.unwrap_err());
    assert_eq!(named, ["target.url", "name", "interval_seconds", "expectation.statuses", "confirmation.before_down"]);
}

#[pollster::test]
async fn a_timeout_longer_than_the_interval_is_refused() {
    let (monitors, workspace) = on_memory();
    let bad = MonitorDraft { timeout_seconds: Some(61), ..draft("https://example.org") };
    assert_eq!(fields(monitors.create(workspace, &bad).await.unwrap_err()), ["timeout_seconds"]);
}

#[pollster::test]
async fn a_workspace_has_only_as_many_monitors_as_it_may() {
    let (monitors, workspace) = on_memory();
    for _ in 0..2 {
        monitors.create(workspace, &draft("https://example.org")).await.unwrap();
    }
    let refused = monitors.create(workspace, &draft("https://example.org")).await;
    assert!(matches!(refused, Err(MonitorError::LimitReached(2))));
}

#[pollster::test]
async fn a_shorter_interval_shortens_the_timeout_unless_that_is_named() {
    let (monitors, workspace) = on_memory();
    let id = monitors.create(workspace, &draft("https://example.org")).await.unwrap().monitor.id;
    let patch = MonitorPatch { interval_seconds: Some(5), ..MonitorPatch::default() };
    assert_eq!(monitors.change(workspace, id, &patch).await.unwrap().monitor.settings.timeout.as_secs(), 5);
    let patch = MonitorPatch { timeout_seconds: Some(6), ..MonitorPatch::default() };
    assert_eq!(fields(monitors.change(workspace, id, &patch).await.unwrap_err()), ["timeout_seconds"]);
}

#[pollster::test]
async fn a_patch_that_changes_nothing_writes_nothing() {
    let (monitors, workspace) = on_memory();
    let view = monitors.create(workspace, &draft("https://example.org")).await.unwrap();
    let patch = MonitorPatch { is_active: Some(true), interval_seconds: Some(60), ..MonitorPatch::default() };
    assert_eq!(monitors.change(workspace, view.monitor.id, &patch).await.unwrap().monitor.version, 1);
}

#[pollster::test]
async fn anothers_monitor_is_not_found() {
    let (monitors, workspace) = on_memory();
    let id = monitors.create(workspace, &draft("https://example.org")).await.unwrap().monitor.id;
    let stranger = fixture::account("eve@example.org").user.workspace;
    let patch = MonitorPatch { is_active: Some(false), ..MonitorPatch::default() };
    assert!(matches!(monitors.get(stranger, id).await, Err(MonitorError::NotFound)));
    assert!(matches!(monitors.change(stranger, id, &patch).await, Err(MonitorError::NotFound)));
    assert!(matches!(monitors.delete(stranger, id).await, Err(MonitorError::NotFound)));
}

#[pollster::test]
async fn a_change_that_comes_second_is_decided_anew() {
    let monitor =
        fixture::monitor(MonitorId::new(CountingIds::new().uuid()), fixture::account("a@b.org").user.workspace, 60, T0);
    let view = move |version| {
        let monitor = watchkeeper_domain::monitor::Monitor { version, ..monitor.clone() };
        let schedule = Schedule::of(monitor.id, monitor.settings.interval);
        MonitorView { monitor, state: State::pending(T0), next_slot: Some((T0, schedule)) }
    };
    let (id, workspace) = (view(1).monitor.id, view(1).monitor.workspace);
    let mut repo = MockMonitorRepo::new();
    let mut reads = 0;
    let read = view.clone();
    repo.expect_monitor().returning(move |_, _| {
        reads += 1;
        Ok(Some(read(reads)))
    });
    repo.expect_change_monitor().returning(move |_, _, change, _| match change.version {
        1 => Err(RepoError::Stale),
        version => Ok(Some(view(version + 1))),
    });
    let patch = MonitorPatch { is_active: Some(false), ..MonitorPatch::default() };
    assert_eq!(monitors(Arc::new(repo)).change(workspace, id, &patch).await.unwrap().monitor.version, 3);
}

#[pollster::test]
async fn a_change_that_always_comes_second_is_given_up() {
    let view = {
        let monitor = fixture::monitor(
            MonitorId::new(CountingIds::new().uuid()),
            fixture::account("a@b.org").user.workspace,
            60,
            T0,
        );
        MonitorView { monitor, state: State::pending(T0), next_slot: None }
    };
    let (id, workspace) = (view.monitor.id, view.monitor.workspace);
    let mut repo = MockMonitorRepo::new();
    repo.expect_monitor().returning(move |_, _| Ok(Some(view.clone())));
    repo.expect_change_monitor().times(5).returning(|_, _, _, _| Err(RepoError::Stale));
    let patch = MonitorPatch { is_active: Some(false), ..MonitorPatch::default() };
    let given_up = monitors(Arc::new(repo)).change(workspace, id, &patch).await;
    assert!(matches!(given_up, Err(MonitorError::Repo(RepoError::Stale))));
}

#[pollster::test]
async fn a_draft_that_is_wrong_does_not_reach_the_store() {
    let mut repo = MockMonitorRepo::new();
    repo.expect_create_monitor().never().returning(|_, _| Ok(Created::Created));
    let workspace = fixture::account("a@b.org").user.workspace;
    let refused = monitors(Arc::new(repo)).create(workspace, &draft("http://127.0.0.1/")).await.unwrap_err();
    assert_eq!(fields(refused), ["target.url"]);
}
