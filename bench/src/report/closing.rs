//! How late checks are while an hour is closed.

use std::fmt::Write;

use super::Section;
use super::words::{LATENESS_HEAD, LATENESS_RULE, lateness};
use crate::part::closing::{Closing, Found};
use crate::statistics::whole;

pub(super) fn section(found: &Found) -> anyhow::Result<Section> {
    let mut text = String::new();
    writeln!(
        text,
        "### While an hour is closed\n\n\
         {} are checked. {} checks of an hour before are put in with them, which the program reads, rolls up and packs from its \
         start on. Lateness counts from the start until the hour is closed, and for as long afterwards.\n\n\
         | store | closed after | | {LATENESS_HEAD} |\n|---|---|---|{LATENESS_RULE}|",
        found.load,
        whole(found.checks as f64),
    )?;
    for Closing { store, seconds, late_meanwhile, late_afterwards } in &found.closings {
        writeln!(text, "| {store} | {seconds:.1} s | meanwhile | {} |", lateness(late_meanwhile))?;
        writeln!(text, "| {store} | | afterwards | {} |", lateness(late_afterwards))?;
    }
    writeln!(text)?;
    Ok(Section { text, plots: vec![] })
}
