//! SQLite whose file or disk is not there for us alone.

use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{ConnectOptions, Connection};

use super::disk::SmallDisk;
use super::scene::Failure;
use super::{Node, STORE_FAILS, Scene};
use crate::eventually;
use crate::program::Setup;

/// The disk that is filled, in megabytes: what the file and its log need, and a little more.
const SMALL_DISK_MEGABYTES: u32 = 12;

/// Waits until finished checks are kept, and makes sure that people can read all the while, and are told so where something
/// cannot be written.
async fn keeps_results_and_answers(scene: &Scene, node: &Node) {
    let keeps = async || (node.shows("watchkeeper_results_kept").await >= 1.0).then_some(());
    eventually("finished checks are kept", keeps).await;
    let monitors = scene.user().get("/monitors?limit=500").await;
    assert!(!monitors["items"].as_array().unwrap().is_empty(), "what is there can be read");
    let body = json!({"target": {"type": "http", "url": "http://127.0.0.1:9/"}, "interval_seconds": 60});
    let refused = scene.user().ask(Method::POST, "/monitors", Some(body)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_holds_locked_is_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::serving(&Setup::on_sqlite(data.path())).await;
    let mut scene = Scene::open(&[&node]).await;
    scene.is_owed_a_notice(&[&node]).await;
    let failure = Failure::begins("SQLite locked by another process");
    scene.a_target_goes_down();
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(data.path().join("watchkeeper.db"));
    let mut other = file.busy_timeout(crate::PATIENCE).connect().await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    node.program.logs(STORE_FAILS).await;
    keeps_results_and_answers(&scene, &node).await;
    scene.checks_cease().await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    scene.comes_back_after(failure.ends()).await;
    node.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_waited_for() {
    let disk = SmallDisk::of_megabytes(SMALL_DISK_MEGABYTES);
    let node = Node::serving(&Setup::on_sqlite(disk.path())).await;
    let mut scene = Scene::open(&[&node]).await;
    scene.is_owed_a_notice(&[&node]).await;
    let failure = Failure::begins("the disk of SQLite full");
    scene.a_target_goes_down();
    let ballast = disk.fill();
    node.program.logs(STORE_FAILS).await;
    node.program.logs("database or disk is full").await;
    keeps_results_and_answers(&scene, &node).await;
    scene.checks_cease().await;
    drop(ballast);
    scene.comes_back_after(failure.ends()).await;
    node.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_fails_with_one_line_and_succeeds_when_there_is_room() {
    let disk = SmallDisk::of_megabytes(SMALL_DISK_MEGABYTES);
    // At first there is no database yet, then there is one.
    for _ in 0..2 {
        let ballast = disk.fill();
        for command in ["serve", "work", "tick", "migrate"] {
            let ended = Setup::on_sqlite(disk.path()).run(&[command]).await;
            assert_eq!(ended.status.code(), Some(1), "{command}: {ended:?}");
            let lines: Vec<_> = ended.logged.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), 1, "{command}: {ended:?}");
            assert!(lines[0].contains("there is no room left on the disk of the database"), "{command}: {ended:?}");
        }
        drop(ballast);
        let (program, _) = Setup::on_sqlite(disk.path()).serve().await;
        assert_eq!(program.terminate().await.code(), Some(0));
    }
}
