//! What was found, as figures for programs, as a plot, and in words.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use watchkeeper_rig::circumstances::Circumstances;
use watchkeeper_rig::plot::{Line, Scale, lines};
use watchkeeper_rig::statistics::whole;
use watchkeeper_rig::tell;

use crate::run::Found;

/// As many points as a plot can show.
const PLOTTED: usize = 240;

/// Leaves `soak.json` and `soak-memory.svg` in a directory.
pub(crate) fn write(directory: &Path, circumstances: &Circumstances, found: &[Found]) -> anyhow::Result<()> {
    found.iter().for_each(in_words);
    let keep = |name: &str, text: &str| {
        let file = directory.join(name);
        fs::write(&file, text).with_context(|| file.display().to_string())
    };
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let stores: Vec<Value> = found.iter().map(figures).collect();
    let title = format!("Resident memory in MB, {} ({})", circumstances.version, circumstances.commit);
    keep("soak-memory.svg", &plot(&title, found))?;
    let figures = json!({ "circumstances": circumstances, "stores": stores });
    keep("soak.json", &(serde_json::to_string_pretty(&figures)? + "\n"))
}

fn in_words(found: &Found) {
    let (account, growth, (least, most)) = (found.account, found.memory.growth(), found.memory.range());
    tell(&format!(
        "  {}: {} slots due, {} of them missed and {} unknown; {} unaccounted for, {} twice; {} notices told",
        found.whereon,
        whole(account.due as f64),
        account.missed,
        account.unknown,
        account.unaccounted,
        found.record.slots_twice,
        found.record.notices.told
    ));
    tell(&format!(
        "    in the second half {least:.0} to {most:.0} MB, growing by {:.1} MB an hour (flat: at most {:.0})",
        growth.mb_an_hour, growth.most_mb_an_hour
    ));
    if found.turned_away > 0 {
        tell(&format!("    turned away {} times, since the machine was too busy", found.turned_away));
    }
    for (warning, times) in &found.said.warnings {
        tell(&format!("    warned {times} times: {warning}"));
    }
}

fn figures(found: &Found) -> Value {
    let growth = found.memory.growth();
    let tenth = |figure: f64| (figure * 10.0).round() / 10.0;
    let curve: Vec<[f64; 2]> =
        found.memory.thinned(PLOTTED).into_iter().map(|(seconds, mb)| [tenth(seconds), tenth(mb)]).collect();
    json!({
        "store": found.whereon.to_string(),
        "monitors": found.monitors,
        "seconds": found.lasted.as_secs(),
        "slots": found.account,
        "slots_twice": found.record.slots_twice,
        "notices_told": found.record.notices.told,
        "errors": found.said.errors,
        "warnings": found.said.warnings,
        "turned_away": found.turned_away,
        "growth_mb_an_hour": tenth(growth.mb_an_hour),
        "flat_mb_an_hour": tenth(growth.most_mb_an_hour),
        "resident_mb": curve,
    })
}

fn plot(title: &str, found: &[Found]) -> String {
    let line = |found: &Found| {
        let growth = found.memory.growth();
        let name = format!("{}, {:+.1} MB an hour in the second half", found.whereon, growth.mb_an_hour);
        Line::curve(&name, found.memory.thinned(PLOTTED))
    };
    let all: Vec<Line> = found.iter().map(line).collect();
    lines(title, "seconds since the monitors were made", Scale::Linear, &all)
}
