//! The parts that can be measured, each on its own.

pub(crate) mod backup;
pub(crate) mod closing;
pub(crate) mod crowd;
pub(crate) mod dashboards;
pub(crate) mod growth;
pub(crate) mod history;
pub(crate) mod load;
pub(crate) mod nodes;

use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use watchkeeper_rig::circumstances::Circumstances;

use crate::bare::{self, Bare};
use crate::finding::Finding;
use crate::process::Running;
use crate::size::{Effort, Size};
use crate::stage::Props;
use crate::tell;

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What a check costs beside the bare request, and how many a second are carried
    Load,
    /// Whether checks are on time while people look on, and how long those wait
    Dashboards,
    /// Very many monitors on one node
    Crowd,
    /// What a check costs with few monitors and with many
    Growth,
    /// What a check costs with one node and with several
    Nodes,
    /// How quickly a year of history is read, and how much room it takes
    History,
    /// Whether checks are on time while an hour is closed
    Closing,
    /// How long a backup takes, and a restore, and how what was restored goes on
    Backup,
}

impl fmt::Display for Part {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Load => "load",
            Self::Dashboards => "dashboards",
            Self::Crowd => "crowd",
            Self::Growth => "growth",
            Self::Nodes => "nodes",
            Self::History => "history",
            Self::Closing => "closing",
            Self::Backup => "backup",
        })
    }
}

impl Part {
    /// Measures it, and keeps what was found.
    pub(crate) async fn measure(
        self,
        binary: &Path,
        size: Size,
        with: &Circumstances,
        kept: &Path,
    ) -> anyhow::Result<()> {
        tell(&self.to_string());
        let (_running, target) = Running::part(&["target"]).await?;
        let props = Props { binary, target: &target };
        match self {
            Self::Load => keep(self, size, with, kept, load::measure(props, size)).await,
            Self::Dashboards => keep(self, size, with, kept, dashboards::measure(props, size)).await,
            Self::Crowd => keep(self, size, with, kept, crowd::measure(props, size)).await,
            Self::Growth => keep(self, size, with, kept, growth::measure(props, size)).await,
            Self::Nodes => keep(self, size, with, kept, nodes::measure(props, size)).await,
            Self::History => keep(self, size, with, kept, history::measure(size)).await,
            Self::Closing => keep(self, size, with, kept, closing::measure(props, size)).await,
            Self::Backup => keep(self, size, with, kept, backup::measure(props, size)).await,
        }
    }
}

async fn keep<T: Serialize + DeserializeOwned>(
    part: Part,
    size: Size,
    with: &Circumstances,
    kept: &Path,
    measuring: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let found = measuring.await?;
    let seconds = began.elapsed().as_secs_f64();
    Finding { size, circumstances: with.clone(), seconds, found }.keep(kept, &part.to_string())
}

/// The bare request, so often a second, or as often as can be: half of it before what it is set against, and half of it
/// afterwards, so that a machine that becomes slower does not flatter either.
struct Beside {
    rate: Option<u32>,
    effort: Effort,
    costs: Vec<bare::Cost>,
}

impl Beside {
    fn new(rate: Option<u32>, effort: Effort) -> Self {
        Self { rate, effort: Effort { windows: effort.windows.div_ceil(2), ..effort }, costs: Vec::new() }
    }

    async fn ask(&mut self, target: &str) -> anyhow::Result<()> {
        self.costs.extend(bare::measure(target, self.rate, self.effort).await?);
        Ok(())
    }

    fn found(&self) -> Bare {
        Bare::of(&self.costs)
    }
}
