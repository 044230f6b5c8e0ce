//! How the program starts, and how it says why it does not.

use crate::database::Place;
use crate::program::Setup;

/// The one line that it says before it ends with this code.
async fn refusal(setup: &Setup, arguments: &[&str], code: i32) -> String {
    let ended = setup.run(arguments).await;
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    let lines: Vec<_> = ended.logged.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "{ended:?}");
    lines[0].to_owned()
}

#[tokio::test]
async fn a_value_that_cannot_be_right_stops_the_start_with_one_line_that_names_it() {
    let place = Place::for_sqlite();
    for (name, value) in [
        ("WATCHKEEPER_LISTEN", "nowhere"),
        ("WATCHKEEPER_LISTEN", ""),
        ("WATCHKEEPER_METRICS_LISTEN", "9090"),
        ("DATABASE_URL", "mysql://localhost/watchkeeper"),
        ("DATABASE_URL", ""),
        ("WATCHKEEPER_DATA_DIR", ""),
        ("WATCHKEEPER_JWT_SECRET", "short"),
        ("WATCHKEEPER_ALLOW_TARGETS", "10.0.0.0/99"),
        ("WATCHKEEPER_SIGNUP", "maybe"),
        ("WATCHKEEPER_PUBLIC_URL", "watch.example.org"),
        ("WATCHKEEPER_TRUSTED_PROXIES", "proxy"),
        ("WATCHKEEPER_WORKERS", "0"),
        ("WATCHKEEPER_MAX_MONITORS", "many"),
        ("WATCHKEEPER_MIN_INTERVAL_SECONDS", "0"),
        ("WATCHKEEPER_NETWORK_CHECKS", "nowhere"),
        ("WATCHKEEPER_LOG", "watchkeeper=\nloud"),
        ("WATCHKEEPER_LOG_FORMAT", "xml"),
        ("WATCHKEEPER_OTLP_ENDPOINT", "http://user:password@collector:4318"),
        ("WATCHKEEPER_OTLP_ENDPOINT", "collector:4318"),
        ("WATCHKEEPER_OTLP_SAMPLE", "2"),
    ] {
        let line = refusal(&place.setup().with(name, value), &["serve"], 2).await;
        assert!(line.contains(name), "{name}: {line}");
        assert!(name != "WATCHKEEPER_JWT_SECRET" || !line.contains("\"short\""), "a secret is never repeated: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_file_is_told_who_holds_it() {
    let place = Place::for_sqlite();
    let (program, _) = place.setup().serve().await;
    let line = refusal(&place.setup(), &["work"], 1).await;
    assert!(line.contains(&format!("process {}", program.id())), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let place = Place::for_sqlite();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, command) in [
        ("WATCHKEEPER_LISTEN", "serve"),
        ("WATCHKEEPER_METRICS_LISTEN", "serve"),
        ("WATCHKEEPER_METRICS_LISTEN", "work"),
    ] {
        let line = refusal(&place.setup().with(name, &address), &[command], 1).await;
        assert!(line.contains(name) && line.contains(&address), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_secret_says_so_and_stops() {
    let place = Place::for_postgres().await;
    let (_program, _) = place.setup().with("WATCHKEEPER_JWT_SECRET", &"a".repeat(32)).serve().await;
    let ended = place.setup().with("WATCHKEEPER_JWT_SECRET", &"b".repeat(32)).run(&["serve"]).await;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.logged.lines().last().unwrap().contains("WATCHKEEPER_JWT_SECRET"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_the_database_refuses_is_no_reason_to_wait() {
    let place = Place::for_postgres().await;
    let setup = place.setup();
    let wrong = setup.database_url().replacen("://", "://nobody-of-this-name:wrong@", 1);
    let wrong = match wrong.split_once("wrong@").map(|(_, rest)| rest.rsplit_once('@')) {
        Some(Some((_, host))) => format!("postgres://nobody-of-this-name:wrong@{host}"),
        _ => wrong,
    };
    let ended = setup.with("DATABASE_URL", &wrong).run(&["migrate"]).await;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let line = ended.logged.trim();
    assert!(line.contains("DATABASE_URL") && !line.contains("wrong@") && line.lines().count() == 1, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_brings_an_empty_database_to_the_newest_schema_and_can_be_repeated() {
    let place = Place::for_postgres().await;
    for _ in 0..2 {
        let ended = place.setup().run(&["migrate"]).await;
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(ended.printed, "the database has the newest schema\n");
    }
}

#[tokio::test]
async fn openapi_prints_the_document_without_touching_anything() {
    let place = Place::for_sqlite();
    let ended = place.setup().run(&["openapi"]).await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.printed.starts_with("openapi: "), "{}", ended.printed.lines().next().unwrap());
    assert_eq!(std::fs::read_dir(place.data()).unwrap().count(), 0);
}
