//! What a check costs with few monitors and with many.

use std::fmt::Write;

use super::words::micros;
use super::{Section, plot_name};
use crate::part::growth::Found;
use crate::plot::{Line, Scale, lines};
use crate::stage::Measured;
use crate::statistics::whole;
use crate::store::Kind;

pub(super) fn section(found: &Found, name: &str) -> anyhow::Result<Section> {
    let mut text = String::new();
    let at = found.points.first().map(|point| point.load.rate()).unwrap_or_default();
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
    for points in Kind::BOTH.map(|kind| found.on(kind)) {
        let Some(fewest) = points.first() else { continue };
        for point in &points {
            let more = f64::from(point.load.monitors - fewest.load.monitors);
            let grown = (point.resident_peak_mb - fewest.resident_peak_mb) * 1024.0 * 1024.0;
            writeln!(
                text,
                "| {} | {} | {} | {} | {:.2} | {:.0} MB | {} |",
                point.load,
                point.store,
                micros(point.cpu_us),
                point.database_us.map(micros).unwrap_or_default(),
                point.cost_us() / fewest.cost_us(),
                point.resident_peak_mb,
                if more > 0.0 { format!("{:.0} bytes", grown / more) } else { String::new() },
            )?;
        }
    }
    writeln!(text)?;
    let line = |kind: Kind, name: &str, of: fn(&Measured) -> f64| {
        let points = found.on(kind).iter().map(|point| (f64::from(point.load.monitors), of(point))).collect();
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
