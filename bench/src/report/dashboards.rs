//! Whether checks are on time while people look on, and how long those wait.

use std::fmt::Write;

use super::target::MAX_LATE_MS;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness, micros, millis};
use super::{Section, plot_name};
use crate::part::dashboards::{Asked, BROWSERS, Found, LOOKING, OnStore, Visited};
use crate::plot::{Bar, bars};
use crate::stage::Measured;

pub(super) fn section(found: &Found, name: &str) -> anyhow::Result<Section> {
    let mut text = String::new();
    let load = found.stores.first().map(|on| on.alone.load.to_string()).unwrap_or_default();
    writeln!(
        text,
        "### While dashboards load\n\n![Lateness]({})\n\n\
         {load}: alone; then while {BROWSERS} people look on; then while {BROWSERS} dashboards load without a pause. To load is what \
         the dashboard does: open the stream of events, read the list of all monitors page by page, open one monitor. Those who \
         look on all load at the same instant and again after {} s; without a pause the machine has no idle moment. Program, \
         database, target and browsers share the cores. CPU holds what the requests cost as well; a bare request at this rate \
         takes {}.\n\n\
         | store | | {LATENESS_HEAD} | CPU of the program | of the server | memory (highest) |\n\
         |---|---|{LATENESS_RULE}|---|---|---|",
        plot_name(name, "lateness"),
        LOOKING.as_secs(),
        micros(found.bare.cpu_us),
    )?;
    for (on, when, measured) in found.stores.iter().flat_map(each) {
        writeln!(
            text,
            "| {} | {when} | {} | {} | {} | {:.0} MB ({:.0} MB) |",
            on.alone.store,
            lateness(&measured.late),
            micros(measured.cpu_us),
            measured.database_us.map(micros).unwrap_or_default(),
            measured.resident_mb,
            measured.resident_peak_mb,
        )?;
    }
    let [sqlite, postgres] = found.stores.as_slice() else { anyhow::bail!("two stores are measured") };
    writeln!(
        text,
        "\nHow long the requests take until the whole answer is there, p50 and p99, of {BROWSERS} at once:\n\n\
         | what | SQLite, looked at | without a pause | PostgreSQL, looked at | without a pause |\n|---|---|---|---|---|"
    )?;
    for Asked { what, .. } in &sqlite.loading.requests {
        let of = [&sqlite.looking, &sqlite.loading, &postgres.looking, &postgres.loading];
        writeln!(text, "| {what} | {} |", of.map(|visited| waited(visited, what)).join(" | "))?;
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![("lateness", plot(found, &load))] })
}

fn each(on: &OnStore) -> [(&OnStore, &'static str, &Measured); 3] {
    [(on, "alone", &on.alone), (on, "looked at", &on.looking.measured), (on, "without a pause", &on.loading.measured)]
}

fn waited(visited: &Visited, what: &str) -> String {
    let asked = visited.requests.iter().find(|asked| asked.what == what);
    asked.map(|asked| format!("{}, {}", millis(asked.p50_ms), millis(asked.p99_ms))).unwrap_or_default()
}

fn plot(found: &Found, load: &str) -> String {
    let p99 = |(on, when, measured): (&OnStore, &str, &Measured)| {
        Bar::new(&format!("{}, {when}", on.alone.store), measured.late.ms[2])
    };
    let shown: Vec<Bar> = found.stores.iter().flat_map(each).map(p99).collect();
    bars(&format!("Lateness (p99) with {load}, milliseconds"), &shown, Some((MAX_LATE_MS, "10 ms")))
}
