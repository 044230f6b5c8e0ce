//! How quickly a year of history is read, and how much room it takes.

use std::fmt::Write;

use super::Section;
use super::words::millis;
use crate::part::dashboards::Asked;
use crate::part::history::{Answered, Found, WARM_UP};
use crate::statistics::whole;

pub(super) fn section(found: &Found) -> anyhow::Result<Section> {
    let mut text = String::new();
    let extent = found.extent;
    writeln!(
        text,
        "### History\n\n\
         {} monitors every {} s for {} days: {} checks. One day of them went through the store's own ports and was rolled up, \
         folded and packed by it; what that left was copied into the days before, so that all days are alike, with an outage \
         a week. Questions are asked at the store, in the process that asks, each {} times and each \
         time of other monitors, after {WARM_UP} times that do not count (new connections have to read the statements \
         first).\n\n\
         | bytes on disk for each check, indexes included | SQLite | PostgreSQL |\n|---|---|---|",
        whole(extent.monitors.into()),
        extent.interval_seconds,
        extent.days,
        whole(extent.checks() as f64),
        extent.questions,
    )?;
    let [sqlite, postgres] = found.stores.as_slice() else { anyhow::bail!("two stores are measured") };
    for (what, [on_sqlite, on_postgres]) in [
        ("whole (`checks`)", [sqlite.whole_bytes, postgres.whole_bytes]),
        ("packed (`packed_checks`)", [sqlite.packed_bytes, postgres.packed_bytes]),
        ("its share of the sums of its day (`day_rollups`)", [sqlite.sums_bytes, postgres.sums_bytes]),
    ] {
        writeln!(text, "| {what} | {on_sqlite:.2} | {on_postgres:.2} |")?;
    }
    if !found.by_interval.is_empty() {
        text += "\nA pack takes some room of its own, so that days of few checks share one (so many days are \
                 watched and packed one by one as make two packs, 127 where a check is made once a day; they are then copied in the order of \
                 time until they are as old as packed checks are kept by default, and PostgreSQL clears away after each day what was \
                 written anew). Checks that follow each other with the same result are one run; where results change all the time each \
                 check takes a letter, and a confirmation some digits. Where every second one fails all fail for the same reason, and confirmations \
                 come ten seconds after results that differ by up to 150 ms; what is counted is every check, confirmations as well:\n\n\
                 | a check every | fails | packed, SQLite | PostgreSQL | its share of the sums, SQLite | PostgreSQL |\n|---|---|---|---|---|---|\n";
    }
    for room in &found.by_interval {
        let bytes: Vec<String> =
            room.packed_bytes.iter().chain(&room.sums_bytes).map(|bytes| format!("{bytes:.2}")).collect();
        let interval = whole(room.interval_seconds.into());
        writeln!(text, "| {interval} s | one in {} | {} |", room.fails_one_in, bytes.join(" | "))?;
    }
    writeln!(
        text,
        "\nRolling up takes {:.1} µs a check in SQLite and {:.1} µs in PostgreSQL, folding {:.1} µs and {:.1} µs, by the clock.\n\n\
         The same questions, p50 and p99, of a store that holds a tenth of the days, and of the whole one: what is asked is \
         the same, so nothing should cost more for the age of the rest.\n\n\
         | question | SQLite, {} days | {} days | PostgreSQL, {} days | {} days |\n|---|---|---|---|---|",
        sqlite.roll_up_us,
        postgres.roll_up_us,
        sqlite.fold_us,
        postgres.fold_us,
        extent.young_days(),
        extent.days,
        extent.young_days(),
        extent.days,
    )?;
    for on_sqlite in &sqlite.answers {
        let on_postgres = postgres.answers.iter().find(|answered| answered.old.what == on_sqlite.old.what);
        let cells: Vec<String> = [Some(on_sqlite), on_postgres].into_iter().flatten().flat_map(both).collect();
        writeln!(text, "| {} | {} |", on_sqlite.old.what, cells.join(" | "))?;
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![] })
}

fn both(answered: &Answered) -> [String; 2] {
    let shown = |asked: &Asked| format!("{}, {}", millis(asked.p50_ms), millis(asked.p99_ms));
    [answered.young.as_ref().map(shown).unwrap_or_default(), shown(&answered.old)]
}
