//! All loops together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::check::Origin;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::status::Status;

use super::stage::{Manner, Stage, SwitchedStore};
use crate::engine::scheduler::HEAD_START;
use crate::engine::{BrokeOff, Engine, GRACE};

const URL: &str = "https://example.org/health";

fn engine(stage: &Stage) -> Engine {
    Engine {
        watch: stage.watch(),
        dispatch: stage.dispatch(),
        upkeep: Arc::<SwitchedStore>::clone(&stage.switched),
        retention: Retention::DEFAULT,
        head_start: Duration::ZERO,
        workers: 8,
        metrics: stage.metrics.clone(),
    }
}

fn start(stage: &Stage) -> (JoinHandle<Result<(), BrokeOff>>, CancellationToken) {
    let stop = CancellationToken::new();
    (tokio::spawn(engine(stage).run(stop.clone())), stop)
}

#[tokio::test(start_paused = true)]
async fn every_slot_of_an_hour_starts_at_its_instant() {
    let stage = Stage::open().await;
    let mut monitors = Vec::new();
    for interval in [1, 7, 20, 60, 600] {
        monitors.push(stage.monitor(interval).await);
    }
    let (engine, stop) = start(&stage);
    sleep(Duration::from_secs(3600)).await;
    stop.cancel();
    engine.await.unwrap().unwrap();
    for monitor in &monitors {
        let log = stage.log(monitor).await;
        let late =
            log.iter().filter(|check| check.slot > monitor.created_at).map(|check| check.checked_at.since(check.slot));
        assert!(late.max().unwrap() < Duration::from_millis(2), "the timer counts in milliseconds");
        assert!(log.iter().all(|check| check.origin == Origin::Scheduled && check.checked_at >= check.slot));
        let account = stage.account(monitor).await;
        assert_eq!((account.up, account.missed, account.unaccounted), (account.due, 0, 0));
        assert!(account.due >= 3600 / u64::from(monitor.settings.interval.as_secs()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_goes_down_and_comes_back_is_told_both_times() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(10).await;
    let (engine, stop) = start(&stage);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(stage.status(&monitor).await, Status::Up);
    stage.prober.let_it(URL, Manner::Answers { http_status: 503, after: Duration::ZERO });
    sleep(Duration::from_secs(11)).await;
    assert_eq!(stage.status(&monitor).await, Status::Down);
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::ZERO });
    sleep(Duration::from_secs(11)).await;
    stop.cancel();
    engine.await.unwrap().unwrap();
    let told: Vec<_> = stage.notifier.delivered().iter().map(|notice| (notice.from, notice.to)).collect();
    assert_eq!(told, [(Status::Up, Status::Down), (Status::Down, Status::Up)]);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_probe_costs_its_own_slots_only() {
    let stage = Stage::open().await;
    let (sound, broken) = (stage.monitor(10).await, stage.monitor_at(10, "https://example.org/bad").await);
    stage.prober.let_it("https://example.org/bad", Manner::Panics);
    let (engine, stop) = start(&stage);
    sleep(Duration::from_secs(100)).await;
    stop.cancel();
    engine.await.unwrap().unwrap();
    let account = stage.account(&sound).await;
    assert_eq!((account.up, account.unaccounted), (account.due, 0));
    let account = stage.account(&broken).await;
    assert_eq!((account.up, account.missed, account.unaccounted), (0, account.due, 0));
    assert!(account.missed >= 7 && stage.metrics.probes_panicked.get() >= 9);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_finishes_and_records_what_runs() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_secs(8) });
    let (engine, stop) = start(&stage);
    sleep(Duration::from_secs(1)).await;
    stop.cancel();
    engine.await.unwrap().unwrap();
    let account = stage.account(&monitor).await;
    assert_eq!((account.up, account.in_flight, account.unaccounted), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_cannot_record_ends_all_the_same() {
    let stage = Stage::open().await;
    stage.monitor(60).await;
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_secs(1) });
    let (engine, stop) = start(&stage);
    sleep(Duration::from_millis(500)).await;
    stage.switched.set_away(true);
    stop.cancel();
    let begun = tokio::time::Instant::now();
    engine.await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), GRACE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn what_was_found_before_an_outage_is_recorded_before_anything_is_claimed_again() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(300).await;
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_secs(1) });
    let (engine, stop) = start(&stage);
    sleep(Duration::from_millis(500)).await;
    stage.switched.set_away(true);
    // By then the lease has ended, and the slot may still start: a claim would give it anew.
    sleep(Duration::from_secs(60)).await;
    stage.switched.set_away(false);
    sleep(Duration::from_secs(20)).await;
    stop.cancel();
    engine.await.unwrap().unwrap();
    let log = stage.log(&monitor).await;
    assert_eq!(log.len(), 1);
    assert!(log[0].checked_at.since(monitor.created_at) < Duration::from_secs(1), "the result found before the outage");
    assert_eq!(stage.metrics.results_stale.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_found_nothing_before_an_outage_does_not_take_over_what_another_found() {
    // Whichever of the two happens to ask the store first when it is back.
    let outages = (60_000..64_000).step_by(100).flat_map(|millis| [(millis, false), (millis, true)]);
    for (outage_millis, still_answers) in outages {
        let switch = if still_answers { SwitchedStore::set_read_only } else { SwitchedStore::set_away };
        let stage = Stage::open().await;
        let monitor = stage.monitor(300).await;
        stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_secs(1) });
        let (first, stop_first) = start(&stage);
        sleep(Duration::from_millis(500)).await;
        let (second, stop_second) = start(&stage);
        sleep(Duration::from_millis(300)).await;
        switch(&stage.switched, true);
        // The lease ends meanwhile, and the slot may still start.
        sleep(Duration::from_millis(outage_millis)).await;
        switch(&stage.switched, false);
        sleep(Duration::from_secs(20)).await;
        stop_first.cancel();
        stop_second.cancel();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(stage.prober.probes.load(Ordering::SeqCst), 1, "after {outage_millis} ms, {still_answers}");
        assert_eq!((stage.log(&monitor).await.len(), stage.metrics.results_stale.get()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_had_to_wait_for_the_store_lets_others_record_before_it_claims() {
    let stage = Stage::open().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Engine { head_start: HEAD_START, ..engine(&stage) }.run(stop.clone()));
    sleep(HEAD_START - Duration::from_millis(1)).await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 0);
    sleep(Duration::from_millis(2)).await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 1);
    stop.cancel();
    running.await.unwrap().unwrap();
}
