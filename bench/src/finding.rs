//! What a part found, with the circumstances, as a file of its own: so that parts can be measured one by one, and the
//! report joins what there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::postgres;
use crate::size::Size;
use crate::tell;

/// Under which circumstances something was measured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Circumstances {
    pub(crate) size: Size,
    /// The day, in UTC.
    pub(crate) day: String,
    /// What was measured: the version, and the commit, which says so where it was changed.
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
    pub(crate) system: String,
    pub(crate) compiler: String,
    pub(crate) postgres: String,
    /// How many processes wanted to run in the minute before, on average: near zero on a quiet machine.
    pub(crate) load_before: f64,
}

impl Circumstances {
    pub(crate) async fn now(size: Size) -> Self {
        let changed = !says("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"]).is_empty();
        let commit = says("git", &["rev-parse", "--short", "HEAD"]);
        Self {
            size,
            day: says("date", &["-u", "+%Y-%m-%d"]),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: if changed { format!("{commit} with changes") } else { commit },
            machine: machine(),
            system: says("uname", &["-sr"]),
            compiler: says("rustc", &["--version"]).split(" (").next().unwrap_or_default().to_owned(),
            postgres: postgres::installed_version().await.unwrap_or_else(|| "no PostgreSQL".to_owned()),
            load_before: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }
}

/// What was found, and how.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Finding<T> {
    pub(crate) circumstances: Circumstances,
    /// How long it took.
    pub(crate) seconds: f64,
    pub(crate) found: T,
}

impl<T: Serialize + DeserializeOwned> Finding<T> {
    /// Keeps it for the report.
    pub(crate) fn keep(&self, directory: &Path, part: &str) -> anyhow::Result<()> {
        fs::create_dir_all(directory)?;
        let file = file(directory, part);
        fs::write(&file, serde_json::to_string_pretty(self)? + "\n").with_context(|| file.display().to_string())
    }

    /// What was kept last; `None` where the part was never measured, or by an earlier form of this program.
    pub(crate) fn kept(directory: &Path, part: &str) -> anyhow::Result<Option<Self>> {
        let file = file(directory, part);
        if !file.exists() {
            return Ok(None);
        }
        let kept = serde_json::from_str(&fs::read_to_string(&file)?);
        if let Err(error) = &kept {
            tell(&format!("{} is left out: measure this part again ({error})", file.display()));
        }
        Ok(kept.ok())
    }
}

fn file(directory: &Path, part: &str) -> PathBuf {
    directory.join(format!("{part}.json"))
}

fn machine() -> String {
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let kb = memory.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}, {:.0} GB", model.trim_start_matches(['\t', ' ', ':']), kb / 1024.0 / 1024.0)
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// What a program says, in one line; nothing where there is no such program.
fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(found: u32) -> Finding<u32> {
        let said = String::new;
        let circumstances = Circumstances {
            size: Size::Small,
            day: "2026-11-26".to_owned(),
            version: said(),
            commit: said(),
            machine: said(),
            system: said(),
            compiler: said(),
            postgres: said(),
            load_before: 0.1,
        };
        Finding { circumstances, seconds: 2.5, found }
    }

    #[test]
    fn what_a_part_found_last_is_what_is_kept_of_it() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        assert!(Finding::<u32>::kept(directory.path(), "load")?.is_none());
        finding(1).keep(directory.path(), "load")?;
        finding(2).keep(directory.path(), "load")?;
        finding(3).keep(directory.path(), "nodes")?;
        let kept = Finding::<u32>::kept(directory.path(), "load")?;
        assert_eq!(kept.map(|kept| (kept.found, kept.circumstances.size)), Some((2, Size::Small)));
        Ok(())
    }

    #[test]
    fn what_an_earlier_form_kept_counts_as_never_measured() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("load.json"), "{}")?;
        assert!(Finding::<u32>::kept(directory.path(), "load")?.is_none());
        Ok(())
    }
}
