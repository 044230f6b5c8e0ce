//! The main job by way of the generated client: what the document says is what the real program does.

mod program;

use program::{Program, Target, eventually};
use watchkeeper_client::{Client, problem, types};

/// A client that speaks for whoever has signed up.
async fn signed_up(program: &Program, email: &str) -> Client {
    let anybody = Client::new(&program.url);
    let account = types::NewAccount::builder().email(email).password("several plain words, and 1847");
    let session = anybody.sign_up().body(account).send().await.unwrap().into_inner();
    assert_eq!(session.user.email, email);
    program::client_with_token(&program.url, &session.access_token)
}

fn monitor(url: &str) -> types::builder::NewMonitor {
    let target: types::NewTarget =
        types::NewTarget::builder().type_(types::TargetType::Http).url(url).try_into().unwrap();
    types::NewMonitor::builder().interval_seconds(5_u64).target(target)
}

#[tokio::test]
async fn sign_up_watch_a_target_and_read_its_checks() {
    let program = Program::start().await;
    let target = Target::start().await;
    let client = signed_up(&program, "ada@example.org").await;

    let made = client.create_monitor().body(monitor(&target.url)).send().await.unwrap().into_inner();
    assert_eq!(made.target.url, target.url);

    let checks = eventually("the first check is on record", async || {
        let page = client.list_checks().id(made.id).send().await.unwrap().into_inner();
        (!page.items.is_empty()).then_some(page.items)
    })
    .await;
    let first = checks.last().unwrap();
    assert_eq!((first.status, first.origin), (types::CheckStatus::Up, types::CheckOrigin::Scheduled));
    assert_eq!(first.http_status, Some(200));
    assert_eq!(first.slot, made.created_at, "the opening slot is the instant at which the monitor was made");

    let manual = client.check_monitor().id(made.id).send().await.unwrap().into_inner();
    assert_eq!((manual.status, manual.origin), (types::CheckStatus::Up, types::CheckOrigin::Manual));

    let shown = client.get_monitor().id(made.id).send().await.unwrap().into_inner();
    assert_eq!(shown.status, types::MonitorStatus::Up);
    let account = client.get_slots().id(made.id).send().await.unwrap().into_inner();
    assert_eq!(account.unaccounted, 0);

    client.delete_monitor().id(made.id).send().await.unwrap();
    let list = client.list_monitors().send().await.unwrap().into_inner();
    assert!(list.items.is_empty());
    program.stop().await;
}

#[tokio::test]
async fn a_refusal_arrives_as_the_problem_that_the_document_describes() {
    let program = Program::start().await;
    let client = signed_up(&program, "grace@example.org").await;

    let refused = client.create_monitor().body(monitor("ftp://example.org/")).send().await.unwrap_err();
    assert_eq!(refused.status().unwrap(), 422);
    let problem = problem(refused).await.unwrap();
    let fields: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["target.url"]);

    let unknown = client.get_monitor().id(uuid::Uuid::from_u128(7)).send().await.unwrap_err();
    assert_eq!(unknown.status().unwrap(), 404);
    program.stop().await;
}
