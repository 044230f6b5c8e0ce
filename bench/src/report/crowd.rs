//! Very many monitors, and what a check costs with few and with many of them.

use std::fmt::Write;

use super::target::steepest;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness, micros, rate};
use super::{Kept, Section, plot_name};
use crate::part::crowd::Found;
use crate::plot::{Line, Scale, lines};
use crate::stage::Measured;
use crate::statistics::whole;
use crate::store::Kind;

/// Rates that differ by less than this share of them are the same: monitors are whole numbers.
const SAME_RATE: f64 = 0.02;

pub(super) fn section(found: &Found) -> anyhow::Result<Section> {
    let mut text = String::new();
    writeln!(
        text,
        "### Very many monitors\n\n\
         Monitors are put into a store as they would lie there after a restart, and the program is started. Lateness counts \
         from its start on: the first seconds, in which it reads all members of all cohorts, are part of it. How many checks \
         were late by more than 100 ms, and by more than a second, stands beside the latest.\n\n\
         | monitors | store | served after | {LATENESS_HEAD} | over 100 ms | over 1 s | a second | CPU of the program | of the server | memory, highest |\n\
         |---|---|---|{LATENESS_RULE}|---|---|---|---|---|---|"
    )?;
    for crowd in &found.crowds {
        writeln!(
            text,
            "| {} | {} | {:.2} s | {} | {} | {} | {} | {} | {} | {:.0} MB |",
            crowd.load,
            crowd.store,
            crowd.ready_after,
            lateness(&crowd.late_from_start),
            counted(crowd.late_from_start.over_100_ms),
            counted(crowd.late_from_start.over_1_s),
            rate(crowd.rate),
            micros(crowd.cpu_us),
            crowd.database_us.map(micros).unwrap_or_default(),
            crowd.resident_peak_mb,
        )?;
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![] })
}

fn counted(checks: Option<u64>) -> String {
    checks.map(|checks| whole(checks as f64)).unwrap_or_default()
}

/// What was found at the same rate of checks with different numbers of monitors, the fewest first.
pub(super) struct Growth {
    points: Vec<Measured>,
}

/// The points of the part, and those crowds beside them that are checked at the same rate, where the same was measured on the
/// same machine.
pub(super) fn growth(kept: &Kept) -> Option<Growth> {
    let mut points = kept.growth.as_ref()?.found.points.clone();
    let at = points.first()?.load.rate();
    // Of another commit, or another machine, they would compare what cannot be compared.
    let with = &kept.growth.as_ref()?.circumstances;
    let alike = kept.crowd.iter().filter(|crowd| crowd.circumstances.is_comparable_to(with));
    let crowds = alike.flat_map(|crowd| &crowd.found.crowds);
    points.extend(crowds.filter(|crowd| (crowd.load.rate() / at - 1.0).abs() < SAME_RATE).cloned());
    points.sort_by_key(|point| point.load.monitors);
    Some(Growth { points })
}

impl Growth {
    fn on(&self, kind: Kind) -> Vec<Measured> {
        self.points.iter().filter(|point| point.store == kind).cloned().collect()
    }

    /// The most monitors that were measured.
    pub(super) fn most(&self, kind: Kind) -> Option<u32> {
        self.on(kind).iter().map(|point| point.load.monitors).max()
    }

    pub(super) fn steepest(&self, kind: Kind) -> Option<f64> {
        steepest(&self.on(kind))
    }

    pub(super) fn section(&self, name: &str) -> anyhow::Result<Section> {
        let mut text = String::new();
        let at = self.points.first().map(|point| point.load.rate()).unwrap_or_default();
        writeln!(
            text,
            "### How cost grows with monitors\n\n![CPU per check against monitors]({})\n\n![Memory against monitors]({})\n\n\
             All of these make {} checks a second, so that what a check costs shows what it costs to have more monitors. \
             Where that stays the same, cost grows in line with checks, however many monitors make them.\n\n\
             | monitors | store | CPU of the program | of the server | together, against the fewest | memory, highest | a monitor more |\n\
             |---|---|---|---|---|---|---|",
            plot_name(name, "growth-cpu"),
            plot_name(name, "growth-memory"),
            whole(at),
        )?;
        for points in Kind::BOTH.map(|kind| self.on(kind)) {
            let Some(fewest) = points.first() else { continue };
            for point in &points {
                let more = f64::from(point.load.monitors - fewest.load.monitors);
                let bytes = (point.resident_peak_mb - fewest.resident_peak_mb) * 1024.0 * 1024.0 / more;
                writeln!(
                    text,
                    "| {} | {} | {} | {} | {:.2} | {:.0} MB | {} |",
                    point.load,
                    point.store,
                    micros(point.cpu_us),
                    point.database_us.map(micros).unwrap_or_default(),
                    point.cost_us() / fewest.cost_us(),
                    point.resident_peak_mb,
                    if more > 0.0 { format!("{bytes:.0} bytes") } else { String::new() },
                )?;
            }
        }
        writeln!(text)?;
        let line = |kind: Kind, name: &str, of: fn(&Measured) -> f64| {
            let points = self.on(kind).iter().map(|point| (f64::from(point.load.monitors), of(point))).collect();
            Line::new(&format!("{kind}{name}"), points)
        };
        let costs = [
            line(Kind::Sqlite, "", Measured::cost_us),
            line(Kind::Postgres, " and its server", Measured::cost_us),
            line(Kind::Postgres, ", the program alone", |point| point.cpu_us.median),
        ];
        let memory = Kind::BOTH.map(|kind| line(kind, "", |point| point.resident_peak_mb));
        let title = format!("CPU per check at {} checks a second, microseconds", whole(at));
        let plots = vec![
            ("growth-cpu", lines(&title, "monitors", Scale::Logarithmic, &costs)),
            ("growth-memory", lines("Memory at its highest, MB", "monitors", Scale::Linear, &memory)),
        ];
        Ok(Section { text, plots })
    }
}
