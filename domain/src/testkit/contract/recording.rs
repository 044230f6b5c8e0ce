//! Recording results: what is kept, for whom, in which order.

use std::time::Duration;

use super::Stage;
use crate::check::{Check, Outcome, Settled};
use crate::id::LeaseToken;
use crate::port::Recorded;
use crate::report::{Evidence, Reason, ReasonKind, Timings};
use crate::status::Status;
use crate::testkit::fixture::{self, T0, degraded, down, seconds, up};
use crate::verdict::Verdict;

/// Every value of a check comes back as it went in.
pub async fn a_check_is_in_the_log_to_the_microsecond(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let claim = stage.claim_one(m.slot(0)).await;
    let micros = |count| Some(Duration::from_micros(count));
    let whole = Check {
        checked_at: claim.slot.plus(Duration::from_micros(1_234_567)),
        latency: Duration::from_micros(7_654_321),
        timings: Timings {
            dns: micros(1),
            connect: micros(20_002),
            tls: micros(300_003),
            first_byte: micros(4_000_004),
            transfer: micros(0),
        },
        ..fixture::check(&claim, Verdict::Down)
    };
    stage.settle(Settled { claim, outcome: Outcome::Checked(Box::new(whole.clone())) }).await;
    assert_eq!(stage.log(m.id()).await, [whole]);
    let claim = stage.claim_one(m.slot(1)).await;
    let bare = Check {
        reason: Some(Reason::new(ReasonKind::Dns, "no such name: “exämple”")),
        timings: Timings::default(),
        http_status: None,
        evidence: Some(Evidence::default()),
        latency: Duration::ZERO,
        ..fixture::check(&claim, Verdict::Down)
    };
    stage.settle(Settled { claim, outcome: Outcome::Checked(Box::new(bare.clone())) }).await;
    assert_eq!(stage.log(m.id()).await[0], bare);
}

/// It is for arguing about alerts; of a healthy check there is nothing to argue about.
pub async fn evidence_is_kept_for_what_is_not_up_and_for_no_other(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    for (number, verdict) in [(0, Verdict::Up), (1, Verdict::Degraded), (2, Verdict::Down)] {
        let claim = stage.claim_one(m.slot(number)).await;
        let check = Check { evidence: Some(fixture::evidence()), ..fixture::check(&claim, verdict) };
        stage.settle(Settled { claim, outcome: Outcome::Checked(Box::new(check)) }).await;
    }
    let kept: Vec<_> = stage.log(m.id()).await.into_iter().map(|check| (check.verdict, check.evidence)).collect();
    let evidence = Some(fixture::evidence());
    assert_eq!(kept, [(Verdict::Down, evidence.clone()), (Verdict::Degraded, evidence), (Verdict::Up, None)]);
}

/// A recorder that does not know whether its last batch got through sends it again.
pub async fn recording_twice_is_harmless(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_one(m.slot(1)).await;
    assert_ne!(stage.settle(down(&claim)).await, Recorded::Stale);
    let state = stage.view(&m.monitor).await.state;
    assert_eq!(stage.settle(down(&claim)).await, Recorded::Stale);
    assert_eq!(stage.settle(up(&claim)).await, Recorded::Stale);
    assert_eq!(stage.view(&m.monitor).await.state, state);
    assert_eq!(stage.log(m.id()).await.len(), 2);
    let twice = stage.claim_one(m.slot(2)).await;
    let recorded = stage.store().record(m.slot(2), &[up(&twice), up(&twice)]).await.unwrap();
    let stale = recorded.iter().filter(|recorded| **recorded == Recorded::Stale).count();
    assert_eq!(stale, 1, "the same result twice in one batch: {recorded:?}");
}

/// The answers come in the order of the batch.
pub async fn a_stale_result_leaves_the_others_of_its_batch_alone(stage: &Stage) {
    let specimens = [stage.monitor_every(60).await, stage.monitor_every(60).await, stage.monitor_every(60).await];
    let now = T0.plus(seconds(60));
    let mut claims = stage.claim(now).await;
    claims.sort_by_key(|claim| std::cmp::Reverse(claim.slot));
    assert_eq!(claims.len(), 3);
    claims[1].token = LeaseToken::new(stage.token().uuid());
    let batch: Vec<_> = claims.iter().map(up).collect();
    let recorded = stage.store().record(now, &batch).await.unwrap();
    let is_stale: Vec<_> = recorded.iter().map(|recorded| *recorded == Recorded::Stale).collect();
    assert_eq!(is_stale, [false, true, false]);
    for m in specimens {
        assert_eq!(stage.log(m.id()).await.len(), usize::from(m.id() != claims[1].monitor));
    }
}

/// A failure and the recovery after it, handed in the other way round, are still a failure and a recovery.
pub async fn a_batch_is_applied_in_the_order_of_its_slots(stage: &Stage) {
    let m = stage
        .monitor_with(|settings| {
            settings.timeout = crate::monitor::Timeout::from_secs(60);
            settings.confirmation.before_down = 0;
        })
        .await;
    let first = stage.claim_one(m.slot(0)).await;
    let second = stage.claim_one(m.slot(1)).await;
    let now = m.slot(1).plus(seconds(5));
    let third = stage.claim_manual(&m.monitor, now).await;
    let batch = [up(&third), up(&first), down(&second)];
    let recorded = stage.store().record(now.plus(seconds(1)), &batch).await.unwrap();
    assert_eq!(
        recorded.into_iter().map(flip_of).collect::<Vec<_>>(),
        [Some((Status::Down, Status::Up)), Some((Status::Pending, Status::Up)), Some((Status::Up, Status::Down)),]
    );
    let spans = stage.spans(m.id()).await;
    assert_eq!(
        spans.iter().map(|span| (span.status, span.from)).collect::<Vec<_>>(),
        [(Status::Up, m.slot(0)), (Status::Down, m.slot(1)), (Status::Up, now)]
    );
}

fn flip_of(recorded: Recorded) -> Option<(Status, Status)> {
    match recorded {
        Recorded::Recorded { flip, .. } => flip.map(|flip| (flip.from, flip.to)),
        Recorded::Stale => panic!("every claim is held"),
    }
}

/// A slow probe of an earlier slot says nothing about the present.
pub async fn an_older_result_is_logged_and_changes_no_status(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.timeout = crate::monitor::Timeout::from_secs(60)).await;
    stage.check_up(m.slot(0)).await;
    let older = stage.claim_one(m.slot(1)).await;
    stage.check_down(m.slot(2)).await;
    let before = stage.view(&m.monitor).await.state;
    let workspace = m.monitor.workspace;
    let recorded = stage.settle_at(m.slot(2).plus(seconds(1)), degraded(&older)).await;
    assert_eq!(recorded, Recorded::Recorded { workspace, flip: None });
    let after = stage.view(&m.monitor).await.state;
    assert_eq!((after.held, after.since, after.streak), (before.held, before.since, before.streak));
    assert_eq!(stage.log(m.id()).await.len(), 3);
    assert_eq!(stage.account(m.id(), m.slot(2)).await.unaccounted, 0);
}

/// Also where the newer one changed nothing that a store would write: the last slot counts while an older claim is open.
pub async fn a_healthy_newer_result_makes_an_older_one_powerless(stage: &Stage) {
    let m = stage
        .monitor_with(|settings| {
            settings.timeout = crate::monitor::Timeout::from_secs(60);
            settings.confirmation.before_down = 0;
        })
        .await;
    stage.check_up(m.slot(0)).await;
    let older = stage.claim_one(m.slot(1)).await;
    stage.check_up(m.slot(2)).await;
    let workspace = m.monitor.workspace;
    let recorded = stage.settle_at(m.slot(2).plus(seconds(1)), down(&older)).await;
    assert_eq!(recorded, Recorded::Recorded { workspace, flip: None });
    assert_eq!(stage.shown(&m.monitor, m.slot(2).plus(seconds(1))).await, (Status::Up, m.slot(0)));
    assert_eq!(stage.incidents().await, []);
    let both = stage.claim_one(m.slot(3)).await;
    let manual = stage.claim_manual(&m.monitor, m.slot(3).plus(seconds(5))).await;
    stage.store().record(m.slot(3).plus(seconds(6)), &[up(&manual)]).await.unwrap();
    let recorded = stage.settle_at(m.slot(3).plus(seconds(7)), down(&both)).await;
    assert_eq!(recorded, Recorded::Recorded { workspace, flip: None }, "a manual check is newer as well");
}

/// Three hundred monitors in one step.
pub async fn a_large_batch_is_recorded_whole(stage: &Stage) {
    const COUNT: u32 = 300;
    let workspace = stage.workspace().await;
    for _ in 0..COUNT {
        stage.create(&fixture::monitor(stage.monitor_id(), workspace, 60, T0)).await;
    }
    let claims = stage.claim_some(T0, 2 * COUNT).await;
    assert_eq!(claims.len(), COUNT as usize);
    let batch: Vec<_> = claims.iter().enumerate().map(|(n, c)| if n % 3 == 0 { down(c) } else { up(c) }).collect();
    let recorded = stage.store().record(T0.plus(seconds(1)), &batch).await.unwrap();
    assert!(recorded.iter().all(|recorded| *recorded != Recorded::Stale));
    let flips = recorded.into_iter().filter_map(flip_of).count();
    assert_eq!(flips, 200);
    let confirmations = stage.claim_some(T0.plus(seconds(12)), 2 * COUNT).await;
    assert!(!confirmations.is_empty() && confirmations.iter().all(|claim| claim.slot > T0));
}
