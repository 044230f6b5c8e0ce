//! Configuration: one struct that is the command line, the environment and the manual at once.
//!
//! Every value is parsed into its type here and nowhere else. A value that cannot be right stops the start with one line
//! that names it; a secret is never part of that line, nor of any other.

mod database;
mod network;
mod setting;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::invalid::Invalid;
use watchkeeper_domain::monitor::Interval;
use watchkeeper_domain::retention::Retention;

pub use database::Database;
pub use network::{HostPort, HostPorts, Networks};
use setting::Setting;

/// The fewest bytes of the secret that tokens are signed with: as many as the hash has (RFC 7518, section 3.2).
pub const MIN_JWT_SECRET_BYTES: usize = 32;
/// The most probes that one node may make at once.
pub const MAX_WORKERS: u32 = 20_000;
/// The longest that an operator may demand between two checks.
pub const MAX_MIN_INTERVAL_SECONDS: u32 = 3_600;
/// The most monitors that an operator may grant to one workspace.
pub const MAX_MAX_MONITORS: u32 = 10_000_000;

/// What the program ends with.
const EXIT_CODES: &str = "Exit codes: 0 it is done, or was told to stop; 1 something failed; 2 a value cannot be right, and the \
                          line on standard error names it";

/// Watchkeeper, the uptime monitor that you can audit.
///
/// Without a command it serves: the API, the dashboard and the engine in one process, on an embedded SQLite file.
#[derive(Clone, Debug, Parser)]
#[command(name = "watchkeeper", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Config {
    #[command(subcommand)]
    command: Option<Command>,
    /// What can be set.
    #[command(flatten)]
    pub settings: Settings,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve the API and the dashboard, and watch (the default)
    Serve {
        /// Do not watch: other nodes on the same database do. Checks on request still work
        #[arg(long)]
        no_engine: bool,
    },
    /// Watch only: no API, no dashboard
    Work,
    /// Do one pass of everything that is due, print a summary and exit: for cron and serverless
    Tick,
    /// Bring the database to the newest schema and exit
    Migrate,
    /// Write everything that is stored into one file, while nodes work
    Backup {
        /// The file, which only its owner can read; `-` is standard output
        file: PathBuf,
        /// Put it in the place of a file that is there
        #[arg(long)]
        overwrite: bool,
    },
    /// Restore a backup into an empty database, or only verify it
    Restore {
        /// The backup
        file: PathBuf,
        /// Read it to its end, say what is in it, and touch no database
        #[arg(long)]
        verify: bool,
    },
    /// Print the OpenAPI document and exit
    Openapi,
}

/// What can be set, each as a flag or in the environment.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(long, env = "WATCHKEEPER_LISTEN", global = true, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = Setting(parse_listen))]
    pub listen: SocketAddr,

    /// Address and port for what operators ask (`/metrics`, `/healthz`, `/readyz`), also of a node that only works. By default
    /// they are answered by `serve` alone, on the address that it listens on
    #[arg(long, env = "WATCHKEEPER_METRICS_LISTEN", global = true, value_name = "ADDRESS:PORT", value_parser = Setting(parse_listen))]
    pub metrics_listen: Option<SocketAddr>,

    /// Where to store: sqlite://FILE, or postgres://USER:PASSWORD@HOST/NAME. By default the file watchkeeper.db in the data
    /// directory
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true, value_parser = Setting(Database::parse))]
    pub database_url: Option<Database>,

    /// Directory for the SQLite file and the generated secret; made when it is not there
    #[arg(long, env = "WATCHKEEPER_DATA_DIR", global = true, value_name = "DIRECTORY", default_value = "./data", value_parser = Setting(parse_directory))]
    pub data_dir: PathBuf,

    /// Secret that access tokens are signed with, at least 32 bytes; shared by all nodes on one database. By default it is
    /// made once and kept in the data directory
    #[arg(long, env = "WATCHKEEPER_JWT_SECRET", global = true, value_name = "SECRET", hide_env_values = true, value_parser = Setting(parse_jwt_secret))]
    pub jwt_secret: Option<SecretString>,

    /// Networks in private or special ranges that may be monitored: comma-separated CIDRs, or `all`. By default none
    #[arg(long, env = "WATCHKEEPER_ALLOW_TARGETS", global = true, value_name = "CIDRS", default_value = "", hide_default_value = true, value_parser = Setting(network::parse_guard))]
    pub allow_targets: AddressGuard,

    /// Who may sign up: `open`, `first-user` or `closed`
    #[arg(long, env = "WATCHKEEPER_SIGNUP", global = true, value_name = "POLICY", default_value = "open", value_parser = Setting(parse_sign_up))]
    pub signup: SignUpPolicy,

    /// Where people reach the dashboard, such as `https://watch.example.org`; with https, cookies are only sent over it
    #[arg(long, env = "WATCHKEEPER_PUBLIC_URL", global = true, value_name = "URL", value_parser = Setting(network::parse_public_url))]
    pub public_url: Option<Url>,

    /// Proxies whose forwarding headers are believed: comma-separated CIDRs. By default none
    #[arg(long, env = "WATCHKEEPER_TRUSTED_PROXIES", global = true, value_name = "CIDRS", default_value = "", hide_default_value = true, value_parser = Setting(Networks::parse))]
    pub trusted_proxies: Networks,

    /// How many probes this node makes at once
    #[arg(long, env = "WATCHKEEPER_WORKERS", global = true, value_name = "COUNT", default_value = "512", value_parser = Setting(parse_workers))]
    pub workers: u32,

    /// The shortest interval that a monitor may have, in seconds (1 to 3600)
    #[arg(long, env = "WATCHKEEPER_MIN_INTERVAL_SECONDS", global = true, value_name = "SECONDS", default_value = "5", value_parser = Setting(parse_min_interval))]
    pub min_interval_seconds: Interval,

    /// How many monitors a workspace may have
    #[arg(long, env = "WATCHKEEPER_MAX_MONITORS", global = true, value_name = "COUNT", default_value = "10000", value_parser = Setting(parse_max_monitors))]
    pub max_monitors: u32,

    /// For how many days checks are kept whole: with the time of each phase, and evidence where they failed
    #[arg(long, env = "WATCHKEEPER_RAW_DAYS", global = true, value_name = "DAYS", default_value = "7", value_parser = Setting(parse_days))]
    pub raw_days: u32,

    /// For how many days checks are kept at all: packed, with result and latency
    #[arg(long, env = "WATCHKEEPER_PACKED_DAYS", global = true, value_name = "DAYS", default_value = "400", value_parser = Setting(parse_days))]
    pub packed_days: u32,

    /// For how many days the sums of checks are kept: results and latencies of each hour
    #[arg(long, env = "WATCHKEEPER_ROLLUP_DAYS", global = true, value_name = "DAYS", default_value = "1830", value_parser = Setting(parse_days))]
    pub rollup_days: u32,

    /// Addresses that tell whether this node itself has a network: comma-separated host:port. By default none
    #[arg(long, env = "WATCHKEEPER_NETWORK_CHECKS", global = true, value_name = "HOST:PORT", default_value = "", hide_default_value = true, value_parser = Setting(HostPorts::parse))]
    pub network_checks: HostPorts,

    /// What is logged: a level, or a filter such as info,watchkeeper=debug
    #[arg(long, env = "WATCHKEEPER_LOG", global = true, value_name = "FILTER", default_value = "info", value_parser = Setting(parse_log))]
    pub log: String,

    /// How the log is written
    #[arg(long, env = "WATCHKEEPER_LOG_FORMAT", global = true, value_name = "FORMAT", default_value = "text", value_parser = Setting(parse_log_format))]
    pub log_format: LogFormat,

    /// OpenTelemetry collector that traces are sent to as OTLP over HTTP, such as `http://127.0.0.1:4318`. By default none
    #[arg(long, env = "WATCHKEEPER_OTLP_ENDPOINT", global = true, value_name = "URL", value_parser = Setting(network::parse_otlp_endpoint))]
    pub otlp_endpoint: Option<Url>,

    /// The share of checks that are traced, from 0 to 1; requests and the engine's steps are traced all
    #[arg(long, env = "WATCHKEEPER_OTLP_SAMPLE", global = true, value_name = "RATIO", default_value = "0.001", value_parser = Setting(parse_ratio))]
    pub otlp_sample: f64,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A line of JSON.
    Json,
}

impl Config {
    /// Reads the configuration from command-line arguments (the first being the program's name) and the environment.
    ///
    /// # Errors
    /// What is to be printed instead of going on: help, the version, or one line that names a value that cannot be right.
    pub fn read(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        Self::command()
            .try_get_matches_from(args)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(one_line)?
            .agreeing()
    }

    /// Itself, where its settings agree with each other.
    fn agreeing(self) -> Result<Self, clap::Error> {
        match self.settings.checked_retention() {
            Ok(_) => Ok(self),
            Err(invalid) => {
                let command = Self::command();
                let argument = command.get_arguments().find(|argument| argument.get_id() == invalid.field);
                Err(setting::refused(argument, &invalid.message))
            }
        }
    }

    /// What to do.
    pub fn subcommand(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve { no_engine: false })
    }
}

impl Settings {
    fn checked_retention(&self) -> Result<Retention, Invalid> {
        Retention::new(self.raw_days, self.packed_days, self.rollup_days)
    }

    /// For how long what is kept.
    pub fn retention(&self) -> Retention {
        self.checked_retention().unwrap_or_default()
    }

    /// Where to store: what was named, or a file in the data directory.
    pub fn database(&self) -> Database {
        self.database_url.clone().unwrap_or_else(|| Database::Sqlite { file: self.data_dir.join("watchkeeper.db") })
    }
}

/// Brings a flag without its value into one line that names it as well; other errors stay as they are.
fn one_line(error: clap::Error) -> clap::Error {
    let (ErrorKind::InvalidValue, Some(ContextValue::String(shown))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return error;
    };
    let flag = shown.split_whitespace().next().unwrap_or(shown);
    let command = Config::command();
    let argument = command.get_arguments().find(|argument| argument.get_long() == flag.strip_prefix("--"));
    setting::refused(argument, &"a value is missing")
}

fn parse_directory(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("a directory has a name".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is no address and port such as 127.0.0.1:8080 or [::]:8080"))
}

fn parse_jwt_secret(text: &str) -> Result<SecretString, String> {
    match text.len() {
        MIN_JWT_SECRET_BYTES.. => Ok(SecretString::from(text)),
        length => Err(format!("the secret must have at least {MIN_JWT_SECRET_BYTES} bytes, this one has {length}")),
    }
}

fn parse_sign_up(text: &str) -> Result<SignUpPolicy, String> {
    match text {
        "open" => Ok(SignUpPolicy::Open),
        "first-user" => Ok(SignUpPolicy::FirstUser),
        "closed" => Ok(SignUpPolicy::Closed),
        _ => Err(format!("{text:?} is none of open, first-user, closed")),
    }
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    LogFormat::from_str(text, false).map_err(|_| format!("{text:?} is neither text nor json"))
}

fn parse_log(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| format!("{text:?} is no log filter: {error}"))
}

fn parse_workers(text: &str) -> Result<u32, String> {
    parse_count(text, MAX_WORKERS)
}

fn parse_max_monitors(text: &str) -> Result<u32, String> {
    parse_count(text, MAX_MAX_MONITORS)
}

fn parse_days(text: &str) -> Result<u32, String> {
    parse_count(text, Retention::MAX_DAYS)
}

fn parse_min_interval(text: &str) -> Result<Interval, String> {
    let seconds = parse_count(text, MAX_MIN_INTERVAL_SECONDS)?;
    Interval::from_secs(seconds).ok_or_else(|| format!("{text:?} is no interval"))
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("{text:?} is no number from 0 to 1"))
}

fn parse_count(text: &str, most: u32) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("{text:?} is no whole number from 1 to {most}"))
}

#[cfg(test)]
mod tests;
