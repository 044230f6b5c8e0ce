use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use watchkeeper_domain::port::{Clock, MonitorRepo, Upkeep};
use watchkeeper_domain::testkit::SteppingClock;
use watchkeeper_domain::testkit::fixture::T0;

use super::stage::{Manner, Stage};
use crate::engine::network::{TRIAL_AFTER, TRIAL_CLAIMS};
use crate::engine::pool::Pool;
use crate::engine::recorder::{Backlog, Recorder};
use crate::engine::scheduler::{HEAD_START, LOOK_AHEAD, MAX_CLAIMS, POLL_INTERVAL, Scheduler};

const URL: &str = "https://example.org/health";
const ANSWERS: Manner = Manner::Answers { http_status: 200, after: Duration::from_millis(10) };

/// A scheduler over a pool whose results are recorded.
fn scheduler(stage: &Stage, workers: usize) -> Scheduler {
    let (watch, backlog) = (stage.watch(), Arc::new(Backlog::default()));
    let (pool, found) = Pool::new(watch.clone(), workers, Arc::clone(&backlog), stage.metrics.clone());
    let recorder = Recorder::new(watch.clone(), found, Arc::clone(&backlog), Arc::default(), stage.metrics.clone());
    tokio::spawn(recorder.run());
    Scheduler::new(watch, stage.switched.clone(), pool, backlog, stage.metrics.clone())
}

#[tokio::test(start_paused = true)]
async fn a_step_that_finds_nothing_waits_for_the_next_poll() {
    let stage = Stage::open().await;
    assert_eq!(scheduler(&stage, 4).step().await, POLL_INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_leaves_work_over_is_soon_followed_by_another() {
    let stage = Stage::open().await;
    for _ in 0..=MAX_CLAIMS {
        stage.monitor(60).await;
    }
    let mut scheduler = scheduler(&stage, MAX_CLAIMS);
    assert!(scheduler.step().await < POLL_INTERVAL);
    assert_eq!(scheduler.step().await, POLL_INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_run_at_once_than_there_are_workers() {
    let stage = Stage::open().await;
    for _ in 0..10 {
        stage.monitor(60).await;
    }
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_millis(500) });
    scheduler(&stage, 3).step().await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(stage.prober.most_at_once.load(Ordering::SeqCst), 3);
    assert_eq!(stage.prober.probes.load(Ordering::SeqCst), 10);
}

#[tokio::test(start_paused = true)]
async fn a_full_pool_claims_nothing() {
    let stage = Stage::open().await;
    for _ in 0..20 {
        stage.monitor(60).await;
    }
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_secs(5) });
    let mut scheduler = scheduler(&stage, 2);
    scheduler.step().await;
    sleep(Duration::from_millis(1)).await;
    scheduler.step().await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 1, "enough wait for a worker: others may have room");
    sleep(Duration::from_secs(60)).await;
    scheduler.step().await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn claims_are_taken_by_the_portion_while_many_are_held() {
    let stage = Stage::open().await;
    for _ in 0..512 {
        stage.monitor(1).await;
    }
    // It holds 128 claims at the most, and takes 16 of them at the least.
    let mut scheduler = scheduler(&stage, 32);
    let claims = || stage.switched.claims.load(Ordering::SeqCst);
    // All have been checked twice, and as many are held as may be.
    let are_held = async {
        while stage.metrics.claims_made.get() < 1_024 || stage.metrics.claims_held.get() < 128 {
            scheduler.step().await;
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), are_held).await.unwrap();
    let before = claims();
    while stage.metrics.claims_held.get() > 112 {
        assert!(scheduler.step().await < POLL_INTERVAL, "it looks again soon");
        assert_eq!(claims(), before, "{} are held", stage.metrics.claims_held.get());
        sleep(Duration::from_millis(1)).await;
    }
    scheduler.step().await;
    assert_eq!((claims(), stage.metrics.claims_held.get()), (before + 1, 128));
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_probe_could_outlast_its_lease_is_let_go() {
    let stage = Stage::open().await;
    for _ in 0..3 {
        stage.monitor(60).await;
    }
    // The timeout is 10 s and the lease 12 s: whoever begins after 10 s may be overtaken by others.
    stage.prober.let_it(URL, Manner::Answers { http_status: 200, after: Duration::from_secs(10) });
    scheduler(&stage, 1).step().await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.prober.probes.load(Ordering::SeqCst), 1);
    assert_eq!(stage.metrics.probes_too_late.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn slots_that_nobody_came_to_in_time_are_counted_once() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    let mut scheduler = scheduler(&stage, 4);
    scheduler.step().await;
    assert_eq!(stage.metrics.slots_missed.get(), 0);
    sleep(Duration::from_secs(600)).await;
    scheduler.step().await;
    scheduler.step().await;
    let missed = stage.account(&monitor).await.missed;
    assert_eq!((stage.metrics.slots_missed.get(), missed > 5), (missed, true));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_falls_back_waits_until_it_has_caught_up() {
    let stage = Stage::open().await;
    let clock = Arc::new(SteppingClock::at(T0.plus(Duration::from_secs(100))));
    let watch = watchkeeper_domain::usecase::Watch { clock: Arc::<SteppingClock>::clone(&clock), ..stage.watch() };
    let backlog = Arc::new(Backlog::default());
    let (pool, _found) = Pool::new(watch.clone(), 4, Arc::clone(&backlog), stage.metrics.clone());
    let mut scheduler = Scheduler::new(watch, stage.switched.clone(), pool, backlog, stage.metrics.clone());
    scheduler.step().await;
    clock.set(T0);
    assert_eq!(scheduler.step().await, POLL_INTERVAL);
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 1);
    clock.set(T0.plus(Duration::from_secs(100)));
    scheduler.step().await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_less_and_less_often() {
    let stage = Stage::open().await;
    stage.switched.set_away(true);
    let mut scheduler = scheduler(&stage, 4);
    assert!(scheduler.step().await <= Duration::from_millis(250));
    for _ in 0..10 {
        scheduler.step().await;
    }
    assert!(scheduler.step().await >= Duration::from_secs(1));
    stage.switched.set_away(false);
    assert_eq!(scheduler.step().await, Duration::ZERO, "no lease has ended meanwhile");
    assert_eq!(scheduler.step().await, POLL_INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_in_which_leases_ended_others_may_record_before_anything_is_claimed() {
    let stage = Stage::open().await;
    let mut scheduler = scheduler(&stage, 4);
    scheduler.step().await;
    stage.switched.set_away(true);
    scheduler.step().await;
    sleep(Duration::from_secs(60)).await;
    stage.switched.set_away(false);
    assert_eq!(scheduler.step().await, HEAD_START);
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 1);
    scheduler.step().await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_and_takes_no_writes_is_not_back() {
    let stage = Stage::open().await;
    let mut scheduler = scheduler(&stage, 4);
    scheduler.step().await;
    stage.switched.set_read_only(true);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        sleep(scheduler.step().await).await;
        stage.switched.ping().await.unwrap();
    }
    stage.switched.set_read_only(false);
    assert_eq!(scheduler.step().await, HEAD_START, "counted from when it takes writes");
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 1);
    scheduler.step().await;
    assert_eq!(stage.switched.claims.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_claimed_ahead_and_starts_at_its_instant() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    let mut scheduler = scheduler(&stage, 4);
    scheduler.step().await;
    let (next, _) = stage.store.monitor(stage.workspace, monitor.id).await.unwrap().unwrap().next_slot.unwrap();
    sleep(next.since(stage.clock.now()) - Duration::from_millis(200)).await;
    assert_eq!(stage.prober.probes.load(Ordering::SeqCst), 1, "the opening slot");
    scheduler.step().await;
    sleep(Duration::from_millis(195)).await;
    assert_eq!(stage.prober.probes.load(Ordering::SeqCst), 1, "claimed, and not before its time");
    sleep(Duration::from_millis(7)).await;
    assert_eq!(stage.prober.probes.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_get_out_leaves_slots_to_others_until_their_instant_has_come() {
    let stage = Stage::open().await;
    // Its next slot comes before the next trial.
    let monitor = stage.monitor(5).await;
    stage.prober.let_it(URL, Manner::IsOutOfReach);
    let mut scheduler = scheduler(&stage, 4);
    let claims = || stage.metrics.claims_made.get();
    let a_little_before_the_next_slot = async |before: Duration| {
        let view = stage.store.monitor(stage.workspace, monitor.id).await.unwrap().unwrap();
        let (next, _) = view.next_slot.unwrap();
        sleep(next.since(stage.clock.now()) - before).await;
    };
    scheduler.step().await;
    for claimed in [1, 2] {
        a_little_before_the_next_slot(LOOK_AHEAD / 2).await;
        scheduler.step().await;
        assert_eq!(claims(), claimed, "others may take it");
        a_little_before_the_next_slot(Duration::ZERO).await;
        stage.prober.let_it(URL, if claimed == 1 { Manner::IsOutOfReach } else { ANSWERS });
        scheduler.step().await;
        assert_eq!(claims(), claimed + 1, "nobody has");
    }
    a_little_before_the_next_slot(LOOK_AHEAD / 2).await;
    scheduler.step().await;
    assert_eq!(claims(), 4, "it has got out");
    sleep(LOOK_AHEAD).await;
    let account = stage.account(&monitor).await;
    assert_eq!((account.unknown, account.up, account.missed), (2, 2, 0), "{account:?}");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_get_out_tries_with_a_few() {
    let stage = Stage::open().await;
    stage.monitor(600).await;
    stage.prober.let_it(URL, Manner::IsOutOfReach);
    let mut scheduler = scheduler(&stage, 8);
    scheduler.step().await;
    sleep(TRIAL_AFTER + Duration::from_secs(1)).await;
    for _ in 0..20 {
        stage.monitor(600).await;
    }
    scheduler.step().await;
    assert_eq!(stage.metrics.claims_made.get(), 1 + TRIAL_CLAIMS as u64);
    scheduler.step().await;
    assert_eq!(stage.metrics.claims_made.get(), 21, "these are due, and nobody else has come");
}
