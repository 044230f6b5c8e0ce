//! What the process itself takes of the machine, under the names that Prometheus gives it everywhere. It is read from
//! `/proc` when somebody asks; where there is none, nothing is shown.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Registers what the process takes, and which version of the program it is.
pub fn register(registry: &mut Registry) {
    registry.register(
        "watchkeeper_build",
        "The version of this program",
        Info::new([("version", env!("CARGO_PKG_VERSION"))]),
    );
    registry.register_collector(Box::new(Process));
}

#[derive(Debug)]
struct Process;

/// What `/proc` says of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Usage {
    started_at_seconds: f64,
    cpu_seconds: f64,
    resident_bytes: u64,
    open_files: u64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Some(usage) = Usage::read() else { return Ok(()) };
        let started_at = ConstGauge::new(usage.started_at_seconds);
        let resident = ConstGauge::new(usage.resident_bytes);
        let open_files = ConstGauge::new(usage.open_files);
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let mut show = |name: &str, help: &str, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        show("process_start_time_seconds", "When the process started, in seconds since 1970.", &started_at)?;
        show("process_cpu_seconds", "Processor time that the process has taken.", &cpu)?;
        show("process_resident_memory_bytes", "Memory that the process holds.", &resident)?;
        show("process_open_fds", "Files and connections that are open.", &open_files)?;
        if let Some(most) = most_open_files() {
            show("process_max_fds", "Files and connections that may be open.", &ConstGauge::new(most))?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
impl Usage {
    fn read() -> Option<Self> {
        let (stat, booted) = (fs::read_to_string("/proc/self/stat").ok()?, fs::read_to_string("/proc/stat").ok()?);
        let (ticks, page) = (rustix::param::clock_ticks_per_second(), rustix::param::page_size());
        // The directory that is being read is open itself.
        let open_files = (fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1);
        Self::of(&stat, &booted, ticks, page as u64, open_files)
    }

    /// Reads the fields of proc(5).
    fn of(stat: &str, booted: &str, ticks: u64, page_bytes: u64, open_files: u64) -> Option<Self> {
        // The second field is the program's name in parentheses, in which there may be anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let seconds = |number: usize| Some(field(number)? as f64 / ticks as f64);
        let booted_at: u64 = booted.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(Self {
            started_at_seconds: booted_at as f64 + seconds(22)?,
            cpu_seconds: seconds(14)? + seconds(15)?,
            resident_bytes: field(24)? * page_bytes,
            open_files,
        })
    }
}

#[cfg(target_os = "linux")]
fn most_open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(target_os = "linux"))]
impl Usage {
    fn read() -> Option<Self> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
fn most_open_files() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_name_with_parentheses_moves_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 4 0 1000 9999 42 1 2";
        let usage = Usage::of(stat, "cpu 1 2\nbtime 1700000000\n", 100, 4096, 9).unwrap();
        let expected =
            Usage { started_at_seconds: 1_700_000_010.0, cpu_seconds: 4.0, resident_bytes: 42 * 4096, open_files: 9 };
        assert_eq!(usage, expected);
    }

    #[test]
    fn this_process_holds_memory_and_files() {
        let usage = Usage::read().unwrap();
        assert!(usage.resident_bytes > 0 && usage.open_files >= 3, "{usage:?}");
        let mut registry = Registry::default();
        register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for name in ["process_cpu_seconds_total", "process_start_time_seconds", "watchkeeper_build_info{version="] {
            assert!(text.contains(name), "{name}: {text}");
        }
    }
}
