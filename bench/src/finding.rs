//! What a part found, with the circumstances, as a file of its own: so that parts can be measured one by one, and the
//! report joins what there is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use watchkeeper_rig::circumstances::Circumstances;

use crate::size::Size;
use crate::tell;

/// What was found, and how.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Finding<T> {
    pub(crate) size: Size,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(found: u32) -> Finding<u32> {
        let said = String::new;
        let circumstances = Circumstances {
            day: "2026-11-26".to_owned(),
            version: said(),
            commit: said(),
            machine: said(),
            system: said(),
            compiler: said(),
            postgres: said(),
            load_before: 0.1,
        };
        Finding { size: Size::Small, circumstances, seconds: 2.5, found }
    }

    #[test]
    fn what_a_part_found_last_is_what_is_kept_of_it() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        assert!(Finding::<u32>::kept(directory.path(), "load")?.is_none());
        finding(1).keep(directory.path(), "load")?;
        finding(2).keep(directory.path(), "load")?;
        finding(3).keep(directory.path(), "nodes")?;
        let kept = Finding::<u32>::kept(directory.path(), "load")?;
        assert_eq!(kept.map(|kept| (kept.found, kept.size)), Some((2, Size::Small)));
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
