//! Machines whose clocks are wrong, and are set while nodes run.

use std::path::{Path, PathBuf};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use watchkeeper_testdb::Database;

use super::scene::Failure;
use super::{Node, Scene, Watched};
use crate::eventually;
use crate::program::{Program, Setup};

/// Where distributions put the library that shows a program another time (the one for programs with threads).
const PLACES: [&str; 3] =
    ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib64/faketime"];
const LIBRARY: &str = "libfaketimeMT.so.1";

/// So seldom that a slot which a busy machine starts late is late and not missed.
const INTERVAL_SECONDS: u32 = 3;

/// By how much the clock leaps, less the slots that are just being checked.
const LEAP_SECONDS: u64 = 55;

/// The clock of a machine, as far as a program sees it. The monotonic clock is left alone: nobody can set that.
struct MachineClock {
    library: PathBuf,
    directory: TempDir,
}

impl MachineClock {
    /// A clock that is off by so much, such as `+3h`.
    fn off_by(offset: &str) -> Self {
        let library = PLACES.iter().map(|place| Path::new(place).join(LIBRARY)).find(|library| library.is_file());
        let Some(library) = library else {
            panic!("libfaketime is not on this machine: install it (Debian: apt-get install faketime)")
        };
        let clock = Self { library, directory: tempfile::tempdir().unwrap() };
        clock.set(offset);
        clock
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }

    /// Sets it, also for programs that run. The file is put in its place whole.
    fn set(&self, offset: &str) {
        let aside = self.directory.path().join("aside");
        std::fs::write(&aside, format!("{offset}\n")).unwrap();
        std::fs::rename(aside, self.file()).unwrap();
    }

    fn of(&self, setup: &Setup) -> Setup {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        setup
            .clone()
            .with("LD_PRELOAD", &path(&self.library))
            .with("FAKETIME_TIMESTAMP_FILE", &path(&self.file()))
            .with("FAKETIME_NO_CACHE", "1")
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

/// The date and hour at which a program has logged its newest line, by the clock that it sees.
fn newest_hour(program: &Program) -> String {
    program.logged().last().unwrap().chars().take("2026-01-01T00".len()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_clocks_are_hours_apart_and_are_set_while_they_run_miss_no_slot() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
    let setup = Setup::on(data.path(), database.url());
    let (fast, slow) = (MachineClock::off_by("+3h"), MachineClock::off_by("-26h"));
    let (serving, working) = (Node::serving(&fast.of(&setup)).await, Node::working(&slow.of(&setup)).await);
    working.program.logs("watching").await;
    let true_hour = hour_of(&database).await;
    assert_ne!(newest_hour(&serving.program), newest_hour(&working.program));
    assert!(newest_hour(&working.program) < true_hour && true_hour < newest_hour(&serving.program));
    let watched = Watched { interval_seconds: INTERVAL_SECONDS, ..Watched::default() };
    let mut scene = Scene::open_with(&[&serving, &working], watched).await;
    scene.is_owed_a_notice(&[&serving, &working]).await;
    let failure = Failure::begins("clocks of two nodes apart by 29 h, and set while they ran");
    scene.a_target_goes_down();
    fast.set("-30h");
    scene.checks_go_on().await;
    slow.set("+1000h");
    scene.checks_go_on().await;
    scene.comes_back_after(failure.ends()).await;
    assert_eq!(scene.slots_that_are("missed").await, 0);
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let strange = "SELECT count(*) FROM checks
                    WHERE slot NOT BETWEEN now() - interval '10 minutes' AND now()
                       OR checked_at NOT BETWEEN now() - interval '10 minutes' AND now()";
    let strange: i64 = sqlx::query_scalar(strange).fetch_one(&mut connection).await.unwrap();
    assert_eq!(strange, 0, "every check has the database's time");
    working.ends().await;
    serving.ends().await;
}

/// The hour in which the database is.
async fn hour_of(database: &Database) -> String {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let hour = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')";
    sqlx::query_scalar(hour).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_clock_that_leaps_leaves_missed_slots_and_one_that_falls_back_is_waited_for() {
    let (data, clock) = (tempfile::tempdir().unwrap(), MachineClock::off_by("+0"));
    let node = Node::serving(&clock.of(&Setup::on_sqlite(data.path()))).await;
    let mut scene = Scene::open(&[&node]).await;
    scene.is_owed_a_notice(&[&node]).await;
    let failure = Failure::begins("the clock of a node on SQLite set by a minute, and back by five seconds");
    scene.a_target_goes_down();
    clock.set("+60");
    let missed = async || (scene.slots_that_are("missed").await >= LEAP_SECONDS * 20).then_some(());
    eventually("what was leapt over is missed", missed).await;
    // Twice all of them is more than was claimed before the leap: whoever claims has seen it.
    scene.checks_go_on().await;
    scene.checks_go_on().await;
    clock.set("+55");
    node.program.logs("the clock has fallen back; checking waits until it has caught up").await;
    node.program.logs("the clock has caught up; checking goes on").await;
    scene.comes_back_after(failure.ends()).await;
    node.ends().await;
}
