//! The log: to standard error, as lines for people or as JSON. Standard output belongs to what was asked for: the
//! address, notices, summaries.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{LogFormat, Settings};
use crate::traces::{self, Traces};

/// Libraries that say more than operators want to know, unless the filter names them.
const QUIET: &str = "sqlx=warn,poem=warn";

/// How the targets of this program's own crates begin.
const OURS: &str = "watchkeeper";

/// The most that anybody else may say, whatever the filter: below it libraries write down what they send and receive, and
/// that may be a password or a token.
const MOST_OF_LIBRARIES: LevelFilter = LevelFilter::INFO;

/// Begins to log as configured, and to take spans where somebody wants them.
///
/// # Errors
/// Where the filter is none, which the configuration has ruled out, or something logs already.
pub fn begin(settings: &Settings, traces: Option<&Traces>) -> anyhow::Result<()> {
    tracing_subscriber::registry().with(log(settings)?).with(traces.map(Traces::layer)).try_init()?;
    Ok(())
}

fn log(settings: &Settings) -> anyhow::Result<impl Layer<Registry> + Send + Sync + use<>> {
    let cap = Targets::new().with_default(MOST_OF_LIBRARIES).with_target(OURS, LevelFilter::TRACE);
    let cap = cap.with_target(traces::TARGET, LevelFilter::OFF);
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.log))?.and(cap);
    Ok(lines(settings.log_format).with_filter(filter))
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled, info_span};

    use super::*;
    use crate::config::Config;

    #[test]
    fn without_a_collector_spans_are_not_made_and_libraries_are_not_heard_below_info() {
        let settings = Config::read(["watchkeeper", "--log", "trace,sqlx=trace,traces=trace"]).unwrap().settings;
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log(&settings).unwrap()), || {
            assert!(info_span!(target: traces::TARGET, "check").is_disabled());
            assert!(enabled!(target: "watchkeeper_domain", Level::TRACE));
            assert!(enabled!(target: "sqlx::query", Level::INFO));
            assert!(!enabled!(target: "sqlx::query", Level::DEBUG));
        });
    }
}
