use secrecy::ExposeSecret;

use super::*;

fn read(args: &[&str]) -> Result<Config, clap::Error> {
    Config::read(["watchkeeper"].iter().chain(args).copied())
}

fn line(args: &[&str]) -> String {
    let error = read(args).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn serving_with_the_engine_is_the_default() {
    assert_eq!(read(&[]).unwrap().subcommand(), Command::Serve { no_engine: false });
    assert_eq!(read(&["serve", "--no-engine"]).unwrap().subcommand(), Command::Serve { no_engine: true });
    assert_eq!(read(&["tick"]).unwrap().subcommand(), Command::Tick);
}

#[test]
fn a_backup_names_its_file_and_leaves_others_alone_unless_told() {
    let (file, command) = ("a.backup", |args: &[&str]| read(args).unwrap().subcommand());
    assert_eq!(command(&["backup", file]), Command::Backup { file: file.into(), overwrite: false });
    assert_eq!(command(&["backup", "--overwrite", "-"]), Command::Backup { file: "-".into(), overwrite: true });
    assert_eq!(command(&["restore", file]), Command::Restore { file: file.into(), verify: false });
    assert_eq!(command(&["restore", "--verify", file]), Command::Restore { file: file.into(), verify: true });
    assert_eq!(read(&["backup"]).unwrap_err().exit_code(), 2);
}

#[test]
fn flags_stand_before_or_after_the_command() {
    for args in [["--workers", "7", "work"], ["work", "--workers", "7"]] {
        assert_eq!(read(&args).unwrap().settings.workers, 7);
    }
}

fn settings() -> Vec<clap::Arg> {
    let is_setting = |argument: &&clap::Arg| !matches!(argument.get_id().as_str(), "help" | "version");
    Config::command().get_arguments().filter(is_setting).cloned().collect()
}

#[test]
fn every_setting_has_a_variable() {
    for argument in settings() {
        let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        assert!(variable == "DATABASE_URL" || variable.starts_with("WATCHKEEPER_"), "{}", argument.get_id());
    }
}

#[test]
fn a_value_that_cannot_be_right_is_refused_in_one_line_that_names_it() {
    for (flag, value, variable) in [
        ("--listen", "8080", "WATCHKEEPER_LISTEN"),
        ("--database-url", "mysql://localhost/x", "DATABASE_URL"),
        ("--database-url", "data.db", "DATABASE_URL"),
        ("--database-url", "sqlite::memory:", "DATABASE_URL"),
        ("--database-url", "postgres://", "DATABASE_URL"),
        ("--data-dir", "", "WATCHKEEPER_DATA_DIR"),
        ("--jwt-secret", "short", "WATCHKEEPER_JWT_SECRET"),
        ("--allow-targets", "10.0.0.0/33", "WATCHKEEPER_ALLOW_TARGETS"),
        ("--allow-targets", "10.0.0.0/8,", "WATCHKEEPER_ALLOW_TARGETS"),
        ("--signup", "nobody", "WATCHKEEPER_SIGNUP"),
        ("--public-url", "watch.example.org", "WATCHKEEPER_PUBLIC_URL"),
        ("--public-url", "https://example.org/watch", "WATCHKEEPER_PUBLIC_URL"),
        ("--trusted-proxies", "proxy", "WATCHKEEPER_TRUSTED_PROXIES"),
        ("--workers", "0", "WATCHKEEPER_WORKERS"),
        ("--min-interval-seconds", "3601", "WATCHKEEPER_MIN_INTERVAL_SECONDS"),
        ("--raw-days", "0", "WATCHKEEPER_RAW_DAYS"),
        ("--packed-days", "3", "WATCHKEEPER_PACKED_DAYS"),
        ("--rollup-days", "399", "WATCHKEEPER_ROLLUP_DAYS"),
        ("--rollup-days", "36526", "WATCHKEEPER_ROLLUP_DAYS"),
        ("--min-interval-seconds", "0", "WATCHKEEPER_MIN_INTERVAL_SECONDS"),
        ("--max-monitors", "-1", "WATCHKEEPER_MAX_MONITORS"),
        ("--network-checks", "1.1.1.1", "WATCHKEEPER_NETWORK_CHECKS"),
        ("--network-checks", "::1:53", "WATCHKEEPER_NETWORK_CHECKS"),
        ("--log", "watchkeeper=loud", "WATCHKEEPER_LOG"),
        ("--log", "watchkeeper=\nloud", "WATCHKEEPER_LOG"),
        ("--log-format", "xml", "WATCHKEEPER_LOG_FORMAT"),
    ] {
        let line = line(&[&format!("{flag}={value}")]);
        assert!(line.starts_with(&format!("error: {variable} ({flag}): ")), "{line}");
        assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    }
}

#[test]
fn a_flag_without_its_value_is_named_in_one_line() {
    assert_eq!(line(&["--listen"]), "error: WATCHKEEPER_LISTEN (--listen): a value is missing\n");
}

#[cfg(unix)]
#[test]
fn what_is_no_utf_8_is_refused_in_one_line_that_names_it() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    let value = OsStr::from_bytes(b"/data/\xff");
    for argument in settings() {
        let mut flag = OsString::from(format!("--{}=", argument.get_long().unwrap()));
        flag.push(value);
        let error = Config::read([OsString::from("watchkeeper"), flag]).unwrap_err().to_string();
        let variable = argument.get_env().unwrap().to_str().unwrap();
        assert!(error.starts_with(&format!("error: {variable} (")), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
}

#[test]
fn a_secret_is_never_told() {
    let config =
        read(&["--jwt-secret", &"s3cret".repeat(8), "--database-url", "postgres://u:s3cret@localhost/x"]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!line(&["--jwt-secret", "s3cret"]).contains("s3cret"));
    assert!(!line(&["--database-url", "mysql://u:s3cret@localhost/x"]).contains("s3cret"));
}

#[test]
fn a_database_is_a_file_or_a_server() {
    for (url, file) in [
        ("sqlite://data/watchkeeper.db", "data/watchkeeper.db"),
        ("sqlite:///var/lib/watchkeeper.db", "/var/lib/watchkeeper.db"),
        ("sqlite:watchkeeper.db?mode=rwc", "watchkeeper.db"),
    ] {
        let Database::Sqlite { file: parsed } = Database::parse(url).unwrap() else { panic!("{url}") };
        assert_eq!(parsed, PathBuf::from(file));
    }
    let Database::Postgres { url } = Database::parse("postgres://u:p@localhost/x").unwrap() else {
        panic!("no server")
    };
    assert_eq!(url.expose_secret(), "postgres://u:p@localhost/x");
}

#[test]
fn lists_may_be_empty_and_take_bare_addresses() {
    assert_eq!(Networks::parse(" ").unwrap(), Networks::default());
    let networks = Networks::parse("10.0.0.0/8, ::1").unwrap();
    assert_eq!(networks.0, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    let hosts = HostPorts::parse("one.one.one.one:443,[2606:4700::1111]:53").unwrap();
    assert_eq!(hosts.0[1], HostPort { host: "2606:4700::1111".into(), port: 53 });
}

#[test]
fn all_special_ranges_can_be_allowed_at_once() {
    let guard = network::parse_guard("all").unwrap();
    assert!(guard.permits("127.0.0.1".parse().unwrap()));
}
