//! Gaps: slots that have no check, and what is shown of the time meanwhile.

use std::time::Duration;

use super::Stage;
use super::stage::era;
use crate::check::Region;
use crate::port::Recorded;
use crate::schedule::SlotRun;
use crate::status::Status;
use crate::testkit::fixture::{self, cut_off, down, seconds, up};
use crate::time::Window;
use crate::uptime::{Gap, GapOutcome, uptime};

/// Not one row for each slot: a year of absence costs no more than an hour.
pub async fn an_outage_is_one_gap_however_long_it_was(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_one(m.slot(5_000)).await;
    assert_eq!(claim.slot, m.slot(5_000));
    let run = SlotRun { first: m.slot(1), last: m.slot(4_999), count: 4_999 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
}

/// Runs grow as long as nothing comes between, and each kind for itself.
pub async fn a_gap_that_follows_upon_one_of_its_kind_extends_it(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    for number in 1..=3 {
        let claim = stage.claim_one(m.slot(number)).await;
        stage.settle(cut_off(&claim)).await;
    }
    let claim = stage.claim_one(m.slot(6)).await;
    stage.settle(cut_off(&claim)).await;
    let claim = stage.claim_one(m.slot(7)).await;
    stage.settle(cut_off(&claim)).await;
    stage.check_up(m.slot(8)).await;
    let claim = stage.claim_one(m.slot(9)).await;
    stage.settle(cut_off(&claim)).await;
    let gap = |first, last, outcome| {
        let run = SlotRun { first: m.slot(first), last: m.slot(last), count: u64::from(last - first + 1) };
        Gap { run, outcome }
    };
    assert_eq!(
        stage.gaps(m.id()).await,
        [
            gap(1, 3, GapOutcome::Unknown),
            gap(4, 5, GapOutcome::Missed),
            gap(6, 7, GapOutcome::Unknown),
            gap(9, 9, GapOutcome::Unknown),
        ]
    );
    assert_eq!(stage.account(m.id(), m.slot(9)).await.unaccounted, 0);
}

/// Also where the next epoch opens at the very slot that would have been the next: what is blind ends with its epoch.
pub async fn a_gap_belongs_to_one_epoch(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let target = fixture::target("https://example.org/elsewhere");
    stage.change(&m.monitor, m.slot(3), |change| change.settings.target = target).await;
    stage.check_up(m.slot(5)).await;
    let gap = |first, last| {
        let run = SlotRun { first: m.slot(first), last: m.slot(last), count: u64::from(last - first + 1) };
        Gap { run, outcome: GapOutcome::Missed }
    };
    assert_eq!(stage.gaps(m.id()).await, [gap(1, 2), gap(3, 4)]);
    let window = Window::new(m.slot(0), m.slot(6)).unwrap();
    let spent = uptime(&stage.time_facts(m.id(), window).await, window, m.slot(6));
    assert_eq!((spent.unknown, spent.up), (Duration::from_secs(240), Duration::from_secs(120)));
    assert_eq!(stage.account(m.id(), m.slot(5)).await.unaccounted, 0);
}

/// Lost slots in a row that were claimed one by one are one run, and so are those after them that nobody claimed.
pub async fn slots_lost_one_by_one_are_one_run(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    for number in 1..=3 {
        assert_eq!(stage.claim_one(m.slot(number)).await.slot, m.slot(number));
    }
    let last = stage.claim_one(m.slot(6)).await;
    stage.settle(up(&last)).await;
    let run = SlotRun { first: m.slot(1), last: m.slot(5), count: 5 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
    assert_eq!(stage.account(m.id(), m.slot(6)).await.unaccounted, 0);
}

/// We ourselves had no network: the target is not to blame, and nobody is told.
pub async fn a_slot_without_a_network_is_unknown_and_no_flip(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_one(m.slot(1)).await;
    let workspace = m.monitor.workspace;
    assert_eq!(stage.settle(cut_off(&claim)).await, Recorded::Recorded { workspace, flip: None });
    assert_eq!(stage.settle(up(&claim)).await, Recorded::Stale, "it is settled");
    let run = SlotRun { first: m.slot(1), last: m.slot(1), count: 1 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Unknown }]);
    assert_eq!(stage.log(m.id()).await.len(), 1);
    let state = stage.view(&m.monitor).await.state;
    assert_eq!((state.held, state.streak, state.silence.map(|silence| silence.count)), (Status::Up, None, Some(1)));
    assert_eq!(stage.account(m.id(), m.slot(1)).await.unknown, 1);
}

/// A manual check is no slot.
pub async fn a_manual_check_without_a_network_leaves_no_gap(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_manual(&m.monitor, m.slot(0).plus(seconds(5))).await;
    assert_ne!(stage.settle(cut_off(&claim)).await, Recorded::Stale);
    assert_eq!(stage.gaps(m.id()).await, []);
    assert_eq!(stage.view(&m.monitor).await.state.silence, None);
    assert_eq!(stage.log(m.id()).await.len(), 1);
}

/// Missed or unknown, in whatever mixture. It is no flip: when we see again, all is as it was.
pub async fn three_silent_slots_are_unknown_until_the_next_result(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_one(m.slot(1)).await;
    stage.settle(cut_off(&claim)).await;
    let claim = stage.claim_one(m.slot(3)).await;
    assert_eq!(stage.shown(&m.monitor, m.slot(3)).await, (Status::Up, m.slot(0)));
    stage.settle(cut_off(&claim)).await;
    assert_eq!(stage.shown(&m.monitor, m.slot(3).plus(seconds(1))).await, (Status::Unknown, m.slot(1)));
    let claim = stage.claim_one(m.slot(4)).await;
    assert_eq!(stage.flip(up(&claim)).await, None);
    assert_eq!(stage.shown(&m.monitor, m.slot(4)).await, (Status::Up, m.slot(0)));
    assert_eq!(stage.incidents().await, []);
}

/// One failure before we went blind and one after it are not two in a row: the change begins after the blindness.
pub async fn a_failure_before_a_blindness_confirms_nothing_after_it(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    stage.check_down(m.slot(480)).await;
    let state = stage.view(&m.monitor).await.state;
    assert_eq!((state.held, state.streak.map(|streak| streak.since)), (Status::Up, Some(m.slot(480))));
    let confirmation = stage.claim_one(m.slot(480).plus(seconds(11))).await;
    let flip = stage.flip(down(&confirmation)).await.unwrap();
    assert_eq!((flip.to, flip.at), (Status::Down, m.slot(480)));
}

/// The same where we ourselves had no network meanwhile.
pub async fn a_failure_before_we_lost_our_network_confirms_nothing_after_it(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let confirmation = stage.claim_one(m.slot(1).plus(seconds(11))).await;
    stage.settle(cut_off(&confirmation)).await;
    for number in 2..=4 {
        let claim = stage.claim_one(m.slot(number)).await;
        stage.settle(cut_off(&claim)).await;
    }
    stage.check_down(m.slot(5)).await;
    let state = stage.view(&m.monitor).await.state;
    assert_eq!((state.held, state.streak.map(|streak| streak.since)), (Status::Up, Some(m.slot(5))));
    let confirmation = stage.claim_one(m.slot(5).plus(seconds(11))).await;
    let flip = stage.flip(down(&confirmation)).await.unwrap();
    assert_eq!((flip.to, flip.at), (Status::Down, m.slot(5)));
}

/// It is neither up nor down; from the slot that was seen again on, what was held is held.
pub async fn blind_time_counts_neither_as_up_nor_as_down(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_up(m.slot(4)).await;
    let claim = stage.claim_one(m.slot(5)).await;
    stage.settle(cut_off(&claim)).await;
    stage.check_up(m.slot(6)).await;
    let id = m.id();
    let spent = |from, to| async move {
        let window = Window::new(from, to).unwrap();
        let spent = uptime(&stage.time_facts(id, window).await, window, to);
        assert_eq!(spent.total(), window.length());
        (spent.up, spent.unknown)
    };
    let minutes = |count: u64| Duration::from_secs(60 * count);
    assert_eq!(spent(m.slot(0), m.slot(6)).await, (minutes(2), minutes(4)));
    let half = Duration::from_secs(30);
    assert_eq!(spent(m.slot(3).plus(half), m.slot(4).plus(half)).await, (half, half), "a gap right before the window");
    assert_eq!(spent(m.slot(6), m.slot(9)).await, (minutes(1), minutes(2)), "nobody has claimed slots 7 and 8");
}

/// The newest first, each once, those that touch the window.
pub async fn gaps_are_listed_page_by_page(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    for number in [0, 3, 6, 9, 12] {
        stage.check_up(m.slot(number)).await;
    }
    let region = Region::default();
    let ask = |window, before, limit| stage.store().gaps(m.id(), &region, window, before, limit);
    let (mut firsts, mut before) = (Vec::new(), None);
    loop {
        let page = ask(era(), before, 1).await.unwrap();
        assert!(page.len() <= 1);
        let Some(gap) = page.first() else { break };
        assert!(before.is_none_or(|before| gap.run.first < before), "reading on makes progress");
        firsts.push(gap.run.first);
        before = Some(gap.run.first);
    }
    assert_eq!(firsts, [m.slot(10), m.slot(7), m.slot(4), m.slot(1)]);
    let window = Window::new(m.slot(5), m.slot(10)).unwrap();
    let touching: Vec<_> = ask(window, None, 10).await.unwrap().iter().map(|gap| gap.run.first).collect();
    assert_eq!(touching, [m.slot(7), m.slot(4)], "one that begins before and one that lies inside");
    assert_eq!(ask(era(), Some(m.slot(7)), 10).await.unwrap().len(), 2);
    assert_eq!(stage.store().gaps(stage.monitor_id(), &region, era(), None, 10).await.unwrap(), []);
}
