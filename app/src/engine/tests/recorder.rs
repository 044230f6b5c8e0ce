use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use watchkeeper_domain::check::Settled;
use watchkeeper_domain::id::LeaseToken;
use watchkeeper_domain::status::Status;
use watchkeeper_domain::testkit::fixture;

use super::stage::Stage;
use crate::engine::recorder::{BATCH_WINDOW, Backlog, MAX_BATCH, Recorder};

/// How many results wait for the recorder at most.
const MAX_WAITING: usize = MAX_BATCH * 4;

struct Bench {
    recorder: Recorder,
    found: mpsc::Sender<Settled>,
    backlog: Arc<Backlog>,
    news: Arc<Notify>,
}

fn bench(stage: &Stage) -> Bench {
    let (found, receiver) = mpsc::channel(MAX_WAITING);
    let (backlog, news) = (Arc::new(Backlog::default()), Arc::new(Notify::new()));
    let recorder =
        Recorder::new(stage.watch(), receiver, Arc::clone(&backlog), Arc::clone(&news), stage.metrics.clone());
    Bench { recorder, found, backlog, news }
}

impl Bench {
    fn find(&self, settled: Settled) {
        self.backlog.add(1);
        self.found.try_send(settled).unwrap();
    }

    async fn is_announced(&self) -> bool {
        timeout(Duration::from_millis(1), self.news.notified()).await.is_ok()
    }
}

#[tokio::test(start_paused = true)]
async fn results_that_come_close_together_are_recorded_together() {
    let stage = Stage::open().await;
    for _ in 0..50 {
        stage.monitor(60).await;
    }
    let bench = bench(&stage);
    let claims = stage.claim().await;
    let running = tokio::spawn(bench.recorder.run());
    for claim in &claims {
        bench.backlog.add(1);
        bench.found.send(fixture::up(claim)).await.unwrap();
        tokio::task::yield_now().await;
    }
    drop(bench.found);
    running.await.unwrap();
    assert_eq!(*stage.switched.batches.lock().unwrap(), [50]);
    assert!(bench.backlog.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_records_no_more_than_one_batch() {
    let stage = Stage::open().await;
    for _ in 0..MAX_BATCH + 1 {
        stage.monitor(60).await;
    }
    let mut bench = bench(&stage);
    for claim in stage.claim().await {
        bench.find(fixture::up(&claim));
    }
    bench.recorder.step().await;
    assert_eq!(bench.backlog.len(), 1);
    bench.recorder.step().await;
    assert_eq!(*stage.switched.batches.lock().unwrap(), [MAX_BATCH, 1]);
}

#[tokio::test(start_paused = true)]
async fn results_are_kept_while_the_store_is_away_and_recorded_when_it_is_back() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    let mut bench = bench(&stage);
    let claim = stage.claim().await.remove(0);
    stage.switched.set_away(true);
    bench.find(fixture::up(&claim));
    let pause = bench.recorder.step().await;
    assert!(!pause.is_zero());
    assert!(bench.backlog.is_held_up());
    stage.switched.set_away(false);
    assert!(bench.recorder.step().await.is_zero());
    assert!(!bench.backlog.is_held_up() && bench.backlog.is_empty());
    assert_eq!(stage.log(&monitor).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_is_told_nothing_more_still_waits_for_a_store_that_is_away() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    let bench = bench(&stage);
    let claim = stage.claim().await.remove(0);
    stage.switched.set_away(true);
    bench.find(fixture::up(&claim));
    let running = tokio::spawn(bench.recorder.run());
    drop(bench.found);
    sleep(Duration::from_secs(10)).await;
    assert!(!running.is_finished());
    stage.switched.set_away(false);
    running.await.unwrap();
    assert_eq!(stage.log(&monitor).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_store_that_is_slow_but_sound_has_not_taken_keeps_its_seat() {
    let stage = Stage::open().await;
    for _ in 0..MAX_BATCH * 3 {
        stage.monitor(60).await;
    }
    let bench = bench(&stage);
    for claim in stage.claim().await {
        bench.find(fixture::up(&claim));
    }
    let record = Duration::from_secs(5);
    stage.switched.take(record);
    tokio::spawn(bench.recorder.run());
    sleep(BATCH_WINDOW + record / 2).await;
    for waiting in [2, 1, 0] {
        assert_eq!(MAX_WAITING - bench.found.capacity(), waiting * MAX_BATCH);
        assert!(!bench.backlog.is_held_up(), "it is not away");
        sleep(record).await;
    }
    assert!(bench.backlog.is_empty());
}

#[tokio::test(start_paused = true)]
async fn however_long_an_outage_is_what_was_found_is_kept_and_holds_up_the_pool() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    let bench = bench(&stage);
    let claim = stage.claim().await.remove(0);
    stage.switched.set_away(true);
    bench.find(fixture::up(&claim));
    let running = tokio::spawn(bench.recorder.run());
    sleep(Duration::from_secs(3600)).await;
    let stale = Settled {
        claim: watchkeeper_domain::check::Claim { slot: claim.slot.next(), ..claim.clone() },
        ..fixture::up(&claim)
    };
    // A batch and a channel full of them, and one more.
    let many = async {
        loop {
            bench.backlog.add(1);
            bench.found.send(stale.clone()).await.unwrap();
        }
    };
    assert!(timeout(Duration::from_secs(3600), many).await.is_err());
    assert_eq!(bench.backlog.len(), MAX_BATCH + MAX_WAITING + 1);
    stage.switched.set_away(false);
    drop(bench.found);
    running.await.unwrap();
    assert_eq!(stage.log(&monitor).await.len(), 1, "the first one found is there");
    assert_eq!(stage.metrics.results_dropped.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_the_store_refuses_does_not_hold_up_the_others() {
    let stage = Stage::open().await;
    let mut monitors = Vec::new();
    for _ in 0..7 {
        monitors.push(stage.monitor(60).await);
    }
    *stage.switched.refused.lock().unwrap() = Some(monitors[4].id);
    let mut bench = bench(&stage);
    for claim in stage.claim().await {
        bench.find(fixture::up(&claim));
    }
    assert!(bench.recorder.step().await.is_zero());
    assert!(bench.backlog.is_empty());
    for (number, monitor) in monitors.iter().enumerate() {
        assert_eq!(stage.log(monitor).await.len(), usize::from(number != 4));
    }
    assert_eq!(stage.metrics.results_dropped.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn news_is_announced_also_where_the_store_goes_away_before_the_other_half_of_the_batch() {
    let stage = Stage::open().await;
    let monitors = [stage.monitor(60).await, stage.monitor(60).await];
    let mut bench = bench(&stage);
    stage.claim().await.iter().for_each(|claim| bench.find(fixture::up(claim)));
    bench.recorder.step().await;
    sleep(Duration::from_secs(100)).await;
    let mut claims = stage.claim().await;
    claims.sort_by_key(|claim| claim.monitor != monitors[0].id);
    claims.iter().for_each(|claim| bench.find(fixture::down(claim)));
    // The store refuses the batch, takes its first half, and is gone.
    *stage.switched.refused.lock().unwrap() = Some(monitors[1].id);
    stage.switched.leave_after_a_batch();
    assert!(!bench.recorder.step().await.is_zero());
    assert_eq!(stage.status(&monitors[0]).await, Status::Down);
    assert!(bench.is_announced().await);
}

#[tokio::test(start_paused = true)]
async fn news_is_announced_and_what_is_none_is_not() {
    let stage = Stage::open().await;
    stage.monitor(60).await;
    let mut bench = bench(&stage);
    let claim = stage.claim().await.remove(0);
    bench.find(fixture::up(&claim));
    bench.recorder.step().await;
    assert!(!bench.is_announced().await, "the first sight of a target is no news");
    sleep(Duration::from_secs(100)).await;
    let claim = stage.claim().await.remove(0);
    bench.find(fixture::down(&claim));
    bench.recorder.step().await;
    assert!(bench.is_announced().await);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_came_too_late_is_counted_as_that_and_not_as_a_check() {
    let stage = Stage::open().await;
    let monitors = [stage.monitor(60).await, stage.monitor(60).await, stage.monitor(60).await];
    *stage.switched.refused.lock().unwrap() = Some(monitors[1].id);
    let mut bench = bench(&stage);
    let mut claims = stage.claim().await;
    claims.sort_by_key(|claim| claim.monitor);
    // The batch is halved until what is refused stands alone; what is stale is in the last part.
    claims[2].token = LeaseToken::new(uuid::Uuid::nil());
    claims.iter().for_each(|claim| bench.find(fixture::up(claim)));
    bench.recorder.step().await;
    let up = stage.metrics.checks.of(&fixture::up(&claims[0])).get();
    let counted = (up, stage.metrics.results_stale.get(), stage.metrics.results_dropped.get());
    assert_eq!(counted, (1, 1, 1));
}
