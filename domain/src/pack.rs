//! Packed checks: what is kept of a monitor's log when its details are let go.
//!
//! A pack holds the checks of one monitor in one stretch of time (an hour, a day, some days where there are few in each) in
//! the order of their slots. Checks that follow each other at even steps with the same result are a [`PackRun`]: the slots of
//! a healthy day are one run, since they lie on a grid. Beside the runs there is one latency for each check, three bytes each.
//! What is let go of is how long each phase took, the evidence, the last digit of the latency ([`LATENCY_UNIT`]) and of the
//! start ([`LATENESS_UNIT`]).

use std::time::Duration;

use crate::check::{Check, Origin, Region};
use crate::id::MonitorId;
use crate::report::{Reason, Timings};
use crate::rollup::DAY;
use crate::time::{Timestamp, Window};
use crate::verdict::Verdict;

/// A latency is kept as a whole number of these.
pub const LATENCY_UNIT: Duration = Duration::from_micros(10);

/// How late a probe began is kept as a whole number of these, rounded down.
pub const LATENESS_UNIT: Duration = Duration::from_millis(100);

/// How many bytes one latency takes, the most significant first. The greatest that they hold is 167 s, more than a probe
/// may take; what is longer is kept as that.
pub const LATENCY_BYTES: usize = 3;
const LATENCY_MOST: u32 = (1 << (8 * LATENCY_BYTES as u32)) - 1;

/// A pack takes some room of its own where it is kept, so that days of few checks share one. It goes on with a day as long
/// as it holds no more checks than this with it. What is kept relies on it, a pack of more being one of a single day: it never
/// becomes less.
pub const JOINED_CHECKS: usize = 256;

/// How many days a pack that is shared reaches over at the most, those without checks among them.
pub const JOINED_DAYS: u32 = 128;

/// Checks that follow each other at even steps and found the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRun {
    /// The slot of the first one.
    pub first: Timestamp,
    /// From one slot to the next; nothing where there is only one.
    pub step: Duration,
    /// How many they are; at least one.
    pub count: u32,
    /// Why they were made.
    pub origin: Origin,
    /// What they came to.
    pub verdict: Verdict,
    /// The status code of the answers, where there were any.
    pub http_status: Option<u16>,
    /// What was not as expected; `None` exactly where the verdict is up.
    pub reason: Option<Reason>,
    /// How long after its slot each probe began, in whole [`LATENESS_UNIT`]s.
    pub lateness: u32,
}

impl PackRun {
    /// A run of one check.
    fn of(check: &Check) -> Self {
        Self {
            first: check.slot,
            step: Duration::ZERO,
            count: 1,
            origin: check.origin,
            verdict: check.verdict,
            http_status: check.http_status,
            reason: check.reason.clone(),
            lateness: lateness(check),
        }
    }

    /// Whether both came to the same and as late, whenever they were made and for whatever cause.
    pub fn found_the_same(&self, other: &Self) -> bool {
        self.verdict == other.verdict
            && self.http_status == other.http_status
            && self.lateness == other.lateness
            && self.reason == other.reason
    }

    /// The slot of one of its checks, counted from nought.
    pub fn slot(&self, number: u32) -> Timestamp {
        self.first.plus(self.step.saturating_mul(number))
    }

    /// The slot of the last one.
    pub fn last(&self) -> Timestamp {
        self.slot(self.count.saturating_sub(1))
    }

    /// Takes off those whose slots lie before an instant, and answers them. Its last slot does not lie before it.
    fn split_off_before(&mut self, at: Timestamp) -> Option<Self> {
        let before = at.since(self.first).as_micros().div_ceil(self.step.as_micros().max(1));
        let count = u32::try_from(before).unwrap_or(u32::MAX).min(self.count.saturating_sub(1));
        let step = |count: u32| if count > 1 { self.step } else { Duration::ZERO };
        let head = Self { count, step: step(count), ..self.clone() };
        let rest = self.count.saturating_sub(count);
        (self.first, self.step, self.count) = (self.slot(count), step(rest), rest);
        (count > 0).then_some(head)
    }

    /// Goes on with another run, if that follows at the same step and found the same; else gives it back.
    fn join(&mut self, next: Self) -> Option<Self> {
        let step = next.first.since(self.last());
        let is_even = (self.count == 1 || self.step == step) && (next.count == 1 || next.step == step);
        if self.origin == next.origin && self.found_the_same(&next) && is_even && next.first > self.last() {
            (self.step, self.count) = (step, self.count.saturating_add(next.count));
            None
        } else {
            Some(next)
        }
    }
}

/// The checks of one monitor in one stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pack {
    runs: Vec<PackRun>,
    latencies: Vec<u8>,
}

impl Pack {
    /// A pack out of its parts; `None` where they do not belong together: another number of latencies than of checks, or
    /// runs that are empty or out of order. Runs that go on with each other become one.
    pub fn from_parts(runs: Vec<PackRun>, latencies: Vec<u8>) -> Option<Self> {
        let count = runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
        let is_in_order = runs.iter().zip(runs.iter().skip(1)).all(|(run, next)| run.last() < next.first);
        let is_whole = runs.iter().all(|run| run.count > 0) && latencies.len() as u64 == count * LATENCY_BYTES as u64;
        (is_in_order && is_whole).then(|| Self::default().with(runs, latencies))
    }

    /// The runs, the oldest first.
    pub fn runs(&self) -> &[PackRun] {
        &self.runs
    }

    /// The latencies in the order of the checks, [`LATENCY_BYTES`] each, in [`LATENCY_UNIT`]s.
    pub fn latencies(&self) -> &[u8] {
        &self.latencies
    }

    /// How many checks it holds.
    pub fn len(&self) -> usize {
        self.latencies.len() / LATENCY_BYTES
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Adds a check, whose slot lies after those of all that are in here.
    pub fn push(&mut self, check: &Check) {
        self.push_run(PackRun::of(check));
        let units = check.latency.saturating_add(LATENCY_UNIT / 2).as_micros() / LATENCY_UNIT.as_micros();
        let units = u32::try_from(units).unwrap_or(LATENCY_MOST).min(LATENCY_MOST);
        self.latencies.extend(units.to_be_bytes().into_iter().skip(4 - LATENCY_BYTES));
    }

    /// Adds all of a pack of a later stretch of time.
    pub fn append(&mut self, later: Self) {
        *self = std::mem::take(self).with(later.runs, later.latencies);
    }

    fn with(mut self, later: Vec<PackRun>, latencies: Vec<u8>) -> Self {
        later.into_iter().for_each(|run| self.push_run(run));
        self.latencies.extend(latencies);
        self
    }

    /// The checks whose slots lie before an instant, and the others.
    #[must_use]
    pub fn split(mut self, at: Timestamp) -> (Self, Self) {
        let mut runs = self.runs.split_off(self.runs.partition_point(|run| run.last() < at));
        self.runs.extend(runs.first_mut().and_then(|run| run.split_off_before(at)));
        let count: usize = self.runs.iter().map(|run| run.count as usize).sum();
        let latencies = self.latencies.split_off((count * LATENCY_BYTES).min(self.latencies.len()));
        // What is left of a run may go on with the next one, as it began at another step.
        (self, Self::default().with(runs, latencies))
    }

    /// Whether a pack that began on a day, the newest one that did not begin after the day in question, is where that day's
    /// checks go: it holds that day already, or has room for it ([`JOINED_CHECKS`], [`JOINED_DAYS`]).
    pub fn takes(&self, began_at: Timestamp, day: Timestamp, of_day: &Self) -> bool {
        let holds_it = began_at == day || self.runs.last().is_some_and(|run| run.last() >= day);
        let is_near = day < began_at.plus(DAY * JOINED_DAYS);
        holds_it || is_near && self.len() + of_day.len() <= JOINED_CHECKS
    }

    /// The pack with the checks of a day, in place of those that it had of it.
    #[must_use]
    pub fn with_day(self, day: Timestamp, of_day: Self) -> Self {
        let (mut whole, rest) = self.split(day);
        whole.append(of_day);
        whole.append(rest.split(day.plus(DAY)).1);
        whole
    }

    fn push_run(&mut self, run: PackRun) {
        let rest = match self.runs.last_mut() {
            Some(last) => last.join(run),
            None => Some(run),
        };
        self.runs.extend(rest);
    }

    /// The checks of a window as the log shows them, the oldest first: those of this monitor, made from this region.
    pub fn checks(&self, monitor: MonitorId, region: &Region, window: Window) -> Vec<Check> {
        let mut latencies = self.latencies.chunks_exact(LATENCY_BYTES);
        let mut checks = Vec::new();
        for run in &self.runs {
            for (number, bytes) in (0..run.count).zip(latencies.by_ref()) {
                let slot = run.slot(number);
                if window.contains(slot) {
                    checks.push(Check {
                        monitor,
                        region: region.clone(),
                        slot,
                        origin: run.origin,
                        checked_at: slot.plus(LATENESS_UNIT.saturating_mul(run.lateness)),
                        verdict: run.verdict,
                        reason: run.reason.clone(),
                        latency: latency(bytes),
                        timings: Timings::default(),
                        http_status: run.http_status,
                        evidence: None,
                    });
                }
            }
        }
        checks
    }
}

impl Check {
    /// What is left of it when it has been packed.
    #[must_use]
    pub fn packed(&self) -> Self {
        let mut pack = Pack::default();
        pack.push(self);
        let around = Window::new(self.slot, self.slot.next());
        let mut checks = around.map_or_else(Vec::new, |around| pack.checks(self.monitor, &self.region, around));
        checks.pop().unwrap_or_else(|| self.clone())
    }
}

fn lateness(check: &Check) -> u32 {
    let units = check.checked_at.since(check.slot).as_micros() / LATENESS_UNIT.as_micros();
    u32::try_from(units).unwrap_or(u32::MAX)
}

fn latency(bytes: &[u8]) -> Duration {
    LATENCY_UNIT.saturating_mul(bytes.iter().fold(0, |units, byte| units << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::check::Claim;
    use crate::id::LeaseToken;
    use crate::testkit::fixture::{self, T0};

    fn check(slot_us: i64, verdict: Verdict, latency_us: u64, late_ms: u64) -> Check {
        let slot = Timestamp::from_micros(T0.as_micros() + slot_us);
        let claim = Claim {
            monitor: MonitorId::new(Uuid::from_u128(1)),
            region: Region::default(),
            slot,
            origin: Origin::Scheduled,
            start_before: slot,
            token: LeaseToken::new(Uuid::nil()),
            lease_until: slot,
            version: 1,
        };
        let checked_at = slot.plus(Duration::from_millis(late_ms));
        Check { latency: Duration::from_micros(latency_us), checked_at, ..fixture::check(&claim, verdict) }
    }

    fn pack(checks: &[Check]) -> Pack {
        let mut pack = Pack::default();
        checks.iter().for_each(|check| pack.push(check));
        pack
    }

    fn unpacked(pack: &Pack) -> Vec<Check> {
        let always = Window::new(T0, Timestamp::from_micros(i64::MAX)).unwrap();
        pack.checks(MonitorId::new(Uuid::from_u128(1)), &Region::default(), always)
    }

    fn some_checks() -> impl Strategy<Value = Vec<Check>> {
        let verdict = prop_oneof![6 => Just(Verdict::Up), 1 => Just(Verdict::Degraded), 1 => Just(Verdict::Down)];
        let step = prop_oneof![6 => Just(60_000_000_i64), 1 => 1_i64..90_000_000];
        let one = (step, verdict, 0_u64..200_000_000, prop_oneof![5 => Just(0_u64), 1 => 0_u64..3_000]);
        prop::collection::vec(one, 0..60).prop_map(|all| {
            let mut at = 0;
            let check = |(step, verdict, latency, late)| {
                at += step;
                check(at, verdict, latency, late)
            };
            all.into_iter().map(check).collect()
        })
    }

    #[test]
    fn a_healthy_day_is_one_run_and_three_bytes_a_check() {
        let day: Vec<_> = (0..1_440).map(|n| check(n * 60_000_000, Verdict::Up, 41_207, 3)).collect();
        let pack = pack(&day);
        assert_eq!((pack.runs().len(), pack.latencies().len()), (1, 1_440 * 3));
        assert_eq!((pack.runs()[0].count, pack.runs()[0].step), (1_440, Duration::from_secs(60)));
    }

    #[test]
    fn what_is_kept_is_all_but_the_phases_the_evidence_and_the_last_digits() {
        let before = check(0, Verdict::Down, 41_207, 1_234);
        let left = before.packed();
        assert_eq!(left.latency, Duration::from_micros(41_210));
        assert_eq!(left.checked_at, before.slot.plus(Duration::from_millis(1_200)));
        let rest = Check {
            latency: before.latency,
            checked_at: before.checked_at,
            timings: before.timings,
            evidence: before.evidence.clone(),
            ..left
        };
        assert_eq!(rest, before);
        assert_eq!(check(0, Verdict::Up, 500_000_000, 0).packed().latency, LATENCY_UNIT * LATENCY_MOST);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let whole = pack(&[check(0, Verdict::Up, 10, 0), check(60, Verdict::Down, 10, 0)]);
        let (runs, latencies) = (whole.runs().to_vec(), whole.latencies().to_vec());
        assert_eq!(Pack::from_parts(runs.clone(), latencies.clone()), Some(whole));
        assert_eq!(Pack::from_parts(runs.clone(), vec![0; 5]), None);
        assert_eq!(Pack::from_parts(runs.into_iter().rev().collect(), latencies), None);
    }

    #[test]
    fn a_run_is_split_at_an_instant() {
        let day = |day: u32| T0.plus(DAY * day);
        let two_days = pack(&(0..48).map(|n| check(n * 3_600_000_000, Verdict::Up, 41_207, 0)).collect::<Vec<_>>());
        let (first, second) = two_days.clone().split(day(1));
        let runs = |pack: &Pack| pack.runs().iter().map(|run| (run.first, run.count, run.step)).collect::<Vec<_>>();
        let hour = Duration::from_secs(3_600);
        assert_eq!((runs(&first), runs(&second)), (vec![(day(0), 24, hour)], vec![(day(1), 24, hour)]));
        assert_eq!((first.len(), second.len()), (24, 24));
        let (head, _) = first.clone().split(T0.plus(Duration::from_secs(1)));
        assert_eq!(runs(&head), [(day(0), 1, Duration::ZERO)]);
        assert_eq!(two_days.clone().with_day(day(0), first), two_days, "a day that is derived again changes nothing");
        assert_eq!(two_days.clone().with_day(day(1), second), two_days);
    }

    #[test]
    fn days_of_few_checks_share_a_pack_until_there_are_enough_or_it_is_long() {
        let of = |count: i64| pack(&(0..count).map(|n| check(n * 60_000_000, Verdict::Up, 10, 0)).collect::<Vec<_>>());
        let day = |day: u32| T0.plus(DAY * day);
        let joined = JOINED_CHECKS as i64;
        assert!(of(joined - 24).takes(day(0), day(1), &of(24)));
        assert!(!of(joined - 24).takes(day(0), day(1), &of(25)));
        assert!(of(1).takes(day(0), day(JOINED_DAYS - 1), &of(1)));
        assert!(!of(1).takes(day(0), day(JOINED_DAYS), &of(1)));
        assert!(of(1_440).takes(day(0), day(0), &of(1_440)), "a day that is derived again");
        assert!(!of(1_440).takes(day(0), day(1), &of(1)), "a day of many has its pack to itself");
    }

    proptest! {
        #[test]
        fn both_parts_of_a_pack_hold_what_the_whole_held(checks in some_checks(), cut_us in 0_i64..6_000_000_000) {
            let at = Timestamp::from_micros(T0.as_micros() + cut_us);
            let whole = pack(&checks);
            let (before, after) = whole.clone().split(at);
            for part in [&before, &after] {
                let again = Pack::from_parts(part.runs().to_vec(), part.latencies().to_vec());
                prop_assert_eq!(again.as_ref(), Some(part), "its parts belong together");
            }
            let (earlier, later): (Vec<_>, Vec<_>) = unpacked(&whole).into_iter().partition(|check| check.slot < at);
            prop_assert_eq!((unpacked(&before), unpacked(&after)), (earlier, later));
        }

        #[test]
        fn packed_checks_come_back_as_what_is_left_of_them(checks in some_checks()) {
            let left: Vec<_> = checks.iter().map(Check::packed).collect();
            prop_assert_eq!(unpacked(&pack(&checks)), left.clone());
            let twice: Vec<_> = left.iter().map(Check::packed).collect();
            prop_assert_eq!(left, twice, "what is left stays as it is");
        }

        #[test]
        fn packs_of_parts_hold_the_same_as_the_pack_of_the_whole(checks in some_checks(), cut in 0_usize..60) {
            let (before, after) = checks.split_at(cut.min(checks.len()));
            let mut joined = pack(before);
            joined.append(pack(after));
            prop_assert_eq!(unpacked(&joined), unpacked(&pack(&checks)));
        }
    }
}
