//! Reading the log.

use std::time::Duration;

use super::Stage;
use super::stage::{Specimen, era};
use crate::check::{Check, Origin, Outcome, Region, Settled};
use crate::id::MonitorId;
use crate::port::{CheckQuery, Glance};
use crate::report::{Reason, ReasonKind};
use crate::status::Confirmation;
use crate::testkit::fixture::{check, cut_off, degraded, down, seconds, up};
use crate::time::{Timestamp, Window};
use crate::uptime::{Uptime, join, timeline, uptime};
use crate::verdict::Verdict;

/// Every check counts at once.
const AT_ONCE: Confirmation = Confirmation { before_down: 0, before_up: 0 };

fn query(monitor: MonitorId, window: Window, verdict: Option<Verdict>, limit: u32) -> CheckQuery {
    CheckQuery { monitor, region: Region::default(), window, verdict, limit }
}

/// A monitor with scheduled, manual and confirming checks over more than one epoch, and all their instants, the oldest
/// first.
async fn lively(stage: &Stage) -> (Specimen, Vec<Timestamp>) {
    let m = stage.monitor_every(60).await;
    let mut instants = Vec::new();
    for number in 0..4 {
        instants.push(stage.check_up(m.slot(number)).await.slot);
        let manual = stage.claim_manual(&m.monitor, m.slot(number).plus(Duration::from_micros(12_345_678))).await;
        stage.settle(degraded(&manual)).await;
        instants.push(manual.slot);
    }
    instants.push(stage.check_down(m.slot(4)).await.slot);
    let confirmation = stage.claim_one(m.slot(4).plus(seconds(15))).await;
    assert_eq!(confirmation.origin, Origin::Confirmation);
    stage.settle(up(&confirmation)).await;
    instants.push(confirmation.slot);
    stage.pause(&m.monitor, m.slot(5)).await;
    stage.resume(&m.monitor, m.slot(7).plus(seconds(13))).await;
    instants.push(stage.check_up(m.slot(7).plus(seconds(13))).await.slot);
    let next = stage.next_slot(&m.monitor).await.unwrap();
    instants.push(stage.check_up(next).await.slot);
    (m, instants)
}

/// All origins, on the grid and off it, the newest first.
pub async fn every_check_is_read_exactly_once_page_by_page(stage: &Stage) {
    let (m, instants) = lively(stage).await;
    let newest_first: Vec<_> = instants.into_iter().rev().collect();
    for limit in [1, 2, 3, 5, 12, 500] {
        let read = stage.read_through(query(m.id(), era(), None, limit)).await;
        assert_eq!(read.iter().map(|check| check.slot).collect::<Vec<_>>(), newest_first, "in pages of {limit}");
    }
}

/// The instant at its beginning belongs to it, the one at its end does not.
pub async fn a_window_bounds_what_is_read(stage: &Stage) {
    let (m, instants) = lively(stage).await;
    let window = Window::new(instants[2], instants[7]).unwrap();
    let read = stage.read_through(query(m.id(), window, None, 2)).await;
    let expected: Vec<_> = instants[2..7].iter().rev().copied().collect();
    assert_eq!(read.iter().map(|check| check.slot).collect::<Vec<_>>(), expected);
    let empty = Window::new(instants[2], instants[2]).unwrap();
    assert_eq!(stage.read_through(query(m.id(), empty, None, 10)).await, []);
}

/// However rare what is asked for is among the rest.
pub async fn checks_are_read_by_their_verdict(stage: &Stage) {
    let (m, instants) = lively(stage).await;
    let expected =
        [(Verdict::Down, vec![8]), (Verdict::Degraded, vec![7, 5, 3, 1]), (Verdict::Up, vec![11, 10, 9, 6, 4, 2, 0])];
    for (verdict, positions) in expected {
        for limit in [1, 3, 100] {
            let read = stage.read_through(query(m.id(), era(), Some(verdict), limit)).await;
            assert!(read.iter().all(|check| check.verdict == verdict));
            let slots: Vec<_> = positions.iter().map(|position| instants[*position]).collect();
            assert_eq!(read.iter().map(|check| check.slot).collect::<Vec<_>>(), slots, "{verdict:?} by {limit}");
        }
    }
}

/// Also where it lies behind hundreds of others: they are passed over in bounded steps.
pub async fn a_rare_verdict_is_found_behind_many_others(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.confirmation = AT_ONCE).await;
    stage.check_of(&m, m.slot(0), degraded).await;
    let manual = stage.claim_manual(&m.monitor, m.slot(0).plus(seconds(9))).await;
    stage.settle(up(&manual)).await;
    for number in 1..=230 {
        stage.check_of(&m, m.slot(number), down).await;
    }
    for (verdict, count) in [(Verdict::Degraded, 1), (Verdict::Up, 1), (Verdict::Down, 230)] {
        for limit in [1, 150] {
            let read = stage.read_through(query(m.id(), era(), Some(verdict), limit)).await;
            assert!(read.iter().all(|check| check.verdict == verdict), "{verdict:?} by {limit}");
            assert_eq!(read.len(), count, "{verdict:?} by {limit}");
        }
    }
}

/// Nothing of another monitor, nor of another region.
pub async fn the_log_of_one_monitor_is_its_own(stage: &Stage) {
    let (m, other) = (stage.monitor_every(60).await, stage.monitor_every(60).await);
    for claim in stage.claim(m.slot(0).max(other.slot(0))).await {
        stage.settle(up(&claim)).await;
    }
    let log = stage.log(m.id()).await;
    assert_eq!(log.iter().map(|check| check.monitor).collect::<Vec<_>>(), [m.id()]);
    let elsewhere = CheckQuery { region: Region::parse("elsewhere").unwrap(), ..query(m.id(), era(), None, 10) };
    assert_eq!(stage.read_through(elsewhere).await, []);
    assert_eq!(stage.log(stage.monitor_id()).await, []);
}

/// Whatever is in it: quotes, control characters, what is no letter.
pub async fn a_reason_is_read_as_it_was_recorded(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let claim = stage.claim_one(m.slot(0)).await;
    let detail = "\"quoted\" 'twice' \\ [1, {\"a\": null}]\r\n\t\u{7}\u{1f} ü 🦀 \u{2028}";
    let reason = Some(Reason::new(ReasonKind::Connect, detail));
    let check = Check { reason, ..check(&claim, Verdict::Down) };
    stage.settle(Settled { claim, outcome: Outcome::Checked(Box::new(check.clone())) }).await;
    assert_eq!(stage.log(m.id()).await, [check]);
}

/// For a list of monitors, in its order, those without any included.
pub async fn the_newest_checks_of_several_monitors_come_in_their_order(stage: &Stage) {
    let (m, instants) = lively(stage).await;
    let (quiet, nobody) = (stage.monitor_every(300).await, stage.monitor_id());
    let now = instants[11].max(quiet.slot(0)).plus(seconds(1));
    let recent = stage.recent(&[quiet.id(), m.id(), nobody], 5, now).await;
    let slots: Vec<Vec<_>> = recent.iter().map(|checks| checks.iter().map(|check| check.slot).collect()).collect();
    let newest: Vec<_> = instants.iter().rev().take(5).copied().collect();
    assert_eq!(slots, [vec![], newest, vec![]]);
    let all = stage.recent(&[m.id()], 100, now).await;
    assert_eq!(all[0], stage.log(m.id()).await, "as the log has them, whole");
    assert_eq!(stage.recent(&[], 5, now).await, Vec::<Vec<_>>::new());
}

/// From whichever instant on and as of whichever moment it is asked for, and however few of each kind.
pub async fn a_glance_shows_what_is_known_and_what_was_found(stage: &Stage) {
    let (m, instants) = lively(stage).await;
    assert_eq!(stage.log(m.id()).await[0].slot, instants[11], "the newest check is of this very instant");
    for now in [instants[11], instants[7]] {
        for from in [instants[0].minus(seconds(1)), instants[5], instants[5].next(), now, now.next()] {
            assert_glances(stage, &m, from, now).await;
        }
    }
}

/// Asserts that a monitor's glances from an instant on show what all other questions do, as of a moment.
pub(super) async fn assert_glances(stage: &Stage, specimen: &Specimen, from: Timestamp, now: Timestamp) {
    let (id, region) = (specimen.id(), Region::default());
    let window = Window::new(from, now.next()).unwrap();
    let log: Vec<Check> = stage.log(id).await.into_iter().filter(|check| check.slot <= now).collect();
    for (most, limit) in [(1_000, 100), (1, 3)] {
        let glances = stage.store().glances(&[(id, from)], &region, most, limit, now).await.unwrap();
        let facts = stage.store().time_facts(&[(id, window)], &region, most).await.unwrap();
        let recent = log.iter().take(limit as usize).cloned().collect();
        let glance = Glance { facts: facts[0].clone(), recent };
        assert_eq!(glances, [glance], "from {from:?} as of {now:?}, {most} of each");
    }
}

/// Also where nobody has checked for long: the last word is what is asked for.
pub async fn the_newest_checks_are_found_however_old(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_one(m.slot(1)).await;
    stage.settle(down(&claim)).await;
    let days_later = m.slot(0).plus(Duration::from_secs(3 * 24 * 3600));
    let recent = stage.recent(&[m.id()], 10, days_later).await;
    assert_eq!(recent[0].iter().map(|check| check.slot).collect::<Vec<_>>(), [m.slot(1), m.slot(0)]);
}

/// In the order asked for, with nothing of a monitor that is not there.
pub async fn time_facts_come_in_the_order_asked_for(stage: &Stage) {
    let (one, two) = (stage.monitor_every(60).await, stage.monitor_every(120).await);
    let asked = [two.id(), stage.monitor_id(), one.id()].map(|monitor| (monitor, era()));
    let facts = stage.store().time_facts(&asked, &Region::default(), 10).await.unwrap();
    let schedules: Vec<_> = facts.iter().map(|facts| facts.epochs.first().map(|epoch| epoch.schedule)).collect();
    assert_eq!(schedules, [Some(two.schedule()), None, Some(one.schedule())]);
    let next: Vec<_> = facts.iter().map(|facts| facts.next_due_at).collect();
    assert_eq!(next, [Some(two.slot(0)), None, Some(one.slot(0))]);
    assert!(facts[1].spans.is_empty() && facts[1].gaps.is_empty());
}

/// However full a window is, no more is read at once than was asked for, and the parts tell the same as the whole.
pub async fn time_facts_are_read_in_bounded_parts(stage: &Stage) {
    let (m, quiet) =
        (stage.monitor_with(|settings| settings.confirmation = AT_ONCE).await, stage.monitor_every(60).await);
    for round in 0..4 {
        let number = round * 10;
        stage.check_of(&m, m.slot(number), up).await;
        stage.check_of(&m, m.slot(number + 1), down).await;
        stage.check_of(&m, m.slot(number + 2), cut_off).await;
        stage.check_of(&m, m.slot(number + 5), up).await;
        stage.pause(&m.monitor, m.slot(number + 6).plus(seconds(7))).await;
        stage.resume(&m.monitor, m.slot(number + 8).plus(seconds(11))).await;
    }
    let (now, region) = (m.slot(42), Region::default());
    let window = Window::new(m.slot(2), now).unwrap();
    let whole = stage.time_facts(m.id(), window).await;
    assert!(whole.spans.len() > 12 && whole.gaps.len() > 12 && whole.epochs.len() == 5, "{whole:?}");
    for most in 1..=6 {
        let (mut spent, mut stretches, mut rest) = (Uptime::default(), Vec::new(), Some(window));
        while let Some(window) = rest {
            let asked = [(quiet.id(), era()), (m.id(), window)];
            let facts = stage.store().time_facts(&asked, &region, most).await.unwrap().remove(1);
            let most = most as usize;
            assert!(facts.spans.len() <= most && facts.epochs.len() <= most && facts.gaps.len() <= most, "{facts:?}");
            let (part, before) = facts.whole_part(window, most);
            spent.add(&uptime(&facts, part, now));
            stretches = join(timeline(&facts, part, now), stretches);
            assert!(before.is_none_or(|before| before.to() < window.to()), "reading on makes progress");
            rest = before;
        }
        assert_eq!(spent, uptime(&whole, window, now), "{most} at once");
        assert_eq!(stretches, timeline(&whole, window, now), "{most} at once");
    }
}
