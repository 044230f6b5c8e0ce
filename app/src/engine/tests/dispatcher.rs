use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::notice::{ChannelKind, DELIVERY_TIMEOUT, DeliveryOutcome, NOTICE_LEASE, NotDelivered};
use watchkeeper_domain::port::{CheckRepo, Clock, IdGenerator};
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::fixture;
use watchkeeper_domain::usecase::Dispatch;

use super::stage::Stage;
use crate::engine::dispatcher::{Dispatcher, POLL_INTERVAL};

fn dispatcher(stage: &Stage, dispatch: Dispatch, news: &Arc<Notify>) -> Dispatcher {
    let ids: Arc<dyn IdGenerator> = Arc::<CountingIds>::clone(&stage.ids);
    Dispatcher::new(dispatch, Arc::clone(news), ids, stage.metrics.clone())
}

/// How many attempts got through.
fn made(stage: &Stage) -> u64 {
    stage.metrics.deliveries.of(ChannelKind::Console, &DeliveryOutcome::Delivered).get()
}

/// How many did not, and are or are not made again.
fn failed(stage: &Stage) -> u64 {
    let count = |retry_at| {
        let outcome = DeliveryOutcome::Failed { error: String::new(), retry_at };
        stage.metrics.deliveries.of(ChannelKind::Console, &outcome).get()
    };
    count(None) + count(Some(stage.clock.now()))
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
    assert_eq!(made(&stage), 1);
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
    assert_eq!((failed(&stage), made(&stage)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_does_not_hold_up_the_others() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/slow").await;
    let mut dispatcher = dispatcher(&stage, stage.dispatch_slowly(), &Arc::default());
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
    let running = tokio::spawn(dispatcher(&stage, stage.dispatch_slowly(), &news).run(stop.clone()));
    sleep(POLL_INTERVAL / 10).await;
    owe(&stage, "https://example.org/slow").await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!((stage.notifier.delivered().len(), made(&stage)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_before_an_outage_is_written_down_before_anything_is_taken() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/slow").await;
    let mut dispatcher = dispatcher(&stage, stage.dispatch_slowly(), &Arc::default());
    dispatcher.step().await.unwrap();
    stage.switched.set_away(true);
    dispatcher.finish().await.unwrap_err();
    sleep(NOTICE_LEASE * 2).await;
    dispatcher.finish().await.unwrap_err();
    stage.switched.set_away(false);
    dispatcher.finish().await.unwrap();
    assert_eq!(stage.notifier.delivered().len(), 1);
    assert_eq!((made(&stage), failed(&stage)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_takes_nothing_is_given_up_in_time_and_tried_again_later() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/stuck").await;
    let mut dispatcher = dispatcher(&stage, stage.dispatch_slowly(), &Arc::default());
    let before = tokio::time::Instant::now();
    dispatcher.finish().await.unwrap();
    assert_eq!(before.elapsed().as_secs(), DELIVERY_TIMEOUT.as_secs());
    assert_eq!((made(&stage), failed(&stage)), (0, 1));
    sleep(Duration::from_secs(11)).await;
    dispatcher.finish().await.unwrap();
    assert_eq!(failed(&stage), 2);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_is_given_anew_while_it_is_under_way_is_delivered_once() {
    let stage = Stage::open().await;
    owe(&stage, "https://example.org/slow").await;
    let mut dispatcher = dispatcher(&stage, stage.dispatch_slowly(), &Arc::default());
    // The claim is answered so late that its lease ends before the delivery does.
    stage.switched.take(NOTICE_LEASE / 2);
    dispatcher.step().await.unwrap();
    stage.switched.take(Duration::ZERO);
    sleep(NOTICE_LEASE / 2).await;
    dispatcher.finish().await.unwrap();
    assert_eq!(stage.notifier.delivered().len(), 1);
    assert_eq!((made(&stage), failed(&stage)), (1, 0));
    sleep(NOTICE_LEASE * 2).await;
    dispatcher.finish().await.unwrap();
    assert_eq!(stage.notifier.delivered().len(), 1, "what came of it is written down under the new claim");
}
