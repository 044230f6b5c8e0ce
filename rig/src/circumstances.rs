//! Under which circumstances something was found: without them no figure says anything.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What is added to the commit of a tree that differs from it.
const CHANGED: &str = " with changes";

/// When, of what, and on what.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Circumstances {
    /// The day, in UTC.
    pub day: String,
    /// The version of the program.
    pub version: String,
    /// The last commit that changed more than documents; it says so where the tree differs from it.
    pub commit: String,
    /// Its cores and its memory.
    pub machine: String,
    /// The operating system.
    pub system: String,
    /// What the program was compiled with.
    pub compiler: String,
    /// The version of PostgreSQL.
    pub postgres: String,
    /// How many processes wanted to run in the minute before, on average: near zero on a quiet machine.
    pub load_before: f64,
}

impl Circumstances {
    /// Those of this moment, with a PostgreSQL of this version.
    pub fn now(postgres: String) -> Self {
        let changed = !says("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"]).is_empty();
        let commit = says("git", &["log", "-1", "--format=%h", "--", ".", ":!docs"]);
        Self {
            day: says("date", &["-u", "+%Y-%m-%d"]),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: if changed { commit + CHANGED } else { commit },
            machine: machine(),
            system: says("uname", &["-sr"]),
            compiler: says("rustc", &["--version"]).split(" (").next().unwrap_or_default().to_owned(),
            postgres,
            load_before: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }

    /// All that it was found on, in a line.
    pub fn of_machine(&self) -> String {
        format!("{}; {}; {}; PostgreSQL {}", self.machine, self.system, self.compiler, self.postgres)
    }
}

fn machine() -> String {
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let kb = memory.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}, {:.0} GB", model.trim_start_matches(['\t', ' ', ':']), kb / 1024.0 / 1024.0)
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// What a program says, in one line; nothing where there is no such program.
fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
