//! A restore, rehearsed: what a backup of a store at work brings back, in either store, and that nothing is lost, doubled or
//! told twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use watchkeeper_testdb::Cluster;

use crate::client::User;
use crate::database::Place;
use crate::eventually;
use crate::program::{Program, Setup, full_pipe};
use crate::target::Target;

/// A second would be enough, were there not machines so busy that an answer takes longer: that would be an incident as well.
const INTERVAL_SECONDS: u32 = 3;

/// What is watched: a target that is well, one that is down and was told to be, and one that is down and nobody heard of it.
struct Scene {
    targets: [Target; 3],
    monitors: [String; 3],
}

impl Scene {
    fn well(&self) -> (&Target, &str) {
        (&self.targets[0], &self.monitors[0])
    }

    fn told(&self) -> (&Target, &str) {
        (&self.targets[1], &self.monitors[1])
    }

    fn owed(&self) -> (&Target, &str) {
        (&self.targets[2], &self.monitors[2])
    }
}

/// What the API says of all monitors, up to the newest check that the restored store has of each.
async fn answers(user: &User, scene: &Scene, until: &[String]) -> Vec<Value> {
    let mut answers = vec![user.get("/incidents").await];
    let incidents: Vec<String> =
        answers[0]["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(incidents.len(), 2);
    for (monitor, until) in scene.monitors.iter().zip(until) {
        let mut view = user.get(&format!("/monitors/{monitor}")).await;
        // These are about the present.
        for present in ["status", "status_since", "last_check", "uptime_24h"] {
            view.as_object_mut().unwrap().remove(present).unwrap();
        }
        answers.push(view);
        let checks = user.checks(monitor).await;
        let is_before = |check: &&Value| check["slot"].as_str().unwrap() <= until.as_str();
        answers.extend(checks.iter().filter(is_before).cloned());
        let from = checks.last().unwrap()["slot"].as_str().unwrap();
        answers.push(user.get(&format!("/monitors/{monitor}/uptime?from={from}&to={until}")).await);
        answers.push(user.get(&format!("/monitors/{monitor}/gaps?to={until}")).await);
    }
    answers
}

async fn serve_without_an_engine(place: &Place) -> (Program, String) {
    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    (program, url)
}

fn told_of(program: &Program, target: &Target, change: &str) -> usize {
    program.printed().iter().filter(|line| line.contains(target.url()) && line.contains(change)).count()
}

/// Lets a store live, and makes a backup of it while it is worked on.
async fn live_and_back_up(from: &Place) -> (Scene, User, PathBuf) {
    let targets = [Target::start().await, Target::start().await, Target::start().await];
    let (mut program, url) = from.setup().serve().await;
    let user = User::sign_up(&url).await;
    let mut monitors = Vec::new();
    for target in &targets {
        monitors.push(user.watch(target.url(), INTERVAL_SECONDS).await);
    }
    let scene = Scene { targets, monitors: monitors.try_into().unwrap() };
    for monitor in &scene.monitors {
        user.sees(monitor, "UP").await;
    }
    let (target, monitor) = scene.told();
    target.answer(503);
    user.sees(monitor, "DOWN").await;
    program.printed_where("the alert", |line| line.contains(target.url()) && line.contains("UP -> DOWN")).await;
    assert_eq!(program.terminate().await.code(), Some(0));

    // What is owed from here on nobody is told: the console takes nothing.
    let (_unread, console) = full_pipe();
    let program = from.setup().start_onto(console, &["work"]);
    scene.owed().0.answer(503);
    program.logs("a notice was not delivered").await;
    let file = from.data().join("backup");
    let made = from.setup().run(&["backup", file.to_str().unwrap()]).await;
    assert!(made.status.success(), "{}", made.logged);
    assert!(made.printed.starts_with("backed up "), "{}", made.printed);
    let asked = scene.well().0.asked();
    eventually("checks go on", async || (scene.well().0.asked() > asked + 1).then_some(())).await;
    program.kill().await;
    // Nobody checks for as long as it takes that every monitor has a slot that nobody can make up for.
    tokio::time::sleep(Duration::from_secs(2 * u64::from(INTERVAL_SECONDS))).await;
    (scene, user, file)
}

async fn what_was_backed_up_is_there_again(from: Place, to: Place) {
    let (scene, mut user, file) = live_and_back_up(&from).await;
    let restored = to.setup().run(&["restore", file.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{}", restored.logged);
    assert!(restored.printed.starts_with("restored "), "{}", restored.printed);

    let (program, url) = serve_without_an_engine(&to).await;
    let again = User::log_in(&url).await;
    let mut until = Vec::new();
    for monitor in &scene.monitors {
        until.push(again.checks(monitor).await[0]["slot"].as_str().unwrap().to_owned());
    }
    let after = answers(&again, &scene, &until).await;
    assert_eq!(program.terminate().await.code(), Some(0));
    let (program, url) = serve_without_an_engine(&from).await;
    let before = answers(&User::log_in(&url).await, &scene, &until).await;
    assert_eq!(after, before);
    assert_eq!(program.terminate().await.code(), Some(0));

    // Life goes on there: those who were logged in still are, and everything is accounted for.
    let (mut program, url) = to.setup().serve().await;
    user.refresh_at(&url).await;
    let (target, monitor) = scene.owed();
    program.printed_where("what was owed", |line| line.contains(target.url()) && line.contains("UP -> DOWN")).await;
    let (told, told_monitor) = scene.told();
    told.answer(200);
    user.sees(told_monitor, "UP").await;
    program.printed_where("the all-clear", |line| line.contains(told.url()) && line.contains("DOWN -> UP")).await;
    for (monitor, until) in scene.monitors.iter().zip(&until) {
        eventually("checks go on, and what lies between is missed", async || {
            let newest = user.checks(monitor).await[0]["slot"].as_str().unwrap().to_owned();
            (newest > *until && user.slots(monitor).await["missed"].as_u64()? > 0).then_some(())
        })
        .await;
        user.finds_every_slot_accounted_for(monitor).await;
    }
    assert_eq!(told_of(&program, target, "UP -> DOWN"), 1, "what was owed is told once");
    assert_eq!(told_of(&program, told, "UP -> DOWN"), 0, "what was told before is not told again");
    assert_eq!(told_of(&program, told, "DOWN -> UP"), 1);
    let incidents = user.get(&format!("/monitors/{monitor}/incidents")).await;
    assert_eq!(incidents["items"].as_array().unwrap().len(), 1, "no incident is there twice");

    assert_eq!(program.terminate().await.code(), Some(0));
    let over_it = to.setup().run(&["restore", file.to_str().unwrap()]).await;
    assert_eq!(over_it.status.code(), Some(1));
    assert!(over_it.logged.contains("the database is not empty"), "{}", over_it.logged);
    let (_program, url) = to.setup().serve().await;
    user.refresh_at(&url).await;
    user.finds_every_slot_accounted_for(monitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_sqlite_is_in_sqlite_again() {
    what_was_backed_up_is_there_again(Place::for_sqlite(), Place::for_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_sqlite_goes_on_in_postgres() {
    what_was_backed_up_is_there_again(Place::for_sqlite(), Place::for_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_postgres_goes_on_in_sqlite() {
    what_was_backed_up_is_there_again(Place::for_postgres().await, Place::for_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_postgres_is_in_postgres_again() {
    what_was_backed_up_is_there_again(Place::for_postgres().await, Place::for_postgres().await).await;
}

/// A store with somebody in it, at rest.
async fn with_somebody() -> Place {
    let place = Place::for_sqlite();
    let (program, url) = serve_without_an_engine(&place).await;
    User::sign_up(&url).await;
    assert_eq!(program.terminate().await.code(), Some(0));
    place
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_for_its_owner_alone_and_takes_no_other_files_place_unless_told_to() {
    let (place, elsewhere) = (with_somebody().await, tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("backup");
    let name = file.to_str().unwrap();
    fs::write(&file, "something else").unwrap();
    let refused = place.setup().run(&["backup", name]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.logged.contains("is there already") && refused.logged.contains("--overwrite"),
        "{}",
        refused.logged
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "something else");

    let made = place.setup().run(&["backup", "--overwrite", name]).await;
    assert!(made.status.success(), "{}", made.logged);
    assert_eq!(names_in(elsewhere.path()), ["backup"], "nothing is left aside");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_through_standard_output_is_whole() {
    let (place, elsewhere) = (with_somebody().await, tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("backup");
    let mut program = place.setup().start_onto(Stdio::from(fs::File::create(&file).unwrap()), &["backup", "-"]);
    assert_eq!(program.end().await.code(), Some(0));
    program.logs("backed up ").await;
    let verified = place.setup().run(&["restore", "--verify", file.to_str().unwrap()]).await;
    assert!(verified.status.success(), "{}", verified.logged);
    assert!(verified.printed.lines().any(|line| line.trim() == "1 users"), "{}", verified.printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_taken_from_a_standby_as_well() {
    let (data, primary, target) = (tempfile::tempdir().unwrap(), Cluster::start(&[]).await, Target::start().await);
    let (program, url) = Setup::on(data.path(), &primary.url()).serve().await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), INTERVAL_SECONDS).await;
    user.sees(&monitor, "UP").await;
    let standby = primary.asynchronous_replica().await;
    let (file, on_standby) = (data.path().join("backup"), Setup::on(data.path(), &standby.url()));
    let made = on_standby.run(&["backup", file.to_str().unwrap()]).await;
    assert!(made.status.success(), "{}", made.logged);
    let verified = on_standby.run(&["restore", "--verify", file.to_str().unwrap()]).await;
    assert!(verified.printed.lines().any(|line| line.trim() == "1 monitors"), "{}", verified.printed);
    assert_eq!(program.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused_and_no_database_is_made() {
    let (place, elsewhere) = (with_somebody().await, tempfile::tempdir().unwrap());
    let whole = elsewhere.path().join("whole");
    assert!(place.setup().run(&["backup", whole.to_str().unwrap()]).await.status.success());
    let bytes = fs::read(&whole).unwrap();
    let mut turned = bytes.clone();
    *turned.last_mut().unwrap() ^= 1;
    for (bytes, expected) in [
        (&bytes[..bytes.len() - 40], "the backup was cut off"),
        (&turned, "the backup is damaged (its checksum is another)"),
        (b"Dear diary, this is no backup.", "the file is no backup of Watchkeeper"),
    ] {
        let (file, data) = (elsewhere.path().join("broken"), elsewhere.path().join("data"));
        fs::write(&file, bytes).unwrap();
        for arguments in [&["restore", file.to_str().unwrap()][..], &["restore", "--verify", file.to_str().unwrap()]] {
            let refused = crate::program::Setup::on_sqlite(&data).run(arguments).await;
            assert_eq!(refused.status.code(), Some(1));
            assert!(refused.logged.contains(expected), "{expected}: {}", refused.logged);
            assert!(!data.exists(), "nothing was made");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_leaves_an_empty_database_and_can_be_done_again() {
    let (from, to) = (with_somebody().await, Place::for_postgres().await);
    let file = from.data().join("backup");
    assert!(from.setup().run(&["backup", file.to_str().unwrap()]).await.status.success());
    assert!(to.setup().run(&["migrate"]).await.status.success());

    // Somebody keeps it from writing on when it has written a part.
    let mut obstacle = PgConnection::connect(to.setup().database_url()).await.unwrap();
    obstacle.execute("BEGIN").await.unwrap();
    obstacle.execute("LOCK TABLE sessions IN SHARE MODE").await.unwrap();
    let restoring = to.setup().start(&["restore", file.to_str().unwrap()]);
    eventually("it waits for its turn to write", async || {
        let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'sessions'::regclass AND NOT granted)";
        sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut obstacle).await.unwrap().then_some(())
    })
    .await;
    restoring.kill().await;
    obstacle.execute("ROLLBACK").await.unwrap();
    eventually("the server has noticed", async || {
        let is_locked = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'workspaces'::regclass)";
        (!sqlx::query_scalar::<_, bool>(is_locked).fetch_one(&mut obstacle).await.unwrap()).then_some(())
    })
    .await;
    let left = "SELECT count(*) FROM workspaces";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&mut obstacle).await.unwrap(), 0);

    let again = to.setup().run(&["restore", file.to_str().unwrap()]).await;
    assert!(again.status.success(), "{}", again.logged);
    let (_program, url) = serve_without_an_engine(&to).await;
    User::log_in(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_restore_has_left_beside_the_file_is_replaced() {
    let (from, to) = (with_somebody().await, Place::for_sqlite());
    let file = from.data().join("backup");
    assert!(from.setup().run(&["backup", file.to_str().unwrap()]).await.status.success());
    let aside = to.data().join("watchkeeper.db.restoring");
    fs::write(&aside, "half a database").unwrap();
    let restored = to.setup().run(&["restore", file.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{}", restored.logged);
    assert_eq!(names_in(to.data()), ["watchkeeper.db", "watchkeeper.db.lock"]);
    let (_program, url) = serve_without_an_engine(&to).await;
    User::log_in(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_logs_and_prints_nothing_of_what_is_in_it() {
    let place = with_somebody().await;
    let file = place.data().join("backup");
    let made = place.setup().with("WATCHKEEPER_LOG", "trace").run(&["backup", file.to_str().unwrap()]).await;
    assert!(made.status.success(), "{}", made.logged);
    for secret in ["ada@example.org", "$argon2"] {
        assert!(!made.logged.contains(secret) && !made.printed.contains(secret), "{secret}");
    }
}
