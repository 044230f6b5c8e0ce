//! Very many monitors.

use std::fmt::Write;

use super::Section;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness, micros, rate};
use crate::part::crowd::Found;
use crate::statistics::whole;

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
