//! Delivering what is owed.

use std::sync::Arc;

use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::{LeaseToken, MonitorId};
use watchkeeper_domain::notice::{DeliveryOutcome, NotDelivered};
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, IdGenerator, MonitorRepo, Notifier, Upkeep, UserRepo};
use watchkeeper_domain::status::{Confirmation, Status};
use watchkeeper_domain::testkit::fixture::{self, T0, seconds};
use watchkeeper_domain::testkit::{CountingIds, MemoryStore, RecordingNotifier, SteppingClock};
use watchkeeper_domain::usecase::Dispatch;

struct Scene {
    dispatch: Dispatch,
    notifier: Arc<RecordingNotifier>,
    clock: Arc<SteppingClock>,
}

impl Scene {
    /// A monitor has just gone down; its workspace's console is owed a notice.
    async fn new() -> Self {
        Self::with_notifiers(|notifier| vec![notifier]).await
    }

    async fn with_notifiers(means: impl FnOnce(Arc<dyn Notifier>) -> Vec<Arc<dyn Notifier>>) -> Self {
        let ids = Arc::new(CountingIds::new());
        let store = Arc::new(MemoryStore::new(ids.clone()));
        let (notifier, clock) = (Arc::new(RecordingNotifier::new()), Arc::new(SteppingClock::at(T0)));
        store.prepare(T0).await.unwrap();
        let account = fixture::account("ada@example.org");
        store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        let mut monitor = fixture::monitor(MonitorId::new(ids.uuid()), account.user.workspace, 60, T0);
        monitor.settings.confirmation = Confirmation { before_down: 0, before_up: 0 };
        store.create_monitor(&monitor, 10).await.unwrap();
        let token = LeaseToken::new(ids.uuid());
        let request = ClaimRequest { region: Region::default(), now: T0, horizon: T0, limit: 1, token };
        let claims = store.claim(&request).await.unwrap().claims;
        store.record(T0, &[fixture::down(&claims[0])]).await.unwrap();
        let dispatch = Dispatch::new(store, means(notifier.clone()), clock.clone(), ids);
        Self { dispatch, notifier, clock }
    }

    /// Delivers everything that is due, and answers what came of it.
    async fn step(&self) -> Vec<DeliveryOutcome> {
        let mut deliveries = Vec::new();
        for claim in self.dispatch.claim(10).await.unwrap() {
            deliveries.push(self.dispatch.deliver(&claim).await);
        }
        self.dispatch.record(&deliveries).await.unwrap();
        deliveries.into_iter().map(|delivery| delivery.outcome).collect()
    }
}

fn refusal(is_final: bool) -> NotDelivered {
    NotDelivered { detail: "the receiver is away".into(), is_final }
}

#[pollster::test]
async fn what_is_owed_is_delivered_once() {
    let scene = Scene::new().await;
    assert_eq!(scene.step().await, [DeliveryOutcome::Delivered]);
    assert_eq!(scene.step().await, []);
    let told = scene.notifier.delivered();
    assert_eq!((told.len(), told[0].from, told[0].to, told[0].since), (1, Status::Pending, Status::Down, T0));
}

#[pollster::test]
async fn what_failed_is_tried_again_when_its_time_has_come() {
    let scene = Scene::new().await;
    scene.notifier.fail_next(refusal(false));
    assert!(matches!(scene.step().await[..], [DeliveryOutcome::Failed { retry_at: Some(_), .. }]));
    assert_eq!(scene.step().await, [], "its time has not come");
    scene.clock.advance(seconds(10));
    assert_eq!(scene.step().await, [DeliveryOutcome::Delivered]);
}

#[pollster::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let scene = Scene::new().await;
    scene.notifier.fail_next(refusal(true));
    assert!(matches!(scene.step().await[..], [DeliveryOutcome::Failed { retry_at: None, .. }]));
    scene.clock.advance(seconds(24 * 3600));
    assert_eq!(scene.step().await, []);
}

#[pollster::test]
async fn a_node_without_the_means_leaves_the_notice_to_others() {
    let scene = Scene::with_notifiers(|_| Vec::new()).await;
    assert!(matches!(scene.step().await[..], [DeliveryOutcome::Failed { retry_at: Some(_), .. }]));
}
