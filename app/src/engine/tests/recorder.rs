use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use watchkeeper_domain::check::Settled;
use watchkeeper_domain::testkit::fixture;

use super::stage::Stage;
use crate::engine::recorder::{Backlog, MAX_BATCH, MAX_KEPT_RESULTS, Recorder};

struct Bench {
    recorder: Recorder,
    found: mpsc::Sender<Settled>,
    backlog: Arc<Backlog>,
    news: Arc<Notify>,
}

fn bench(stage: &Stage) -> Bench {
    let (found, receiver) = mpsc::channel(MAX_KEPT_RESULTS * 2);
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
async fn beyond_the_bound_the_oldest_result_is_dropped() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    let mut bench = bench(&stage);
    let claim = stage.claim().await.remove(0);
    stage.switched.set_away(true);
    bench.find(fixture::up(&claim));
    let stale = Settled {
        claim: watchkeeper_domain::check::Claim { slot: claim.slot.next(), ..claim.clone() },
        ..fixture::up(&claim)
    };
    for _ in 0..MAX_KEPT_RESULTS {
        bench.find(stale.clone());
    }
    bench.recorder.step().await;
    assert_eq!((bench.backlog.len(), stage.metrics.results_dropped.get()), (MAX_KEPT_RESULTS, 1));
    stage.switched.set_away(false);
    while !bench.backlog.is_empty() {
        bench.recorder.step().await;
    }
    assert_eq!(stage.log(&monitor).await, [], "the first one found is gone, and the slot will be missed");
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
async fn news_is_announced_and_what_is_none_is_not() {
    let stage = Stage::open().await;
    stage.monitor(60).await;
    let mut bench = bench(&stage);
    let claim = stage.claim().await.remove(0);
    let is_announced = |bench: &Bench| {
        let news = Arc::clone(&bench.news);
        async move { tokio::time::timeout(Duration::from_millis(1), news.notified()).await.is_ok() }
    };
    bench.find(fixture::up(&claim));
    bench.recorder.step().await;
    assert!(!is_announced(&bench).await, "the first sight of a target is no news");
    sleep(Duration::from_secs(100)).await;
    let claim = stage.claim().await.remove(0);
    bench.find(fixture::down(&claim));
    bench.recorder.step().await;
    assert!(is_announced(&bench).await);
}
