//! The program, started for one test.

use std::io::{PipeReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::console::Console;
use crate::eventually;

/// How much a pipe holds that nobody reads (pipe(7)).
const PIPE_BYTES: usize = 65_536;

/// A pipe that takes nothing more, and its end that nobody reads.
pub(crate) fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'\n'; PIPE_BYTES]).unwrap();
    (reader, Stdio::from(writer))
}

/// Names another program in place of the one that was built with the tests, and one of before it, which is to be replaced by it:
/// `scripts/rehearse-upgrade.sh` sets both.
const LATER: &str = "WATCHKEEPER_LATER_BIN";
const EARLIER: &str = "WATCHKEEPER_EARLIER_BIN";

/// The program that a variable names, or the one that was built with the tests.
fn program(named_by: &str) -> PathBuf {
    std::env::var_os(named_by).map_or_else(|| env!("CARGO_BIN_EXE_watchkeeper").into(), PathBuf::from)
}

/// How it is started: a data directory and a database that outlive the process.
#[derive(Clone)]
pub(crate) struct Setup {
    program: PathBuf,
    data: PathBuf,
    variables: Vec<(String, String)>,
    /// The program that starts it, with its arguments; `None` where it is started as it is.
    within: Option<(PathBuf, Vec<String>)>,
}

impl Setup {
    /// On an SQLite file in the directory. Targets on this machine may be watched, every second.
    pub(crate) fn on_sqlite(data: &Path) -> Self {
        let own = [
            ("WATCHKEEPER_LISTEN", "127.0.0.1:0"),
            ("WATCHKEEPER_ALLOW_TARGETS", "127.0.0.0/8"),
            ("WATCHKEEPER_MIN_INTERVAL_SECONDS", "1"),
        ];
        let variables = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { program: program(LATER), data: data.to_owned(), variables, within: None }
    }

    /// The same with the program of before.
    pub(crate) fn earlier(&self) -> Self {
        Self { program: program(EARLIER), ..self.clone() }
    }

    /// On this database.
    pub(crate) fn on(data: &Path, database_url: &str) -> Self {
        Self::on_sqlite(data).with("DATABASE_URL", database_url)
    }

    /// With this variable as well.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Started by another program, which puts it in its own place (execve(2)) and gets its command line as last arguments.
    pub(crate) fn within(mut self, program: &Path, arguments: &[&str]) -> Self {
        self.within = Some((program.to_owned(), arguments.iter().map(|&argument| argument.to_owned()).collect()));
        self
    }

    /// The database that was named last.
    pub(crate) fn database_url(&self) -> &str {
        let named = self.variables.iter().rev().find(|(name, _)| name == "DATABASE_URL");
        named.map_or("", |(_, url)| url)
    }

    /// Starts it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        self.start_onto(Stdio::piped(), arguments)
    }

    /// Starts it with this as its standard output.
    pub(crate) fn start_onto(&self, stdout: Stdio, arguments: &[&str]) -> Program {
        let mut child = self.command(arguments).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let console = child.stdout.take().map(|stdout| Console::of(child.id().unwrap(), stdout));
        let logged = Gathered::of(child.stderr.take().unwrap());
        Program { child, console, logged }
    }

    /// Starts it and waits until it serves everything.
    pub(crate) async fn serve(&self) -> (Program, String) {
        let mut program = self.start(&["serve"]);
        let url = program.url().await;
        program.ready(&url).await;
        (program, url)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { status: output.status, printed: text(output.stdout), logged: text(output.stderr) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.within {
            None => Command::new(&self.program),
            Some((starter, arguments)) => {
                let mut command = Command::new(starter);
                command.args(arguments).arg(&self.program);
                command
            }
        };
        command.args(arguments).env_clear().env("WATCHKEEPER_DATA_DIR", &self.data).kill_on_drop(true);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What is left of a process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) printed: String,
    pub(crate) logged: String,
}

/// A running program. It is killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// Where its standard output is read; `None` where it was given another one.
    console: Option<Console>,
    logged: Gathered,
}

impl Program {
    /// Where it says that it listens.
    pub(crate) async fn url(&mut self) -> String {
        let line = self.prints("Watchkeeper listens on ").await;
        line.trim_start_matches("Watchkeeper listens on ").to_owned()
    }

    /// Where it says that it answers operators.
    pub(crate) async fn url_for_operators(&mut self) -> String {
        let line = self.prints("Operators are answered on ").await;
        line.trim_start_matches("Operators are answered on ").to_owned()
    }

    /// Waits until its store is there.
    pub(crate) async fn ready(&mut self, url: &str) {
        let client = reqwest::Client::new();
        let look = async || {
            let answer = client.get(format!("{url}/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        };
        eventually("the program is ready", look).await;
    }

    /// Waits for a line on its standard output that begins so.
    pub(crate) async fn prints(&mut self, beginning: &str) -> String {
        self.printed_where(beginning, |line| line.starts_with(beginning)).await
    }

    /// Waits for a line on its standard output.
    pub(crate) async fn printed_where(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let look = async || {
            if let Some(line) = self.printed().into_iter().find(|line| is_it(line)) {
                return Some(line);
            }
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "the program ended; it logged:\n{}", self.logged.all().join("\n"));
            None
        };
        eventually(&format!("a line is printed: {what}"), look).await
    }

    /// All lines of its standard output so far.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.console.as_ref().map(Console::printed).unwrap_or_default()
    }

    /// Where what it prints is read.
    pub(crate) fn console(&self) -> &Console {
        self.console.as_ref().unwrap()
    }

    /// All lines of its log so far.
    pub(crate) fn logged(&self) -> Vec<String> {
        self.logged.all()
    }

    /// Waits for a line of its log that has this in it.
    pub(crate) async fn logs(&self, part: &str) {
        let look = async || self.logged.all().iter().any(|line| line.contains(part)).then_some(());
        eventually(&format!("a line is logged: {part}"), look).await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Kills it as a power cut would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.end().await
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        eventually("the program ends", async || self.child.try_wait().unwrap()).await
    }
}

/// Lines so far.
#[derive(Clone, Default)]
pub(crate) struct Gathered(Arc<Mutex<Vec<String>>>);

impl Gathered {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let gathered = Self::default();
        let lines = gathered.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).lines();
            while let Ok(Some(line)) = stream.next_line().await {
                lines.add(line);
            }
        });
        gathered
    }

    pub(crate) fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
