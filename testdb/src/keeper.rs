//! Something that runs beside the test process and ends with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A shell script that was started, said that it is ready, and now waits for its standard input to close. The script
/// has a process group of its own, so that an interrupt at the terminal does not end it before it has cleaned up.
pub(crate) struct Keeper {
    _script: Child,
}

impl Keeper {
    /// Starts a script and waits for its first line, which must be `ready`.
    pub(crate) fn start(script: &mut Command) -> Result<Self, String> {
        std::os::unix::process::CommandExt::process_group(script, 0);
        let piped = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/");
        let mut script = piped.spawn().map_err(|why| format!("no shell could be started: {why}"))?;
        let mut line = String::new();
        if let Some(said) = script.stdout.take() {
            BufReader::new(said).read_line(&mut line).map_err(|why| why.to_string())?;
        }
        if line.trim() == "ready" { Ok(Self { _script: script }) } else { Err(line.trim().to_owned()) }
    }
}
