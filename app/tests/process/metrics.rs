//! What the program counts, as Prometheus reads it, and the dashboard and alerts that are made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reqwest::Client;
use serde_json::Value;

use crate::client::User;
use crate::database::{Place, on_both};
use crate::eventually;
use crate::target::Target;

/// Labels that Prometheus itself gives to what it scrapes.
const OF_THE_SCRAPE: [&str; 2] = ["instance", "job"];

/// What a node shows: its samples as they stand there, by name and labels.
pub(crate) struct Shown(BTreeMap<String, f64>);

impl Shown {
    pub(crate) async fn at(url: &str) -> Self {
        let text = Client::new().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).map(sample).collect())
    }

    /// The sum of all series of this name that have this in their labels.
    pub(crate) fn sum(&self, name: &str, part: &str) -> f64 {
        let is_it = |series: &str| series.split('{').next() == Some(name) && series.contains(part);
        self.0.iter().filter(|(series, _)| is_it(series)).map(|(_, value)| value).sum()
    }

    /// The names, each with the names of its labels.
    fn names(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for series in self.0.keys() {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            names.entry(name).or_default().extend(labels);
        }
        names
    }
}

on_both! {
    what_is_shown_moves_with_what_is_done;
    every_name_of_the_dashboard_and_the_alerts_is_shown;
}

async fn what_is_shown_moves_with_what_is_done(place: Place) {
    let target = Target::start().await;
    let (program, url) = place.setup().with("WATCHKEEPER_WORKERS", "7").serve().await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), 1).await;
    user.sees(&monitor, "UP").await;
    target.answer(500);
    user.sees(&monitor, "DOWN").await;
    let told_and_tidied = async || {
        let shown = Shown::at(&url).await;
        let is_told = shown.sum("watchkeeper_deliveries_total", r#"outcome="delivered""#) >= 1.0;
        let is_tidied = shown.sum("watchkeeper_store_call_duration_seconds_count", r#"call="tidy""#) >= 1.0;
        (is_told && is_tidied).then_some(shown)
    };
    let shown = eventually("the notice is delivered, and the janitor has come by", told_and_tidied).await;

    let at_least_one = [
        ("watchkeeper_checks_total", r#"origin="scheduled",verdict="up""#),
        ("watchkeeper_checks_total", r#"verdict="down""#),
        ("watchkeeper_claims_total", ""),
        ("watchkeeper_check_lateness_seconds_count", ""),
        ("watchkeeper_record_batch_size_count", ""),
        ("watchkeeper_store_call_duration_seconds_count", r#"call="claim""#),
        ("watchkeeper_store_call_duration_seconds_count", r#"call="record""#),
        ("watchkeeper_store_call_duration_seconds_count", r#"call="claim_notices""#),
        ("watchkeeper_store_call_duration_seconds_count", r#"call="record_deliveries""#),
        ("watchkeeper_store_connections", ""),
        ("watchkeeper_store_size_bytes", ""),
        ("watchkeeper_build_info", r#"version=""#),
        ("http_requests_total", r#"operation="createMonitor",method="POST",status="201""#),
        ("http_request_duration_seconds_count", r#"operation="createMonitor""#),
        ("process_resident_memory_bytes", ""),
        ("process_open_fds", ""),
    ];
    for (name, part) in at_least_one {
        assert!(shown.sum(name, part) >= 1.0, "{name} {part}: {:#?}", shown.0);
    }
    assert_eq!(shown.sum("watchkeeper_workers", ""), 7.0);
    assert!(shown.sum("watchkeeper_claims_held_limit", "") >= 7.0);
    assert!(shown.sum("watchkeeper_results_kept_limit", "") >= shown.sum("watchkeeper_results_kept", ""));
    for nothing in
        ["watchkeeper_store_errors_total", "watchkeeper_results_dropped_total", "watchkeeper_network_cut_off"]
    {
        assert_eq!(shown.sum(nothing, ""), 0.0, "{nothing}");
    }
    for series in shown.0.keys() {
        assert!(
            !series.contains(&monitor) && !series.contains("127.0.0.1"),
            "no label names what is watched: {series}"
        );
    }
    assert_eq!(program.terminate().await.code(), Some(0));
}

async fn every_name_of_the_dashboard_and_the_alerts_is_shown(place: Place) {
    let (program, url) = place.setup().serve().await;
    // What is counted by operation is there once there was one.
    User::sign_up(&url).await;
    let shown = Shown::at(&url).await;
    let names = shown.names();
    let expressions = [of_the_dashboard(), of_the_alerts()].concat();
    assert!(expressions.len() > 40, "{expressions:?}");
    for expression in &expressions {
        let used = metrics_in(expression);
        assert!(!used.is_empty(), "{expression}");
        let labels = used.iter().flat_map(|name| {
            names.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not shown, but asked for: {expression}"))
        });
        let labels: BTreeSet<&str> = labels.copied().chain(OF_THE_SCRAPE).collect();
        for label in labels_in(expression) {
            assert!(labels.contains(label.as_str()), "{label} is no label of {used:?}: {expression}");
        }
    }
    assert_eq!(program.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_only_works_answers_operators_where_it_is_told_to() {
    let (place, target) = (Place::for_postgres().await, Target::start().await);
    let setup = place.setup().with("WATCHKEEPER_METRICS_LISTEN", "127.0.0.1:0");
    let mut worker = setup.start(&["work"]);
    let asked = worker.url_for_operators().await;
    worker.ready(&asked).await;
    // Nobody else watches, so that what is checked is checked there.
    let mut server = setup.start(&["serve", "--no-engine"]);
    let (url, beside) = (server.url().await, server.url_for_operators().await);
    server.ready(&url).await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), 1).await;
    user.sees(&monitor, "UP").await;
    let counted = async || (Shown::at(&asked).await.sum("watchkeeper_checks_total", "") >= 1.0).then_some(());
    eventually("the worker counts its checks", counted).await;
    let status_of = async |url: &str| Client::new().get(url).send().await.unwrap().status().as_u16();
    assert_eq!(Shown::at(&beside).await.sum("watchkeeper_checks_total", ""), 0.0, "this one checks nothing");
    assert!(Shown::at(&asked).await.sum("process_open_fds", "") >= 1.0);
    for operators in [&asked, &beside] {
        assert_eq!(status_of(&format!("{operators}/healthz")).await, 200);
        for path in ["/", "/api/v1/monitors", "/docs"] {
            assert_eq!(status_of(&format!("{operators}{path}")).await, 404, "{path}");
        }
    }
    assert_eq!(status_of(&format!("{url}/metrics")).await, 200);
    assert_eq!(server.terminate().await.code(), Some(0));
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[test]
fn every_alert_says_what_to_do_under_a_heading_of_its_own() {
    let (alerts, manual) = (deploy("alerts.yaml"), read("../docs/operations.md"));
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    assert_eq!(alerts.matches("summary: ").count(), names.len());
    for name in names {
        assert!(
            manual.lines().any(|line| line == format!("### {name}")),
            "docs/operations.md has no heading for {name}"
        );
        let link = format!("See docs/operations.md#{}\"", name.to_lowercase());
        assert_eq!(alerts.matches(&link).count(), 1, "{name} links to its heading");
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_to_stay_silent() {
    let (alerts, tests) = (deploy("alerts.yaml"), deploy("alerts-test.yaml"));
    for name in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let fires = format!("        alertname: {name}\n        exp_alerts:\n");
        let is_silent = tests.lines().any(|line| line.trim().ends_with(&format!(", alertname: {name}}}")));
        assert!(tests.contains(&fires), "no test in which {name} fires");
        assert!(is_silent, "no test in which {name} stays silent");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn deploy(file: &str) -> String {
    read(&format!("../deploy/{file}"))
}

/// What the panels of the dashboard ask for. Each is in a row, says what it shows, and has a unit.
fn of_the_dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&deploy("grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let mut expressions = Vec::new();
    for panel in panels {
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        assert!(is_text(&panel["title"]) && is_text(&panel["description"]), "{panel}");
        assert!(is_text(&panel["fieldConfig"]["defaults"]["unit"]), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{panel}");
            expressions.push(target["expr"].as_str().unwrap().replace("[$__rate_interval]", "[5m]"));
        }
    }
    expressions
}

/// What the alerts ask for: an `expr` on a line of its own, or folded over the deeper ones that follow.
fn of_the_alerts() -> Vec<String> {
    let text = deploy("alerts.yaml");
    let mut expressions = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("        expr: ") else { continue };
        let mut expression = rest.trim_start_matches(">-").to_owned();
        while let Some(folded) = lines.next_if(|line| line.starts_with("          ")) {
            expression = format!("{expression} {}", folded.trim());
        }
        expressions.push(expression);
    }
    expressions
}

/// The names of metrics in an expression.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_metric = |word: &&str| ["watchkeeper_", "process_", "http_"].iter().any(|prefix| word.starts_with(prefix));
    words.filter(is_metric).map(str::to_owned).collect()
}

/// The names of labels in an expression: those that are matched, and those that are grouped by.
fn labels_in(expression: &str) -> BTreeSet<String> {
    let between = |open: &str, close: char| -> Vec<String> {
        let parts = expression.split(open).skip(1).filter_map(|rest| rest.split_once(close));
        parts.map(|(inside, _)| inside.to_owned()).collect()
    };
    let matched = between("{", '}').into_iter().flat_map(|inside| {
        let names = inside.split(',').filter_map(|matcher| matcher.split(['=', '!']).next().map(str::to_owned));
        names.collect::<Vec<_>>()
    });
    let grouped = ["by (", "on (", "ignoring ("].into_iter().flat_map(|open| between(open, ')')).flat_map(|inside| {
        let names = inside.split(',').map(|name| name.trim().to_owned());
        names.collect::<Vec<_>>()
    });
    matched.chain(grouped).collect()
}
