//! What was aimed at, and how far it was reached.

use std::fmt::Write;

use super::Kept;
use super::nodes::server_us;
use super::words::millis;
use crate::finding::Finding;
use crate::load::Load;
use crate::part::history::{Aged, Found as History, LIST_OF_100, PAGE, list_of};
use crate::part::load::OnStore;
use crate::size::Size;
use crate::stage::{Lateness, Measured};
use crate::statistics::whole;
use crate::store::Kind;

/// At most so many times the CPU of the bare request; the aim is below.
pub(super) const MAX_RATIO: f64 = 2.0;
const AIMED_RATIO: f64 = 1.5;
/// Carried on two cores, at least.
const LEAST_RATE: f64 = 4_000.0;
/// At most so late, p99, with 2,000 monitors every 20 s.
pub(super) const MAX_LATE_MS: f64 = 10.0;
/// With very many monitors: at most so late, p99; less memory than this; served before so many seconds are over.
const MAX_CROWD_LATE_MS: f64 = 2_000.0;
const MAX_CROWD_MB: f64 = 1_024.0;
const MAX_READY_AFTER: f64 = 5.0;
/// Growth counts as linear where what each check costs nowhere is more than this times what it costs with the fewest.
const LINEAR_WITHIN: f64 = 1.25;
/// At most so long, p99 at the store: a monitor's page, a list of 100 monitors, and one of 2,000.
const MAX_PAGE_MS: f64 = 10.0;
const MAX_LIST_MS: f64 = 10.0;
const MAX_LONG_LIST_MS: f64 = 100.0;
const LONG_LIST: u32 = 2_000;
/// At most so many bytes for a packed check.
const MAX_PACKED_BYTES: f64 = 8.0;

/// A target on one store.
enum Verdict {
    /// What was found, and whether that is enough.
    Found(String, bool),
    NotMeasured,
    /// There is nothing to measure, and why.
    Idle(&'static str),
}

impl From<Option<(String, bool)>> for Verdict {
    fn from(found: Option<(String, bool)>) -> Self {
        found.map_or(Self::NotMeasured, |(found, is_enough)| Self::Found(found, is_enough))
    }
}

/// What was found of a part, where its size says something of the targets.
fn telling<T>(kept: Option<&Finding<T>>) -> Option<&T> {
    kept.filter(|finding| finding.size != Size::Tiny).map(|finding| &finding.found)
}

/// The table of all targets.
pub(super) fn table(kept: &Kept) -> anyhow::Result<String> {
    let mut text = "### Against the targets\n\n| target | SQLite | PostgreSQL |\n|---|---|---|\n".to_owned();
    let (load, dashboards) = (telling(kept.load.as_ref()), telling(kept.dashboards.as_ref()));
    let (crowd, history) = (telling(kept.crowd.as_ref()), telling(kept.history.as_ref()));
    let (growth, nodes) = (telling(kept.growth.as_ref()), telling(kept.nodes.as_ref()));
    let closing = telling(kept.closing.as_ref());
    let bare = load.map(|load| (load.bare_busy.cpu_us.median, load.bare_flat_out.cpu_us.median));
    let load = |kind: Kind| load?.stores.iter().find(|on| on.busy.store == kind);
    let dashboards = |kind: Kind| dashboards?.stores.iter().find(|on| on.alone.store == kind);
    let crowd = |kind: Kind, monitors: u32| {
        crowd?.crowds.iter().find(|crowd| crowd.store == kind && crowd.load.monitors == monitors)
    };
    let aged = |kind: Kind| history?.stores.iter().find(|aged| aged.store == kind);
    let answer = |kind: Kind, what: &str| answered(aged(kind)?, what);

    let mut row = |target: &str, of: &dyn Fn(Kind) -> Verdict| {
        let [sqlite, postgres] = Kind::BOTH.map(|kind| cell(of(kind)));
        writeln!(text, "| {target} | {sqlite} | {postgres} |")
    };
    row("CPU of the whole application for each check at most 2 times the bare request (aim: 1.5)", &|kind| {
        let of = load(kind).zip(bare);
        of.map(|(on, (busy, flat_out))| ratio(on, busy, flat_out)).into()
    })?;
    row("4,000 checks a second on 2 cores, p99 less than 1 s late", &|kind| load(kind).map(carried).into())?;
    row("2,000 monitors every 20 s: p99 at most 10 ms late", &|kind| {
        dashboards(kind).map(|on| on_time(&on.alone)).into()
    })?;
    row("the same while ten people load the dashboard, and again after 5 s", &|kind| {
        dashboards(kind).map(|on| on_time(&on.looking.measured)).into()
    })?;
    row("the same while ten dashboards load without a pause", &|kind| {
        dashboards(kind).map(|on| on_time(&on.loading.measured)).into()
    })?;
    for (monitors, named) in [(100_000, "100,000 monitors every 60 s"), (1_000_000, "1,000,000 monitors every 300 s")] {
        row(&format!("{named}: p99 less than 2 s late, from the start on"), &|kind| {
            crowd(kind, monitors).map(in_time_from_start).into()
        })?;
        row(&format!("{named}: less than 1 GB of memory"), &|kind| {
            let mb = crowd(kind, monitors).map(|crowd| crowd.resident_peak_mb);
            mb.map(|mb| (format!("{mb:.0} MB"), mb < MAX_CROWD_MB)).into()
        })?;
    }
    row("while an hour is closed: p99 less than 2 s late", &|kind| {
        let closing = closing.and_then(|found| Some((found, found.closings.iter().find(|one| one.store == kind)?)));
        closing.map(|(found, closing)| closed(found.load, &closing.late_meanwhile)).into()
    })?;
    row("a start with 1,000,000 monitors serves in less than 5 s", &|kind| {
        let seconds = crowd(kind, 1_000_000).map(|crowd| crowd.ready_after);
        seconds.map(|seconds| (millis(seconds * 1e3), seconds < MAX_READY_AFTER)).into()
    })?;
    row("and no check is later than a start may take, the first ones included", &|kind| {
        let late = crowd(kind, 1_000_000).map(|crowd| crowd.late_from_start);
        late.map(|late| {
            let [.., ms] = late.ms;
            let over = late.over_1_s.map(|over| format!(", {} over 1 s", whole(over as f64))).unwrap_or_default();
            (format!("{}{over}", millis(ms)), ms < MAX_READY_AFTER * 1e3)
        })
        .into()
    })?;
    row("cost is linear in monitors: a check nowhere costs over 1.25 times what it does with the fewest", &|kind| {
        let points = growth.map(|growth| growth.on(kind)).unwrap_or_default();
        let most = steepest(&points).zip(points.last().map(|point| point.load.monitors));
        most.map(|(times, most)| (format!("{times:.2} times, up to {}", whole(most.into())), times <= LINEAR_WITHIN))
            .into()
    })?;
    row(
        "cost is linear in nodes that bring monitors along: a check costs at most 1.25 times what it does with fewer",
        &|kind| {
            if kind == Kind::Sqlite {
                return Verdict::Idle("one node");
            }
            nodes.and_then(|nodes| rises(&nodes.points)).into()
        },
    )?;
    for (named, what, most) in [
        ("50 million checks: a monitor's page in less than 10 ms, p99 at the store", PAGE.to_owned(), MAX_PAGE_MS),
        ("a list of 100 monitors with their 24 hours in less than 10 ms", LIST_OF_100.to_owned(), MAX_LIST_MS),
        ("one of 2,000 in less than 100 ms", list_of(LONG_LIST), MAX_LONG_LIST_MS),
    ] {
        row(named, &|kind| answer(kind, &what).map(|ms| (millis(ms), ms < most)).into())?;
    }
    row(
        "a packed check at most 8 bytes on disk, indexes included, for each kind of monitor that was packed",
        &|kind| {
            let most = history.and_then(|history| Some((most_packed(history, kind)?, history.by_interval.len() + 1)));
            most.map(|(most, kinds)| {
                (format!("{most:.2} bytes at the most, of {kinds} kinds"), most <= MAX_PACKED_BYTES)
            })
            .into()
        },
    )?;
    writeln!(text)?;
    Ok(text)
}

/// The most bytes that a packed check takes on a store, however often it is made and fails.
fn most_packed(history: &History, kind: Kind) -> Option<f64> {
    let place = Kind::BOTH.iter().position(|one| *one == kind)?;
    let in_rooms = history.by_interval.iter().filter_map(|room| room.packed_bytes.get(place).copied());
    in_rooms.chain(history.stores.get(place).map(|aged| aged.packed_bytes)).reduce(f64::max)
}

fn cell(verdict: Verdict) -> String {
    match verdict {
        Verdict::Found(found, true) => format!("{found}: reached"),
        Verdict::Found(found, false) => format!("{found}: **not reached**"),
        Verdict::NotMeasured => "not measured".to_owned(),
        Verdict::Idle(why) => why.to_owned(),
    }
}

/// The highest rate that was carried, and how late it was.
fn carried(on: &OnStore) -> (String, bool) {
    match on.carried() {
        Some(measured) => {
            let rate = measured.load.rate();
            (format!("{}, {} late", whole(rate), millis(measured.late.ms[2])), rate >= LEAST_RATE)
        }
        None => ("none of the rates that were tried".to_owned(), false),
    }
}

fn in_time_from_start(crowd: &Measured) -> (String, bool) {
    let late = crowd.late_from_start;
    (millis(late.ms[2]), late.missed + late.failed == 0 && late.ms[2] < MAX_CROWD_LATE_MS)
}

/// How late checks were while so many of an hour were rolled up.
fn closed(load: Load, late: &Lateness) -> (String, bool) {
    let text = format!("{} ({load})", millis(late.ms[2]));
    (text, late.missed + late.failed == 0 && late.ms[2] < MAX_CROWD_LATE_MS)
}

/// The worse of both: the busy load beside bare requests at its rate, and the highest that was carried beside bare requests
/// flat out.
fn ratio(on: &OnStore, busy: f64, flat_out: f64) -> (String, bool) {
    let of_carried = on.carried().map_or(f64::INFINITY, |measured| measured.cpu_us.median / flat_out);
    let ratio = (on.busy.cpu_us.median / busy).max(of_carried);
    let aim = if ratio <= AIMED_RATIO { "" } else { ", not the aim" };
    (format!("{ratio:.2} times{aim}"), ratio <= MAX_RATIO)
}

fn on_time(measured: &Measured) -> (String, bool) {
    let late = measured.late.ms[2];
    (millis(late), measured.is_whole() && late <= MAX_LATE_MS)
}

fn answered(aged: &Aged, what: &str) -> Option<f64> {
    aged.answers.iter().find(|answered| answered.old.what == what).map(|answered| answered.old.p99_ms)
}

/// How much more a check costs at most with more nodes than with fewer; told beside it is the server's share by itself, which
/// is the smaller part of it.
fn rises(points: &[Measured]) -> Option<(String, bool)> {
    let [of_all, of_server] = [Measured::cost_us, server_us].map(|of| rise(&points.iter().map(of).collect::<Vec<_>>()));
    let (of_all, of_server) = (of_all?, of_server?);
    Some((format!("{of_all:.2} times, the server's share {of_server:.2}"), of_all <= LINEAR_WITHIN))
}

/// The most that a value is of one before it; `None` where there are not two.
fn rise(values: &[f64]) -> Option<f64> {
    let mut least = *values.first()?;
    let mut most = None;
    for value in values.get(1..)? {
        most = Some(f64::max(most.unwrap_or(0.0), value / least));
        least = least.min(*value);
    }
    most
}

/// What program and server use for each check, where it is the most, over what they use at the first point.
fn steepest(points: &[&Measured]) -> Option<f64> {
    let first = points.first()?.cost_us();
    Some(points.iter().map(|point| point.cost_us() / first).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_told_from_any_value_to_any_later_one() {
        assert_eq!(rise(&[4.0, 2.0, 3.0]), Some(1.5));
        assert_eq!(rise(&[4.0, 2.0, 1.0]), Some(0.5));
        assert_eq!((rise(&[4.0]), rise(&[])), (None, None));
    }
}
