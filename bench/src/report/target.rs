//! What was aimed at, and how far it was reached.

use std::fmt::Write;

use super::words::millis;
use super::{Kept, crowd};
use crate::part::history::{self, Aged};
use crate::part::load::{CARRIED_LATE_MS, OnStore};
use crate::stage::Measured;
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
pub(super) const LINEAR_WITHIN: f64 = 1.25;
/// At most so long, p99 at the store: a monitor's page, a list of 100 monitors, and one of 2,000.
const MAX_PAGE_MS: f64 = 10.0;
const MAX_LIST_MS: f64 = 10.0;
const MAX_LONG_LIST_MS: f64 = 100.0;
const LONG_LIST: u32 = 2_000;
/// At most so many bytes for a packed check.
const MAX_PACKED_BYTES: f64 = 8.0;

/// A target on one store: what was found, and whether that is enough; none where it was not measured.
type Verdict = Option<(String, bool)>;

/// The table of all targets.
pub(super) fn table(kept: &Kept) -> anyhow::Result<String> {
    let mut text = "### Against the targets\n\n| target | SQLite | PostgreSQL |\n|---|---|---|\n".to_owned();
    let load = |kind: Kind| kept.load.as_ref()?.found.stores.iter().find(|on| on.busy.store == kind);
    let bare =
        kept.load.as_ref().map(|load| (load.found.bare_busy.cpu_us.median, load.found.bare_flat_out.cpu_us.median));
    let dashboards = |kind: Kind| kept.dashboards.as_ref()?.found.stores.iter().find(|on| on.alone.store == kind);
    let crowd = |kind: Kind, monitors: u32| {
        let crowds = &kept.crowd.as_ref()?.found.crowds;
        crowds.iter().find(|crowd| crowd.store == kind && crowd.load.monitors == monitors)
    };
    let growth = crowd::growth(kept);
    let extent = kept.history.as_ref().map(|history| history.found.extent);
    let aged = |kind: Kind| kept.history.as_ref()?.found.stores.iter().find(|aged| aged.store == kind);
    let answer = |kind: Kind, what: &str| answered(aged(kind)?, what);

    let mut row = |target: &str, of: &dyn Fn(Kind) -> Verdict| {
        let [sqlite, postgres] = Kind::BOTH.map(|kind| cell(of(kind)));
        writeln!(text, "| {target} | {sqlite} | {postgres} |")
    };
    row("CPU of the whole application for each check at most 2 times the bare request (aim: 1.5)", &|kind| {
        let (busy, flat_out) = bare?;
        Some(ratio(load(kind)?, busy, flat_out))
    })?;
    row("4,000 checks a second on 2 cores, p99 less than 1 s late", &|kind| {
        let on = load(kind)?;
        let carried = on.carried().map_or(0.0, |measured| measured.load.rate());
        let late = on.carried().map_or(CARRIED_LATE_MS, |measured| measured.late.ms[2]);
        Some((format!("{}, {}", whole(carried), millis(late)), carried >= LEAST_RATE))
    })?;
    row("2,000 monitors every 20 s: p99 at most 10 ms late", &|kind| Some(on_time(&dashboards(kind)?.alone)))?;
    row("the same while ten dashboards load", &|kind| Some(on_time(&dashboards(kind)?.watched)))?;
    for (monitors, named) in [(100_000, "100,000 monitors every 60 s"), (1_000_000, "1,000,000 monitors every 300 s")] {
        row(&format!("{named}: p99 less than 2 s late, from the start on"), &|kind| {
            let late = crowd(kind, monitors)?.late_from_start;
            let is_whole = late.missed + late.failed == 0;
            Some((millis(late.ms[2]), is_whole && late.ms[2] < MAX_CROWD_LATE_MS))
        })?;
        row(&format!("{named}: less than 1 GB of memory"), &|kind| {
            let mb = crowd(kind, monitors)?.resident_peak_mb;
            Some((format!("{mb:.0} MB"), mb < MAX_CROWD_MB))
        })?;
    }
    row("a start with 1,000,000 monitors serves in less than 5 s", &|kind| {
        let seconds = crowd(kind, 1_000_000)?.ready_after;
        Some((millis(seconds * 1e3), seconds < MAX_READY_AFTER))
    })?;
    row("cost is linear in monitors: no check costs over 1.25 times what it does with the fewest", &|kind| {
        let steepest = growth.as_ref()?.steepest(kind)?;
        Some((format!("{steepest:.2} times"), steepest <= LINEAR_WITHIN))
    })?;
    row("cost is linear in nodes: the same with one node and with four", &|kind| {
        let points = (kind == Kind::Postgres).then_some(&kept.nodes.as_ref()?.found.points)?;
        let steepest = steepest(points)?;
        Some((format!("{steepest:.2} times"), steepest <= LINEAR_WITHIN))
    })?;
    row("50 million checks: a monitor's page in less than 10 ms, p99 at the store", &|kind| {
        let ms = answer(kind, history::PAGE)?;
        Some((millis(ms), ms < MAX_PAGE_MS))
    })?;
    row("a list of 100 monitors with their 24 hours in less than 10 ms", &|kind| {
        let ms = answer(kind, history::LIST_OF_100)?;
        Some((millis(ms), ms < MAX_LIST_MS))
    })?;
    row("one of 2,000 in less than 100 ms", &|kind| {
        let extent = extent.filter(|extent| extent.monitors == LONG_LIST)?;
        let ms = answer(kind, &history::list_of_all(extent))?;
        Some((millis(ms), ms < MAX_LONG_LIST_MS))
    })?;
    row("a packed check at most 8 bytes on disk, indexes included", &|kind| {
        let bytes = aged(kind)?.packed_bytes;
        Some((format!("{bytes:.2} bytes"), bytes <= MAX_PACKED_BYTES))
    })?;
    writeln!(text)?;
    Ok(text)
}

fn cell(verdict: Verdict) -> String {
    match verdict {
        Some((found, true)) => format!("{found}: reached"),
        Some((found, false)) => format!("{found}: **not reached**"),
        None => "not measured".to_owned(),
    }
}

/// The worse of both: the busy load beside bare requests at its rate, and the highest that was carried beside bare requests
/// flat out.
fn ratio(on: &OnStore, busy: f64, flat_out: f64) -> (String, bool) {
    let of_carried = on.carried().map_or(0.0, |measured| measured.cpu_us.median / flat_out);
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

/// What program and server use for each check, where it is the most, over what they use at the first point.
pub(super) fn steepest(points: &[Measured]) -> Option<f64> {
    let first = points.first()?.cost_us();
    Some(points.iter().map(|point| point.cost_us() / first).fold(0.0, f64::max))
}
