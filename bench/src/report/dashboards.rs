//! Whether checks are on time while people look on, and how long those wait.

use std::fmt::Write;

use super::target::MAX_LATE_MS;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness, micros, millis};
use super::{Section, plot_name};
use crate::part::dashboards::{BROWSERS, Found};
use crate::plot::{Bar, bars};

pub(super) fn section(found: &Found, name: &str) -> anyhow::Result<Section> {
    let mut text = String::new();
    let load = found.stores.first().map(|on| on.alone.load.to_string()).unwrap_or_default();
    writeln!(
        text,
        "### While dashboards load\n\n![Lateness]({})\n\n\
         {load}, first alone, then while {BROWSERS} browsers do what the dashboard does, over and over without a pause: each \
         opens the stream of events, reads the list of all monitors page by page, and opens one monitor. Program, database, \
         target and browsers share the cores. CPU holds what the requests cost as well; a bare request at this rate takes {}.\n\n\
         | store | | {LATENESS_HEAD} | CPU of the program | of the server | memory (highest) |\n\
         |---|---|{LATENESS_RULE}|---|---|---|",
        plot_name(name, "lateness"),
        micros(found.bare.cpu_us),
    )?;
    for on in &found.stores {
        for (when, measured) in [("alone", &on.alone), ("dashboards load", &on.watched)] {
            writeln!(
                text,
                "| {} | {when} | {} | {} | {} | {:.0} MB ({:.0} MB) |",
                measured.store,
                lateness(&measured.late),
                micros(measured.cpu_us),
                measured.database_us.map(micros).unwrap_or_default(),
                measured.resident_mb,
                measured.resident_peak_mb,
            )?;
        }
    }
    writeln!(
        text,
        "\nHow long the requests of {BROWSERS} browsers at once take, until the whole answer is there:\n\n\
         | what | SQLite p50 | p99 | times | PostgreSQL p50 | p99 | times |\n|---|---|---|---|---|---|---|"
    )?;
    let [sqlite, postgres] = found.stores.as_slice() else { anyhow::bail!("two stores are measured") };
    for on_sqlite in &sqlite.requests {
        let on_postgres = postgres.requests.iter().find(|asked| asked.what == on_sqlite.what);
        let cells = [Some(on_sqlite), on_postgres].map(|asked| match asked {
            Some(asked) => format!("{} | {} | {}", millis(asked.p50_ms), millis(asked.p99_ms), asked.times),
            None => " | | ".to_owned(),
        });
        writeln!(text, "| {} | {} |", on_sqlite.what, cells.join(" | "))?;
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![("lateness", plot(found, &load))] })
}

fn plot(found: &Found, load: &str) -> String {
    let mut shown = Vec::new();
    for on in &found.stores {
        for (when, measured) in [("", &on.alone), (", dashboards", &on.watched)] {
            let [p50, _, p99, _] = measured.late.ms;
            shown.push(Bar::new(&format!("{}{when}: p50", measured.store), p50));
            shown.push(Bar::new(&format!("{}{when}: p99", measured.store), p99));
        }
    }
    bars(&format!("Lateness with {load}, milliseconds"), &shown, Some((MAX_LATE_MS, "10 ms")))
}
