//! What a check costs with one node and with several.

use std::fmt::Write;

use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness, micros, rate};
use super::{Section, plot_name};
use crate::part::nodes::Found;
use crate::plot::{Line, Scale, lines};
use crate::stage::Measured;
use crate::statistics::whole;

pub(super) fn section(found: &Found, name: &str) -> anyhow::Result<Section> {
    let mut text = String::new();
    let load = found.points.first().map(|point| point.load.to_string()).unwrap_or_default();
    writeln!(
        text,
        "### How cost grows with nodes\n\n![CPU per check against nodes]({})\n\n\
         {load} for each node, on one PostgreSQL: with more nodes there is more to do, and where a check costs the same, cost \
         grows in line with both. All share the cores of one machine: this shows what it costs that they share the work. How \
         much more several machines carry it cannot show. The server is what all of them have in common: the more of them there \
         are, the smaller are their batches, and each hears of every change.\n\n\
         | nodes | monitors | a second | CPU of all nodes | of the server | together, against one | the server, against one | {LATENESS_HEAD} | shares of the claims | memory of all |\n\
         |---|---|---|---|---|---|---|{LATENESS_RULE}|---|---|",
        plot_name(name, "nodes"),
    )?;
    let first = found.points.first().map_or(1.0, Measured::cost_us);
    let server_of_first = found.points.first().map_or(1.0, server_us);
    for point in &found.points {
        let [least, most] = point.shares.map(|share| share * 100.0);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.2} | {:.2} | {} | {least:.0} to {most:.0} % | {:.0} MB |",
            point.nodes,
            whole(point.load.monitors.into()),
            rate(point.rate),
            micros(point.cpu_us),
            point.database_us.map(micros).unwrap_or_default(),
            point.cost_us() / first,
            server_us(point) / server_of_first,
            lateness(&point.late),
            point.resident_peak_mb,
        )?;
    }
    writeln!(text)?;
    let line = |name: &str, of: fn(&Measured) -> f64| {
        Line::new(name, found.points.iter().map(|point| (f64::from(point.nodes), of(point))).collect())
    };
    let costs = [
        line("all nodes and the server", Measured::cost_us),
        line("all nodes", |point| point.cpu_us.median),
        line("the server", server_us),
    ];
    let title = format!("CPU per check with {load} for each node, microseconds");
    Ok(Section { text, plots: vec![("nodes", lines(&title, "nodes", Scale::Linear, &costs))] })
}

/// CPU microseconds of the database server for each check.
pub(super) fn server_us(point: &Measured) -> f64 {
    point.database_us.map_or(0.0, |spread| spread.median)
}
