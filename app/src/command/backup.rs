//! `watchkeeper backup`: the file appears whole, under its name, or not at all.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::print;
use crate::config::Settings;
use crate::failure::Failure;
use crate::wiring::backup::{self, Progress, Summary};

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Writes a backup into a file, or to standard output.
pub(super) async fn back_up(
    settings: &Settings,
    file: &Path,
    overwrite: bool,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let begun_at = Instant::now();
    let progress = Arc::new(Progress::default());
    if file == Path::new("-") {
        if io::stdout().is_terminal() {
            return Err(anyhow!("a backup is no text: send standard output into a file or a program").into());
        }
        let out = Box::new(io::stdout());
        let summary = told(backup::back_up(settings, out, Arc::clone(&progress)), &progress, &stop).await?;
        // Standard output is the backup's.
        tracing::info!("{}", figures("backed up", &summary, begun_at));
        return Ok(());
    }
    let aside = Aside::make(file, overwrite)?;
    let out = Box::new(aside.file.try_clone()?);
    let summary = told(backup::back_up(settings, out, Arc::clone(&progress)), &progress, &stop).await?;
    spawn_blocking(move || aside.take_its_place()).await??;
    print(&format!("{}\n", figures("backed up", &summary, begun_at)))
}

/// Does a long piece of work and says how far it is. What it is told to stop it leaves undone.
pub(super) async fn told(
    work: impl Future<Output = Result<Summary, Failure>>,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Summary, Failure> {
    tokio::select! {
        done = work => done,
        () = stop.cancelled() => Err(anyhow!("stopped before it was done; nothing was changed").into()),
        never = tell(progress) => match never {},
    }
}

async fn tell(progress: &Progress) -> Infallible {
    let mut ticks = interval(TELL_EVERY);
    // The first one comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        tracing::info!(table = progress.table(), rows = progress.rows(), "under way");
    }
}

/// What was done, in a line.
pub(super) fn figures(done: &str, summary: &Summary, begun_at: Instant) -> String {
    format!(
        "{done} {} rows in {:.1} s: {} bytes, the {} database of version {} as it was at {}",
        summary.rows(),
        begun_at.elapsed().as_secs_f64(),
        summary.bytes,
        summary.header.store,
        summary.header.product,
        summary.header.taken_at
    )
}

/// A file beside the one that is to be, for its owner alone: it holds password hashes. It goes unless it takes its place.
struct Aside {
    path: PathBuf,
    file: File,
    goal: PathBuf,
    overwrite: bool,
}

impl Aside {
    fn make(goal: &Path, overwrite: bool) -> anyhow::Result<Self> {
        refuse_to_overwrite(goal, overwrite)?;
        let mut name = goal.as_os_str().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path, file, goal: goal.to_owned(), overwrite })
    }

    fn take_its_place(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        self.file.sync_all().context("the backup cannot be written")?;
        refuse_to_overwrite(&self.goal, self.overwrite)?;
        fs::rename(&self.path, &self.goal).with_context(|| format!("{} cannot be made", self.goal.display()))?;
        let directory = self.goal.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // It is not there any more where it has taken its place.
        let _ = fs::remove_file(&self.path);
    }
}

fn refuse_to_overwrite(goal: &Path, overwrite: bool) -> anyhow::Result<()> {
    if !overwrite && goal.symlink_metadata().is_ok() {
        bail!("{} is there already: name another file, or say --overwrite", goal.display());
    }
    Ok(())
}
