//! Joins what the parts found into the document, between two markers, and draws plots beside it.

mod backup;
mod closing;
mod crowd;
mod dashboards;
mod growth;
mod history;
mod load;
mod nodes;
mod target;
mod words;

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use watchkeeper_rig::circumstances::Circumstances;

use crate::finding::Finding;
use crate::part::{self, Part};
use crate::size::Size;
use crate::statistics::whole;

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What was found of each part that was ever measured.
struct Kept {
    load: Option<Finding<part::load::Found>>,
    dashboards: Option<Finding<part::dashboards::Found>>,
    crowd: Option<Finding<part::crowd::Found>>,
    growth: Option<Finding<part::growth::Found>>,
    nodes: Option<Finding<part::nodes::Found>>,
    history: Option<Finding<part::history::Found>>,
    closing: Option<Finding<part::closing::Found>>,
    backup: Option<Finding<part::backup::Found>>,
}

impl Kept {
    fn read(directory: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            load: Finding::kept(directory, &Part::Load.to_string())?,
            dashboards: Finding::kept(directory, &Part::Dashboards.to_string())?,
            crowd: Finding::kept(directory, &Part::Crowd.to_string())?,
            growth: Finding::kept(directory, &Part::Growth.to_string())?,
            nodes: Finding::kept(directory, &Part::Nodes.to_string())?,
            history: Finding::kept(directory, &Part::History.to_string())?,
            closing: Finding::kept(directory, &Part::Closing.to_string())?,
            backup: Finding::kept(directory, &Part::Backup.to_string())?,
        })
    }

    /// How much of each part was measured, under which circumstances, and how many seconds it took.
    fn circumstances(&self) -> Vec<(Part, Size, &Circumstances, f64)> {
        fn of<T>(part: Part, kept: Option<&Finding<T>>) -> Option<(Part, Size, &Circumstances, f64)> {
            kept.map(|finding| (part, finding.size, &finding.circumstances, finding.seconds))
        }
        let all = [
            of(Part::Load, self.load.as_ref()),
            of(Part::Dashboards, self.dashboards.as_ref()),
            of(Part::Crowd, self.crowd.as_ref()),
            of(Part::Growth, self.growth.as_ref()),
            of(Part::Nodes, self.nodes.as_ref()),
            of(Part::History, self.history.as_ref()),
            of(Part::Closing, self.closing.as_ref()),
            of(Part::Backup, self.backup.as_ref()),
        ];
        all.into_iter().flatten().collect()
    }
}

/// A part of the text, and its plots by the end of their names.
#[derive(Default)]
struct Section {
    text: String,
    plots: Vec<(&'static str, String)>,
}

/// Writes the measured part of the document anew; the rest of it stays.
pub(crate) fn write(directory: &Path, document: &Path) -> anyhow::Result<()> {
    let kept = Kept::read(directory)?;
    let text = std::fs::read_to_string(document)?;
    let (head, rest) = text.split_once(BEGIN).context("it lacks its first marker")?;
    let (_, tail) = rest.split_once(END).context("it lacks its second marker")?;
    let name = document.file_stem().and_then(|stem| stem.to_str()).context("it has no name")?;
    let mut measured = circumstances(&kept.circumstances())?;
    measured += &target::table(&kept)?;
    for section in sections(&kept, name)? {
        measured += &section.text;
        for (end, plot) in section.plots {
            std::fs::write(document.with_file_name(plot_name(name, end)), plot)?;
        }
    }
    std::fs::write(document, format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", measured.trim_end()))?;
    Ok(())
}

fn sections(kept: &Kept, name: &str) -> anyhow::Result<Vec<Section>> {
    let mut sections = Vec::new();
    if let Some(load) = &kept.load {
        sections.push(load::section(&load.found, name)?);
    }
    if let Some(dashboards) = &kept.dashboards {
        sections.push(dashboards::section(&dashboards.found, name)?);
    }
    if let Some(crowd) = &kept.crowd {
        sections.push(crowd::section(&crowd.found)?);
    }
    if let Some(growth) = &kept.growth {
        sections.push(growth::section(&growth.found, name)?);
    }
    if let Some(nodes) = &kept.nodes {
        sections.push(nodes::section(&nodes.found, name)?);
    }
    if let Some(history) = &kept.history {
        sections.push(history::section(&history.found)?);
    }
    if let Some(closing) = &kept.closing {
        sections.push(closing::section(&closing.found)?);
    }
    if let Some(backup) = &kept.backup {
        sections.push(backup::section(&backup.found)?);
    }
    Ok(sections)
}

/// The file of a plot, which lies beside the document.
fn plot_name(document: &str, end: &str) -> String {
    format!("{document}-{end}.svg")
}

fn circumstances(of: &[(Part, Size, &Circumstances, f64)]) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut machines: Vec<String> = Vec::new();
    for (_, _, with, _) in of {
        let machine = with.of_machine();
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    writeln!(
        text,
        "| part | size | measured on | of | on machine | busy before | took |\n|---|---|---|---|---|---|---|"
    )?;
    for (part, size, with, seconds) in of {
        let machine = with.of_machine();
        let number = machines.iter().position(|one| *one == machine).unwrap_or_default() + 1;
        writeln!(
            text,
            "| {part} | {size} | {} | {} ({}) | {number} | {:.1} | {} s |",
            with.day,
            with.version,
            with.commit,
            with.load_before,
            whole(*seconds),
        )?;
    }
    writeln!(text)?;
    for (number, machine) in machines.iter().enumerate() {
        writeln!(text, "Machine {}: {machine}.\n", number + 1)?;
    }
    writeln!(
        text,
        "Busy before is how many processes wanted to run in the minute before the run, on average: near zero where nobody \
         else used the machine.\n"
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_written_anew() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let document = directory.path().join("performance.md");
        std::fs::write(&document, format!("# By hand\n\n{BEGIN}\n\nold\n\n{END}\n\nAlso by hand.\n"))?;
        write(&directory.path().join("performance"), &document)?;
        let text = std::fs::read_to_string(&document)?;
        assert!(text.starts_with(&format!("# By hand\n\n{BEGIN}\n\n")), "{text}");
        assert!(text.ends_with(&format!("\n\n{END}\n\nAlso by hand.\n")), "{text}");
        assert!(text.contains("| not measured | not measured |") && !text.contains("old"), "{text}");
        Ok(())
    }

    #[test]
    fn a_document_without_markers_is_left_alone() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let document = directory.path().join("performance.md");
        std::fs::write(&document, "# All by hand\n")?;
        assert!(write(&directory.path().join("performance"), &document).is_err());
        assert_eq!(std::fs::read_to_string(&document)?, "# All by hand\n");
        Ok(())
    }
}
