//! What a backup costs, and a restore.

use std::fmt::Write;

use super::Section;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness};
use crate::part::backup::{Backup, Found, Restored, Run};
use crate::statistics::whole;

pub(super) fn section(found: &Found) -> anyhow::Result<Section> {
    let mut text = String::new();
    writeln!(
        text,
        "### Backup and restore\n\n\
         {} are checked; after a while a backup is made beside it. The program is ended, and the backup verified and restored \
         into an empty store of either kind. A restore reads the whole backup before it begins; what that takes is part of it.\n\n\
         | what | rows | file | took | rows a second | memory, highest |\n|---|---|---|---|---|---|",
        found.load,
    )?;
    for backup in &found.backups {
        let mut row = |what: &str, run: Run| {
            writeln!(
                text,
                "| {what} | {} | {:.1} MB | {:.2} s | {} | {} |",
                whole(backup.rows as f64),
                backup.bytes as f64 / 1e6,
                run.seconds,
                whole(backup.rows as f64 / run.seconds),
                // One that is over at once is not seen.
                if run.peak_mb > 0.0 { format!("{:.0} MB", run.peak_mb) } else { String::new() },
            )
        };
        let Backup { of, checks, .. } = backup;
        row(&format!("backup of {of}, {} checks among it", whole(*checks as f64)), backup.made)?;
        row("verified", backup.verified)?;
        for Restored { run, went_on, .. } in &backup.restored {
            row(&format!("restored into {}", went_on.store), *run)?;
        }
    }
    writeln!(
        text,
        "\nHow late checks began before the backup, and while it was made, on the same cores:\n\n\
         | backup of | | {LATENESS_HEAD} |\n|---|---|{LATENESS_RULE}|"
    )?;
    for Backup { of, late_before, late_meanwhile, .. } in &found.backups {
        writeln!(text, "| {of} | before | {} |", lateness(late_before))?;
        writeln!(text, "| {of} | meanwhile | {} |", lateness(late_meanwhile))?;
    }
    writeln!(
        text,
        "\nThe program is then started on what was restored. Nobody has a seat in a cohort there, which all are given in the \
         first interval; all of this is from within it. Lateness counts from the start on, and only of slots that fell due since \
         then: those of between the backup and the start are made up for first.\n\n\
         | from | into | served after | all made up for after | {LATENESS_HEAD} | CPU of the program | memory, highest |\n\
         |---|---|---|---|{LATENESS_RULE}|---|---|"
    )?;
    for backup in &found.backups {
        for Restored { went_on, caught_up_after, .. } in &backup.restored {
            writeln!(
                text,
                "| {} | {} | {:.2} s | {} | {} | {} µs | {:.0} MB |",
                backup.of,
                went_on.store,
                went_on.ready_after,
                caught_up_after.map_or_else(String::new, |seconds| format!("{seconds:.1} s")),
                lateness(&went_on.late_from_start),
                whole(went_on.cpu_us.median),
                went_on.resident_peak_mb,
            )?;
        }
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![] })
}
