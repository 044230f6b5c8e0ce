//! The log: to standard error, as lines for people or as JSON. Standard output belongs to what was asked for: the
//! address, notices, summaries.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Libraries that say more than operators want to know, unless the filter names them.
const QUIET: &str = "sqlx=warn,poem=warn";

/// Begins to log as configured.
///
/// # Errors
/// Where the filter is none, which the configuration has ruled out, or something logs already.
pub fn begin(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let begun = match settings.log_format {
        LogFormat::Text => log.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).try_init(),
    };
    begun.map_err(|error| anyhow::anyhow!(error))
}
