//! For how long a workspace has its history kept.

use std::sync::Arc;
use std::time::Duration;

use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::{LeaseToken, MonitorId, WorkspaceId};
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, IdGenerator, MonitorRepo, UserRepo};
use watchkeeper_domain::retention::{OwnRetention, Retention};
use watchkeeper_domain::testkit::fixture::{self, T0};
use watchkeeper_domain::testkit::{CountingIds, MemoryStore, SteppingClock};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::{History, Kept, RetentionPatch, WindowRequest, WorkspaceError, Workspaces};

const HOUR: Duration = Duration::from_secs(3_600);

/// A workspace with a monitor that is found down every hour for four days, under an operator who keeps everything.
struct Scene {
    workspaces: Workspaces,
    history: History,
    monitor: Monitor,
    now: Timestamp,
}

impl Scene {
    async fn set() -> Self {
        let ids = Arc::new(CountingIds::new());
        let store = Arc::new(MemoryStore::new(ids.clone()));
        let account = fixture::account("ada@example.org");
        store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        let monitor = fixture::monitor(MonitorId::new(ids.uuid()), account.user.workspace, 3_600, T0);
        store.create_monitor(&monitor, 1).await.unwrap();
        for number in 0..96 {
            let now = T0.plus(HOUR * number);
            let token = LeaseToken::new(ids.uuid());
            let request = ClaimRequest { region: Region::default(), now, horizon: now, limit: 10, token };
            let batch: Vec<_> = store.claim(&request).await.unwrap().claims.iter().map(fixture::down).collect();
            store.record(now, &batch).await.unwrap();
        }
        let now = T0.plus(HOUR * 96);
        let (clock, retention) = (Arc::new(SteppingClock::at(now)), Retention::DEFAULT);
        let history = History {
            workspaces: store.clone(),
            repo: store.clone(),
            incidents: store.clone(),
            clock: clock.clone(),
            retention,
            region: Region::default(),
        };
        Self { workspaces: Workspaces { repo: store, clock, retention }, history, monitor, now }
    }

    fn workspace(&self) -> WorkspaceId {
        self.monitor.workspace
    }

    /// The oldest check that is listed, and the oldest of those with evidence.
    async fn oldest(&self) -> (Timestamp, Timestamp) {
        let request = WindowRequest { from: Some(T0), to: None };
        let page = self.history.checks(self.workspace(), self.monitor.id, request, None, None, 200).await.unwrap();
        let whole = page.checks.iter().filter(|check| check.evidence.is_some());
        let slots = (page.checks.iter().map(|check| check.slot).min(), whole.map(|check| check.slot).min());
        (slots.0.unwrap(), slots.1.unwrap())
    }

    async fn keep_for(&self, raw: Option<u32>, packed: Option<u32>) -> Result<Kept, WorkspaceError> {
        let patch = RetentionPatch { raw_days: Some(raw), packed_days: Some(packed), rollup_days: None };
        self.workspaces.keep_for(self.workspace(), patch).await
    }
}

#[pollster::test]
async fn what_is_older_than_a_workspace_asks_for_is_hidden_at_once_and_for_good() {
    let scene = Scene::set().await;
    assert_eq!(scene.oldest().await, (T0, T0));
    let kept = scene.keep_for(Some(1), Some(2)).await.unwrap();
    assert_eq!(
        (kept.own, kept.retention()),
        (OwnRetention::new(Some(1), Some(2), None).unwrap(), Retention::new(1, 2, 1_830).unwrap())
    );
    let left = kept.retention().left(scene.now);
    let (oldest, with_evidence) = scene.oldest().await;
    assert!((left.packed_from..left.packed_from.plus(HOUR)).contains(&oldest));
    assert!((left.raw_from..left.raw_from.plus(HOUR)).contains(&with_evidence));

    let kept = scene.keep_for(None, None).await.unwrap();
    assert_eq!(kept.retention(), Retention::DEFAULT);
    assert_eq!(scene.oldest().await, (oldest, with_evidence), "it does not come back");
    let request = WindowRequest { from: Some(T0), to: None };
    let account = scene.history.slots(scene.workspace(), scene.monitor.id, request).await.unwrap();
    assert_eq!(account.unaccounted, 0, "{account:?}");
}

#[pollster::test]
async fn what_is_not_named_stays_as_it_is() {
    let scene = Scene::set().await;
    scene.keep_for(Some(1), Some(2)).await.unwrap();
    let patch = RetentionPatch { rollup_days: Some(Some(90)), ..RetentionPatch::default() };
    let kept = scene.workspaces.keep_for(scene.workspace(), patch).await.unwrap();
    assert_eq!(kept.own, OwnRetention::new(Some(1), Some(2), Some(90)).unwrap());
    assert_eq!(scene.workspaces.kept(scene.workspace()).await.unwrap(), kept);
}

#[pollster::test]
async fn nobody_keeps_more_than_the_operator_does() {
    let scene = Scene::set().await;
    let fields = |refused: WorkspaceError| match refused {
        WorkspaceError::Invalid(wrong) => wrong.into_iter().map(|invalid| invalid.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fields(scene.keep_for(Some(8), None).await.unwrap_err()), ["retention.raw_days"]);
    assert_eq!(fields(scene.keep_for(Some(0), None).await.unwrap_err()), ["retention.raw_days"]);
    assert_eq!(fields(scene.keep_for(Some(3), Some(2)).await.unwrap_err()), ["retention.packed_days"]);
    assert_eq!(scene.workspaces.kept(scene.workspace()).await.unwrap().own, OwnRetention::default(), "nothing changed");
    let nobody = WorkspaceId::new(scene.monitor.id.uuid());
    assert!(matches!(scene.workspaces.kept(nobody).await, Err(WorkspaceError::NotFound)));
}
