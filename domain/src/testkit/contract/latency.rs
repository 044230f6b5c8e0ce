//! Latencies, from the log and from what has been rolled up.

use std::time::Duration;

use super::{Specimen, Stage};
use crate::check::{Check, Outcome, Region, Settled};
use crate::histogram::Histogram;
use crate::port::LatencyBucket;
use crate::testkit::fixture::{self, seconds};
use crate::time::{Timestamp, Window};
use crate::verdict::Verdict;

const HOUR: Duration = Duration::from_secs(3600);

/// Checks a monitor in so many of its slots. Every 7th is down, every 5th degraded; latencies vary.
async fn watch(stage: &Stage, m: &Specimen, slots: u32) -> Vec<Check> {
    let mut checks = Vec::new();
    for number in 0..slots {
        let now = m.slot(number);
        for claim in stage.claim(now).await {
            let verdict = match number {
                _ if number % 7 == 6 => Verdict::Down,
                _ if number % 5 == 4 => Verdict::Degraded,
                _ => Verdict::Up,
            };
            let latency = Duration::from_micros(1_000 + u64::from(number) * u64::from(number) * 997 % 2_000_000);
            let check = Check { latency, ..fixture::check(&claim, verdict) };
            checks.push(check.clone());
            stage.settle_at(now, Settled { claim, outcome: Outcome::Checked(Box::new(check)) }).await;
        }
    }
    checks
}

/// What the latencies of these checks are, in stretches from the window's beginning.
fn expected(checks: &[Check], window: Window, step: Duration) -> Vec<LatencyBucket> {
    let mut buckets = Vec::new();
    let mut from = window.from();
    while from < window.to() {
        let stretch = Window::new(from, from.plus(step).min(window.to())).unwrap();
        let mut latencies = Histogram::default();
        for check in checks.iter().filter(|c| stretch.contains(c.slot) && c.verdict != Verdict::Down) {
            latencies.add(check.latency);
        }
        if latencies.count() > 0 {
            buckets.push(LatencyBucket { at: from, latencies });
        }
        from = from.plus(step);
    }
    buckets
}

async fn read(stage: &Stage, m: &Specimen, window: Window, step: Duration) -> Vec<LatencyBucket> {
    stage.store().latencies(m.id(), &Region::default(), window, step).await.unwrap()
}

fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros() - at.as_micros().rem_euclid(3_600_000_000))
}

/// Checks that got an answer, in the stretch in which their slot lies, the oldest first, without empty ones.
pub async fn latencies_come_in_stretches_of_the_window(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let checks = watch(stage, &m, 20).await;
    let window = Window::new(m.slot(2), m.slot(30)).unwrap();
    for step in [60, 61, 150, 600, 86_400].map(Duration::from_secs) {
        assert_eq!(read(stage, &m, window, step).await, expected(&checks, window, step), "steps of {step:?}");
    }
    let after = Window::new(m.slot(20), m.slot(30)).unwrap();
    assert_eq!(read(stage, &m, after, HOUR).await, []);
    assert_eq!(expected(&checks, window, Duration::from_secs(86_400)).len(), 1, "there is something to be read");
}

/// An hour is closed when it has been over for a quarter of an hour.
pub async fn an_hour_is_rolled_up_when_it_is_closed(stage: &Stage) {
    let m = stage.monitor_every(300).await;
    let first_hour = hour_of(m.slot(0));
    watch(stage, &m, 30).await;
    let quarter = Duration::from_secs(900);
    let just_before = Timestamp::from_micros(first_hour.plus(HOUR).plus(quarter).as_micros() - 1);
    assert_eq!(stage.store().roll_up(just_before).await.unwrap(), None);
    assert_eq!(stage.store().roll_up(just_before.next()).await.unwrap(), Some(first_hour));
    assert_eq!(stage.store().roll_up(just_before.next()).await.unwrap(), None, "the next one is not closed");
    let second = stage.store().roll_up(just_before.next().plus(HOUR)).await.unwrap();
    assert_eq!(second, Some(first_hour.plus(HOUR)));
}

/// While a result may still come that belongs to it.
pub async fn an_hour_with_an_open_claim_is_not_rolled_up(stage: &Stage) {
    let m = stage.monitor_every(300).await;
    let first_hour = hour_of(m.slot(0));
    watch(stage, &m, 3).await;
    let late = stage.claim_one(m.slot(3)).await;
    let now = first_hour.plus(HOUR * 2);
    let hour_of_late = hour_of(late.slot);
    let mut rolled_up = Vec::new();
    while let Some(hour) = stage.store().roll_up(now).await.unwrap() {
        rolled_up.push(hour);
        assert!(rolled_up.len() < 10, "rolling up comes to its end");
    }
    assert!(!rolled_up.contains(&hour_of_late), "{rolled_up:?}");
    stage.settle_at(now, fixture::up(&late)).await;
    assert_eq!(stage.store().roll_up(now).await.unwrap(), Some(hour_of_late));
    let window = Window::new(first_hour, now).unwrap();
    let counts: u64 = read(stage, &m, window, HOUR).await.iter().map(|bucket| bucket.latencies.count()).sum();
    assert_eq!(counts, 4);
}

/// A slot of a long interval may start for hours, and its check belongs to the hour of the slot.
pub async fn an_hour_that_a_slot_may_still_be_claimed_of_is_not_rolled_up(stage: &Stage) {
    let m = stage.monitor_every(12 * 3600).await;
    stage.check_up(m.slot(0)).await;
    let hour_of_late = hour_of(m.slot(1));
    let now = m.slot(1).plus(HOUR * 3);
    let mut rolled_up = Vec::new();
    while let Some(hour) = stage.store().roll_up(now).await.unwrap() {
        rolled_up.push(hour);
        assert!(rolled_up.len() < 30, "rolling up comes to its end");
    }
    assert_eq!(rolled_up.last().map(|hour| hour.plus(HOUR)), Some(hour_of_late));
    let late = stage.claim_one(now).await;
    assert_eq!((late.slot, stage.store().roll_up(now).await.unwrap()), (m.slot(1), None));
    stage.settle_at(now, fixture::up(&late)).await;
    assert_eq!(stage.store().roll_up(now).await.unwrap(), Some(hour_of_late));
    let window = Window::new(hour_of_late, now).unwrap();
    let counts: u64 = read(stage, &m, window, HOUR).await.iter().map(|bucket| bucket.latencies.count()).sum();
    assert_eq!(counts, 1);
}

/// The same where a short interval beside it has had nothing but slots that may no longer start.
pub async fn an_hour_stays_open_for_a_long_interval_beside_a_short_one(stage: &Stage) {
    let (long, _short) = (stage.monitor_every(12 * 3600).await, stage.monitor_every(60).await);
    for after in [0, 61] {
        for claim in stage.claim(long.slot(0).plus(fixture::seconds(after))).await {
            stage.settle(fixture::up(&claim)).await;
        }
    }
    let (hour_of_late, now) = (hour_of(long.slot(1)), long.slot(1).plus(HOUR * 7));
    let mut rolled_up = Vec::new();
    while let Some(hour) = stage.store().roll_up(now).await.unwrap() {
        rolled_up.push(hour);
        assert!(hour < hour_of_late, "{rolled_up:?}");
    }
    let claims = stage.claim(now).await;
    assert!(claims.iter().any(|claim| (claim.monitor, claim.slot) == (long.id(), long.slot(1))), "{claims:?}");
    for claim in &claims {
        stage.settle_at(now, fixture::up(claim)).await;
    }
    while let Some(hour) = stage.store().roll_up(now).await.unwrap() {
        rolled_up.push(hour);
        assert!(rolled_up.len() < 30, "rolling up comes to its end");
    }
    assert!(rolled_up.contains(&hour_of_late), "{rolled_up:?}");
}

/// Whatever the window and the stretches are, after one more hour as before it.
pub async fn what_is_rolled_up_reads_as_the_log_does(stage: &Stage) {
    let m = stage.monitor_every(300).await;
    let other = stage.monitor_every(300).await;
    let all = watch(stage, &m, 60).await;
    let checks: Vec<_> = all.into_iter().filter(|check| check.monitor == m.id()).collect();
    let start = hour_of(m.slot(0));
    let windows = [
        Window::new(start, start.plus(HOUR * 6)).unwrap(),
        Window::new(start.plus(seconds(1_000)), start.plus(seconds(12_345))).unwrap(),
        Window::new(m.slot(3), m.slot(50)).unwrap(),
    ];
    let steps = [Duration::from_secs(600), HOUR, HOUR * 2, Duration::from_secs(5_000), HOUR * 24];
    let now = m.slot(60).max(other.slot(0));
    for round in 0..4 {
        for (window, step) in windows.iter().flat_map(|window| steps.map(|step| (*window, step))) {
            let read = read(stage, &m, window, step).await;
            assert_eq!(read, expected(&checks, window, step), "{round} hours rolled up, {window:?} by {step:?}");
        }
        stage.store().roll_up(now).await.unwrap();
    }
}
