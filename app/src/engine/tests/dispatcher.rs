use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::notice::{ChannelKind, NotDelivered, Notice};
use watchkeeper_domain::port::{CheckRepo, Clock, IdGenerator, Notifier};
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::fixture;
use watchkeeper_domain::usecase::Dispatch;

use super::stage::Stage;
use crate::engine::dispatcher::{Dispatcher, POLL_INTERVAL};

fn dispatcher(stage: &Stage, dispatch: Dispatch, news: &Arc<Notify>) -> Dispatcher {
    let ids: Arc<dyn IdGenerator> = Arc::<CountingIds>::clone(&stage.ids);
    Dispatcher::new(dispatch, Arc::clone(news), ids, stage.metrics.clone())
}

/// Finds a new monitor of this URL down, of which its workspace is owed a notice.
async fn owe(stage: &Stage, url: &str) {
    stage.monitor_at(3600, url).await;
    let claims = stage.claim().await;
    let batch: Vec<_> = claims.iter().map(fixture::down).collect();
    stage.store.record(stage.clock.now(), &batch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_is_delivered_once() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/").await;
    let mut dispatcher = dispatcher(&stage, stage.dispatch(), &Arc::default());
    dispatcher.step().await.unwrap();
    sleep(Duration::from_secs(3600)).await;
    dispatcher.step().await.unwrap();
    assert_eq!(stage.notifier.delivered().len(), 1);
    assert_eq!(stage.metrics.deliveries_made.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_get_through_is_tried_again_later() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/").await;
    stage.notifier.fail_next(NotDelivered { detail: "no".into(), is_final: false });
    let mut dispatcher = dispatcher(&stage, stage.dispatch(), &Arc::default());
    dispatcher.step().await.unwrap();
    dispatcher.step().await.unwrap();
    assert_eq!(stage.notifier.delivered(), []);
    sleep(Duration::from_secs(11)).await;
    dispatcher.step().await.unwrap();
    assert_eq!(stage.notifier.delivered().len(), 1);
    assert_eq!((stage.metrics.deliveries_failed.get(), stage.metrics.deliveries_made.get()), (1, 1));
}

/// Takes for ever for targets that are called slow.
struct StuckOnSlow(Arc<dyn Notifier>);

#[async_trait]
impl Notifier for StuckOnSlow {
    fn kind(&self) -> ChannelKind {
        self.0.kind()
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        if notice.target_url.contains("slow") {
            sleep(Duration::from_secs(25)).await;
        }
        self.0.deliver(notice).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_does_not_hold_up_the_others() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/slow").await;
    let notifier = Arc::new(StuckOnSlow(Arc::<watchkeeper_domain::testkit::RecordingNotifier>::clone(&stage.notifier)));
    let mut dispatcher = dispatcher(&stage, stage.dispatch_by(notifier), &Arc::default());
    dispatcher.step().await.unwrap();
    owe(&stage, "https://example.org/quick").await;
    dispatcher.step().await.unwrap();
    let delivered = |stage: &Stage| -> Vec<String> {
        stage.notifier.delivered().into_iter().map(|notice| notice.target_url).collect()
    };
    assert_eq!(delivered(&stage), ["https://example.org/quick"]);
    dispatcher.finish().await.unwrap();
    assert_eq!(delivered(&stage).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn news_is_told_before_the_next_poll() {
    let stage = Stage::open().await;
    let (news, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let running = tokio::spawn(dispatcher(&stage, stage.dispatch(), &news).run(stop.clone()));
    sleep(POLL_INTERVAL / 10).await;
    owe(&stage, "https://example.org/").await;
    news.notify_one();
    let told = async {
        while stage.notifier.delivered().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(POLL_INTERVAL / 10, told).await.unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dispatcher_that_is_told_to_stop_finishes_what_it_owes() {
    let stage = Stage::open().await;
    let (news, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let notifier = Arc::new(StuckOnSlow(Arc::<watchkeeper_domain::testkit::RecordingNotifier>::clone(&stage.notifier)));
    let running = tokio::spawn(dispatcher(&stage, stage.dispatch_by(notifier), &news).run(stop.clone()));
    sleep(POLL_INTERVAL / 10).await;
    owe(&stage, "https://example.org/slow").await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!((stage.notifier.delivered().len(), stage.metrics.deliveries_made.get()), (1, 1));
}
