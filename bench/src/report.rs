//! Writes what was found into the document, between two markers, and plots beside it.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::bed::Kind;
use crate::plot::{Bar, bars};
use crate::scenario::{Bare, Found, Measured, OnStore};
use crate::statistics::{Spread, whole};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// At most so many times the CPU of the bare request.
const MAX_RATIO: f64 = 3.0;
/// At most so late, p99, under the steady load.
const MAX_LATE_MS: f64 = 50.0;
/// Less than this, with 10,000 monitors.
const MAX_RESIDENT_MB: f64 = 100.0;

/// Which of the loads of a store.
type Pick = fn(&OnStore) -> &Measured;

/// Writes the measured part of the document anew; the rest of it stays.
pub(crate) fn write(found: &Found, document: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(document)?;
    let (head, rest) = text.split_once(BEGIN).context("it lacks its first marker")?;
    let (_, tail) = rest.split_once(END).context("it lacks its second marker")?;
    std::fs::write(document, format!("{head}{BEGIN}\n\n{}\n{END}{tail}", measured(found)?))?;
    let plots = document.parent().unwrap_or(Path::new("."));
    std::fs::write(plots.join("performance-cpu.svg"), cpu_plot(found))?;
    std::fs::write(plots.join("performance-lateness.svg"), lateness_plot(found))?;
    Ok(())
}

fn measured(found: &Found) -> anyhow::Result<String> {
    let mut text = String::new();
    let postgres = found.stores.iter().find(|on| on.store == Kind::Postgres).map_or("none", |on| &on.version);
    writeln!(
        text,
        "Measured on {} by Watchkeeper {} ({}), in {:.0} s: {}; {}; {}; PostgreSQL {postgres}.\n",
        says("date", &["-u", "+%Y-%m-%d"]),
        env!("CARGO_PKG_VERSION"),
        says("git", &["describe", "--always", "--dirty"]),
        found.seconds,
        machine(),
        says("uname", &["-sr"]),
        says("rustc", &["--version"]).split(" (").next().unwrap_or_default(),
    )?;

    text.push_str("### Against the targets\n\n| target | store | reached | |\n|---|---|---|---|\n");
    for on in &found.stores {
        let store = on.store;
        let ratio = on.busy.cpu_us.median / found.bare_busy.cpu_us.median;
        let lateness = on.steady.late_ms[2];
        let resident = on.busy.resident_peak_mb;
        // A slot that was missed is in no percentile, and an answer that never came says nothing of the engine.
        let is_whole = on.steady.missed + on.steady.failed == 0;
        for (target, reached, is_reached) in [
            ("CPU per check at most 3 times the bare request", format!("{ratio:.2} times"), ratio <= MAX_RATIO),
            (
                "2,000 monitors every 20 s: p99 at most 50 ms late",
                format!("{lateness:.1} ms"),
                is_whole && lateness <= MAX_LATE_MS,
            ),
            ("under 100 MB with 10,000 monitors", format!("{resident:.0} MB at the most"), resident < MAX_RESIDENT_MB),
        ] {
            let verdict = if is_reached { "reached" } else { "**missed**" };
            writeln!(text, "| {target} | {store} | {reached} | {verdict} |")?;
        }
    }

    text.push_str(
        "\n### CPU per check\n\n![CPU per check](performance-cpu.svg)\n\n\
         Microseconds of user and system time, the median of several stretches and, in brackets, the least and the most. \
         Each load is set against bare requests at the same rate, the last one against bare requests flat out: seldom \
         work costs more each time, since little of it is done at once.\n\n\
         | load | | program | against bare | database server | a second |\n|---|---|---|---|---|---|\n",
    );
    let of_load: [(Pick, &Bare); 3] = [
        (|on| &on.steady, &found.bare_steady),
        (|on| &on.busy, &found.bare_busy),
        (|on| &on.flood, &found.bare_flat_out),
    ];
    for (of, bare) in of_load {
        let load = found.stores.first().map(|on| of(on).load.to_string()).unwrap_or_default();
        writeln!(text, "| {load} | bare | {} | 1 | | {} |", micros(bare.cpu_us), whole(bare.rate.median))?;
        for on in &found.stores {
            let measured = of(on);
            writeln!(
                text,
                "| | {} | {} | {:.2} | {} | {} |",
                on.store,
                micros(measured.cpu_us),
                measured.cpu_us.median / bare.cpu_us.median,
                measured.database_us.map(micros).unwrap_or_default(),
                whole(measured.rate.median),
            )?;
        }
    }

    text.push_str(
        "\n### Lateness, memory, disk\n\n![Lateness](performance-lateness.svg)\n\nLateness is the start of a probe less its slot, \
         from the record. Memory is resident: at the end, and at its highest. Missed slots are \
         recorded as such; the last load keeps the whole machine busy, to show what happens then.\n\n\
         | load | store | p50 | p95 | p99 | latest | checks | missed | failed | memory (highest) | bytes a check on disk |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (on, measured) in each_load(found) {
        let [p50, p95, p99, latest] = measured.late_ms;
        writeln!(
            text,
            "| {} | {} | {p50:.2} ms | {p95:.2} ms | {p99:.2} ms | {latest:.1} ms | {} | {} | {} | {:.0} MB ({:.0} MB) | {:.0} |",
            measured.load,
            on.store,
            whole(measured.checks as f64),
            whole(measured.missed as f64),
            whole(measured.failed as f64),
            measured.resident_mb,
            measured.resident_peak_mb,
            measured.bytes_per_check,
        )?;
    }

    let busy = found.stores.first().map(|on| on.busy.load.to_string()).unwrap_or_default();
    writeln!(text, "\n### Questions, while {busy} are checked\n\n| question | SQLite | PostgreSQL |\n|---|---|---|")?;
    let [sqlite, postgres] = found.stores.as_slice() else { anyhow::bail!("two stores are measured") };
    for ((question, on_sqlite), (_, on_postgres)) in sqlite.questions.iter().zip(&postgres.questions) {
        writeln!(text, "| {question} | {on_sqlite:.1} ms | {on_postgres:.1} ms |")?;
    }
    Ok(text)
}

fn each_load(found: &Found) -> impl Iterator<Item = (&OnStore, &Measured)> {
    found.stores.iter().flat_map(|on| [&on.steady, &on.busy, &on.flood].map(|measured| (on, measured)))
}

fn cpu_plot(found: &Found) -> String {
    let bare = found.bare_busy.cpu_us.median;
    let mut shown = vec![Bar::new("bare request", bare)];
    for on in &found.stores {
        shown.push(Bar::new(&format!("{}, whole check", on.store), on.busy.cpu_us.median));
        if let Some(database) = on.busy.database_us {
            shown.push(Bar::new(&format!("{}, its server", on.store), database.median));
        }
    }
    let load = found.stores.first().map(|on| on.busy.load.to_string()).unwrap_or_default();
    bars(&format!("CPU per check with {load}, microseconds"), &shown, Some((MAX_RATIO * bare, "3 × bare")))
}

fn lateness_plot(found: &Found) -> String {
    let shown: Vec<Bar> = found
        .stores
        .iter()
        .flat_map(|on| {
            let of = |name: &str, rank: usize| Bar::new(&format!("{}, {name}", on.store), on.steady.late_ms[rank]);
            [of("p50", 0), of("p95", 1), of("p99", 2), of("latest", 3)]
        })
        .collect();
    let load = found.stores.first().map(|on| on.steady.load.to_string()).unwrap_or_default();
    bars(&format!("Lateness with {load}, milliseconds"), &shown, Some((MAX_LATE_MS, "50 ms")))
}

fn micros(spread: Spread) -> String {
    format!("{:.0} µs ({:.0} to {:.0})", spread.median, spread.least, spread.most)
}

fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let memory = read("/proc/meminfo");
    let kb = memory.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}, {:.0} GB", model.trim_start_matches(['\t', ' ', ':']), kb / 1024.0 / 1024.0)
}

/// What a program says, in one line; nothing where there is no such program.
fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
