use std::time::Duration;

use tokio::time::sleep;
use watchkeeper_domain::port::MonitorRepo;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::status::{Confirmation, Status};
use watchkeeper_domain::testkit::fixture::{self, T0};

use super::*;
use crate::engine::outage::STORE_PATIENCE;
use crate::engine::tests::stage::{Manner, Stage, SwitchedStore};

const BAD: &str = "https://example.org/bad";

async fn pass(stage: &Stage) -> Summary {
    tick(engine(stage), &CancellationToken::new()).await.unwrap()
}

fn engine(stage: &Stage) -> Engine {
    Engine {
        watch: stage.watch(),
        dispatch: stage.dispatch(),
        upkeep: Arc::<SwitchedStore>::clone(&stage.switched),
        retention: Retention::DEFAULT,
        head_start: Duration::ZERO,
        workers: 4,
        metrics: stage.metrics.clone(),
    }
}

/// A monitor whose failures are confirmed once.
async fn confirming_monitor(stage: &Stage, interval_secs: u32) -> Monitor {
    let mut made = fixture::monitor(stage.next_monitor(), stage.workspace, interval_secs, stage.now());
    made.settings.target = fixture::target(BAD);
    made.settings.confirmation = Confirmation { before_down: 1, before_up: 0 };
    stage.store.create_monitor(&made, u32::MAX).await.unwrap();
    made
}

#[tokio::test(start_paused = true)]
async fn a_pass_with_nothing_to_do_does_nothing() {
    let stage = Stage::open().await;
    let summary = pass(&stage).await;
    assert_eq!(summary, Summary { took: summary.took, ..Summary::default() });
    assert!(summary.took < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_pass_checks_what_is_due_and_confirms_and_tells_what_it_finds() {
    let stage = Stage::open().await;
    stage.monitor(60).await;
    let monitor = confirming_monitor(&stage, 60).await;
    stage.prober.let_it(BAD, Manner::Answers { http_status: 503, after: Duration::ZERO });
    let summary = pass(&stage).await;
    assert_eq!((summary.up, summary.down, summary.confirmations, summary.lost), (1, 2, 1, 0));
    assert_eq!((summary.notices.delivered, summary.notices.failed), (1, 0));
    assert_eq!(stage.status(&monitor).await, Status::Down);
    assert_eq!(stage.notifier.delivered().len(), 1);
    assert!(summary.took < Duration::from_secs(12), "it waits no longer than the confirmation takes");
}

#[tokio::test(start_paused = true)]
async fn a_pass_waits_for_the_next_slot_where_that_one_confirms() {
    let stage = Stage::open().await;
    let monitor = confirming_monitor(&stage, 5).await;
    pass(&stage).await;
    let (grid_slot, _) = stage.store.monitor(stage.workspace, monitor.id).await.unwrap().unwrap().next_slot.unwrap();
    sleep(grid_slot.since(stage.now())).await;
    stage.prober.let_it(BAD, Manner::Answers { http_status: 503, after: Duration::ZERO });
    let summary = pass(&stage).await;
    assert_eq!((summary.down, summary.confirmations, summary.notices.delivered), (2, 0, 1));
    assert_eq!(stage.status(&monitor).await, Status::Down);
}

#[tokio::test(start_paused = true)]
async fn a_pass_does_not_wait_for_a_monitor_that_is_known_to_be_down() {
    let stage = Stage::open().await;
    confirming_monitor(&stage, 60).await;
    stage.prober.let_it(BAD, Manner::Answers { http_status: 503, after: Duration::ZERO });
    pass(&stage).await;
    sleep(Duration::from_secs(90)).await;
    let summary = pass(&stage).await;
    assert_eq!((summary.down, summary.confirmations), (1, 0));
    assert!(summary.took < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_pass_records_what_it_came_too_late_for_as_missed() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(60).await;
    pass(&stage).await;
    sleep(Duration::from_secs(600)).await;
    let summary = pass(&stage).await;
    assert_eq!(summary.up, 1);
    let account = stage.account(&monitor).await;
    assert_eq!((account.up, account.unaccounted), (2, 0));
    assert!((8..=9).contains(&account.missed), "{account:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pass_fails_where_the_store_does() {
    let stage = Stage::open().await;
    stage.switched.set_away(true);
    assert!(tick(engine(&stage), &CancellationToken::new()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_pass_fails_where_the_store_never_answers() {
    let stage = Stage::open().await;
    stage.switched.fall_silent();
    assert!(tick(engine(&stage), &CancellationToken::new()).await.is_err());
    assert_eq!(stage.now().since(T0), STORE_PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_pass_fails_where_the_store_refuses_a_result_and_records_the_others() {
    let stage = Stage::open().await;
    let (refused, sound) = (stage.monitor(60).await, stage.monitor(60).await);
    *stage.switched.refused.lock().unwrap() = Some(refused.id);
    let failed = tick(engine(&stage), &CancellationToken::new()).await;
    assert!(matches!(failed, Err(RepoError::Conflict(_))));
    assert_eq!((stage.log(&refused).await.len(), stage.log(&sound).await.len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pass_ends_although_something_falls_due_all_the_time() {
    let stage = Stage::open().await;
    let monitor = stage.monitor(1).await;
    let slow = Manner::Answers { http_status: 200, after: Duration::from_millis(900) };
    stage.prober.let_it(monitor.settings.target.url(), slow);
    assert!(pass(&stage).await.took < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_pass_ends_although_a_channel_takes_nothing() {
    let stage = Stage::open().await;
    let stuck = "https://example.org/stuck";
    stage.monitor_at(60, stuck).await;
    stage.prober.let_it(stuck, Manner::Answers { http_status: 503, after: Duration::ZERO });
    let engine = Engine { dispatch: stage.dispatch_slowly(), ..engine(&stage) };
    let summary = tick(engine, &CancellationToken::new()).await.unwrap();
    assert_eq!((summary.notices.delivered, summary.notices.failed), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_told_to_stop_claims_nothing_more() {
    let stage = Stage::open().await;
    stage.monitor(60).await;
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(tick(engine(&stage), &stop).await.unwrap().up, 0);
}

#[test]
fn a_summary_is_a_line_a_fact() {
    let summary =
        Summary { up: 10, down: 2, confirmations: 1, flips: 1, took: Duration::from_millis(132), ..Summary::default() };
    assert_eq!(
        summary.to_string(),
        "checked: 12 (10 up, 0 degraded, 2 down; 1 to confirm)\nunknown: 0\nmissed: 0\nlost: 0\nstatus changes: 1\n\
         notices: 0 delivered, 0 failed\ntidied: 0 hours rolled up, 0 days folded, 0 rows removed\ntook: 0.132 s"
    );
}
