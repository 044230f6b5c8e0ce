//! What a check costs beside the bare request, and how many a second are carried.

use std::fmt::Write;

use super::target::MAX_RATIO;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness, micros, rate};
use super::{Section, plot_name};
use crate::bare::Bare;
use crate::part::load::{Found, OnStore, is_carried};
use crate::plot::{Bar, bars};
use crate::stage::Measured;

pub(super) fn section(found: &Found, name: &str) -> anyhow::Result<Section> {
    let mut text = String::new();
    writeln!(
        text,
        "### CPU per check\n\n![CPU per check]({})\n\n\
         Microseconds of user and system time, the median of several stretches and, in brackets, the least and the most. The \
         first load is set against bare requests at the same rate, those of the ladder against bare requests flat out: work \
         that comes seldom costs more each time, since little of it is done at once. What is done later with a check, \
         rolling up its hour and folding its day, is not in here: *History* has it.\n",
        plot_name(name, "cpu")
    )?;
    writeln!(text, "| load | | program | against bare | database server | a second |\n|---|---|---|---|---|---|")?;
    let busy: Vec<&Measured> = found.stores.iter().map(|on| &on.busy).collect();
    rows(&mut text, "at the same rate", &found.bare_busy, &busy)?;
    let ladder: Vec<&Measured> = found.stores.iter().flat_map(|on| &on.ladder).collect();
    rows(&mut text, "flat out", &found.bare_flat_out, &ladder)?;

    writeln!(
        text,
        "\n### Lateness, memory, disk\n\n\
         Lateness is the start of a probe less its slot, from the record. Memory is resident: at the end, and at its highest. \
         A rate counts as carried where nothing was missed, nothing failed, and p99 is less than a second late; every rung of \
         the ladder is tried until one is not.\n\n\
         | load | store | {LATENESS_HEAD} | carried | memory (highest) | bytes a whole check on disk | bytes in the server's log |\n\
         |---|---|{LATENESS_RULE}|---|---|---|---|"
    )?;
    for measured in found.stores.iter().flat_map(each) {
        writeln!(
            text,
            "| {} | {} | {} | {} | {:.0} MB ({:.0} MB) | {:.0} | {} |",
            measured.load,
            measured.store,
            lateness(&measured.late),
            if is_carried(measured) { "yes" } else { "no" },
            measured.resident_mb,
            measured.resident_peak_mb,
            measured.bytes_per_check,
            measured.log_bytes_per_check.map(|bytes| format!("{bytes:.0}")).unwrap_or_default(),
        )?;
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![("cpu", plot(found))] })
}

fn rows(text: &mut String, how: &str, bare: &Bare, of: &[&Measured]) -> anyhow::Result<()> {
    writeln!(text, "| bare requests {how} | | {} | 1 | | {} |", micros(bare.cpu_us), rate(bare.rate))?;
    for measured in of {
        writeln!(
            text,
            "| {} | {} | {} | {:.2} | {} | {} |",
            measured.load,
            measured.store,
            micros(measured.cpu_us),
            measured.cpu_us.median / bare.cpu_us.median,
            measured.database_us.map(micros).unwrap_or_default(),
            rate(measured.rate),
        )?;
    }
    Ok(())
}

fn each(on: &OnStore) -> impl Iterator<Item = &Measured> {
    std::iter::once(&on.busy).chain(&on.ladder)
}

fn plot(found: &Found) -> String {
    let bare = found.bare_busy.cpu_us.median;
    let mut shown = vec![Bar::new("bare request", bare)];
    for on in &found.stores {
        shown.push(Bar::new(&format!("{}, whole check", on.busy.store), on.busy.cpu_us.median));
        if let Some(database) = on.busy.database_us {
            shown.push(Bar::new(&format!("{}, its server", on.busy.store), database.median));
        }
    }
    let load = found.stores.first().map(|on| on.busy.load.to_string()).unwrap_or_default();
    bars(&format!("CPU per check with {load}, microseconds"), &shown, Some((MAX_RATIO * bare, "2 × bare")))
}
