//! A backup of either store, and what it takes to have it work again in either.

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::ground::Ground;
use crate::load::Load;
use crate::process::{Ended, Running};
use crate::size::{Effort, Size};
use crate::stage::{Crew, Lateness, Measured, Props, Stage};
use crate::store::Kind;
use crate::tell;

const fn load(size: Size) -> Load {
    match size {
        Size::Tiny => Load::new(300, 10),
        Size::Small => Load::new(20_000, 20),
        Size::Full => Load::new(1_000_000, 300),
    }
}

/// What was found: a backup of each store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) load: Load,
    pub(crate) backups: Vec<Backup>,
}

/// A backup of one store, made while the program watches.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Backup {
    pub(crate) of: Kind,
    pub(crate) checks: u64,
    /// How late checks began in the time before, and while it was made.
    pub(crate) late_before: Lateness,
    pub(crate) late_meanwhile: Lateness,
    /// How many rows it holds, of all tables, and how large its file is.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) made: Run,
    pub(crate) verified: Run,
    pub(crate) restored: Vec<Restored>,
}

/// What a command took.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) peak_mb: f64,
}

/// A backup in a store that was empty, and the program on it, from its start on.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Restored {
    pub(crate) run: Run,
    /// Seconds from the start of the program until nothing was due any more that nobody had claimed; nothing where that was not
    /// looked at yet.
    #[serde(default)]
    pub(crate) caught_up_after: Option<f64>,
    pub(crate) went_on: Measured,
}

impl From<&Ended> for Run {
    fn from(ended: &Ended) -> Self {
        Self { seconds: ended.lasted.as_secs_f64(), peak_mb: ended.peak_kb as f64 / 1024.0 }
    }
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    let (load, mut backups) = (load(size), Vec::new());
    for kind in Kind::BOTH {
        let stage = Stage::set(props, kind, load, Crew::Serving).await?;
        let late_before = stage.watch(Effort::of_start(size)).await?.late;
        backups.push(back_up_and_restore(stage, late_before, props, size).await?);
    }
    Ok(Found { load, backups })
}

async fn back_up_and_restore(
    stage: Stage,
    late_before: Lateness,
    props: Props<'_>,
    size: Size,
) -> anyhow::Result<Backup> {
    let load = stage.load();
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("watchkeeper.backup");
    let name = file.to_str().context("a path that is no text")?;
    let (made, late_meanwhile) = stage.during(&["backup", name]).await?;
    let ground = stage.leave().await?;
    let verified = Running::through(&mut ground.command(props.binary, &["restore", "--verify", name])).await?;
    let (rows, bytes) = (rows(&made.said)?, file.metadata()?.len());
    tell(&format!("    {rows} rows backed up in {:.1} s", made.lasted.as_secs_f64()));
    let mut restored = Vec::new();
    for kind in Kind::BOTH {
        restored.push(restore(name, kind, props, load, size).await?);
    }
    let (of, checks) = (ground.store().kind(), u64::try_from(ground.store().written().await?.checks)?);
    ground.clear().await?;
    Ok(Backup {
        of,
        checks,
        late_before,
        late_meanwhile,
        rows,
        bytes,
        made: (&made).into(),
        verified: (&verified).into(),
        restored,
    })
}

/// Restores a backup, and starts the program on what comes of it.
async fn restore(file: &str, into: Kind, props: Props<'_>, load: Load, size: Size) -> anyhow::Result<Restored> {
    let ground = Ground::new(into).await?;
    let ended = Running::through(&mut ground.command(props.binary, &["restore", file])).await?;
    tell(&format!("    restored into {into} in {:.1} s", ended.lasted.as_secs_f64()));
    let stage = Stage::on(ground, props, load, Crew::Serving).await?;
    let caught_up_after = Some(stage.catch_up().await?);
    Ok(Restored {
        run: (&ended).into(),
        caught_up_after,
        went_on: stage.watch_and_clear(Effort::of_start(size)).await?,
    })
}

/// How many rows a command says it has carried.
fn rows(said: &str) -> anyhow::Result<u64> {
    let number = said.split_whitespace().zip(said.split_whitespace().skip(1)).find(|(_, unit)| *unit == "rows");
    number.and_then(|(number, _)| number.parse().ok()).with_context(|| format!("no rows in: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_before_their_unit() {
        assert_eq!(rows("backed up 5123 rows in 0.2 s: 77 bytes, the SQLite database\n").ok(), Some(5_123));
        assert!(rows("nothing was backed up").is_err());
    }
}
