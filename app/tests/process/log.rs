//! What the program logs: one fact a line, and never a secret, however much is asked for.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use watchkeeper_testdb::Relay;

use crate::client::{PASSWORD, User};
use crate::database::{Place, on_both};
use crate::eventually;
use crate::target::Target;

/// A secret of at least 32 bytes that tokens are signed with.
const JWT_SECRET: &str = "jwt-secret-that-nobody-may-ever-read";
/// What the database is entered with.
const DATABASE_PASSWORD: &str = "password-of-the-database";
/// What a path, a query, a header or a body of a monitor or of a request may hold.
const QUERY_KEY: &str = "query-key-of-a-monitor";
const FOREIGN_TOKEN: &str = "foreign-token-in-a-header";
const FOREIGN_COOKIE: &str = "foreign-cookie-in-a-header";
const WRONG_PASSWORD: &str = "wrong password of somebody";

on_both! {
    no_secret_is_logged_however_much_is_asked_for;
}

async fn no_secret_is_logged_however_much_is_asked_for(place: Place) {
    let target = Target::start().await;
    let mut setup = place.setup();
    if let Some(url) = place.entered_with(DATABASE_PASSWORD).await {
        setup = setup.with("DATABASE_URL", &url);
    }
    let setup = setup.with("WATCHKEEPER_JWT_SECRET", JWT_SECRET).with("WATCHKEEPER_LOG_FORMAT", "json");
    let (mut program, url) = setup.with("WATCHKEEPER_LOG", "trace,sqlx=trace,hyper=trace,poem=trace").serve().await;
    let user = User::sign_up(&url).await;
    let mut again = User::log_in(&url).await;
    let mut secrets: Vec<String> =
        [JWT_SECRET, DATABASE_PASSWORD, PASSWORD, QUERY_KEY, FOREIGN_TOKEN, FOREIGN_COOKIE, WRONG_PASSWORD]
            .map(str::to_owned)
            .into();
    secrets.extend([user.token().to_owned(), again.token().to_owned()]);
    secrets.push(again.refresh_token_at(&url).await);
    secrets.extend([again.token().to_owned(), "ada@example.org".to_owned()]);

    let watched = user.watch(&format!("{}shop?key={QUERY_KEY}", target.url()), 1).await;
    user.sees(&watched, "UP").await;
    target.answer(500);
    user.sees(&watched, "DOWN").await;
    program.printed_where("the flip is told", |line| line.contains("UP -> DOWN")).await;
    let client = Client::new();
    let api = format!("{url}/api/v1");
    let refused = client.get(format!("{api}/monitors?cursor={QUERY_KEY}")).bearer_auth(FOREIGN_TOKEN);
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let body = json!({"email": "ada@example.org", "password": WRONG_PASSWORD});
    let refused = client.post(format!("{api}/auth/login")).json(&body).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let refused =
        client.post(format!("{api}/auth/refresh")).header("cookie", format!("refresh_token={FOREIGN_COOKIE}"));
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let broken = user.ask(Method::POST, "/monitors", Some(json!({"name": QUERY_KEY, "target": 7}))).await;
    assert!(broken.status().is_client_error());

    let answered = async || program.logged().iter().any(|line| line.contains("/api/v1/auth/login")).then_some(());
    eventually("requests are logged", answered).await;
    let lines = program.logged();
    for line in &lines {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for field in ["timestamp", "level", "target", "message"] {
            assert!(parsed[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {line}");
        }
    }
    for secret in &secrets {
        for line in lines.iter().chain(&program.printed()) {
            assert!(!line.contains(secret.as_str()), "{secret} is in: {line}");
        }
    }
    assert_eq!(program.terminate().await.code(), Some(0));
}

/// A program that cannot get at its database says so, in its log and to those who ask, and says nothing of how it gets in.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_by_a_program_that_is_cut_off_from_its_database() {
    let place = Place::for_postgres().await;
    let entered = place.entered_with(DATABASE_PASSWORD).await.unwrap();
    let mut relay = Relay::to_url(&entered).await;
    let setup = place.setup().with("DATABASE_URL", relay.url()).with("WATCHKEEPER_JWT_SECRET", JWT_SECRET);
    let setup = setup.with("WATCHKEEPER_LOG", "trace");
    let (program, url) = setup.serve().await;
    let user = User::sign_up(&url).await;
    relay.cut().await;

    let mut told = Vec::new();
    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let client = Client::new();
    let answers = [
        user.ask(Method::GET, "/monitors", None).await,
        client.post(format!("{url}/api/v1/auth/login")).json(&body).send().await.unwrap(),
        client.get(format!("{url}/readyz")).send().await.unwrap(),
    ];
    for answer in answers {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        told.push(answer.text().await.unwrap());
    }
    let has_told =
        async || program.logged().iter().any(|line| line.contains("the store fails; trying again")).then_some(());
    eventually("the outage is logged", has_told).await;
    assert_eq!(client.get(format!("{url}/metrics")).send().await.unwrap().status(), StatusCode::OK);
    told.push(client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap());
    told.extend(program.logged());
    told.extend(program.printed());
    assert_eq!(program.terminate().await.code(), Some(0));

    // One that starts meanwhile, and one that does not get in although the way is free.
    let mut late = setup.start(&["serve"]);
    let url = late.url().await;
    assert_eq!(client.get(format!("{url}/readyz")).send().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    told.extend(late.logged());
    assert_eq!(late.terminate().await.code(), Some(0));
    relay.restore().await;
    for (broken, without) in [("/watchkeeper_test_nowhere", "a database that is not there"), ("", "a URL that is none")]
    {
        let database = match broken {
            "" => relay.url().replace("postgres://", "postgres:/ /"),
            path => {
                let mut database = url::Url::parse(relay.url()).unwrap();
                database.set_path(path);
                database.into()
            }
        };
        let ended = setup.clone().with("DATABASE_URL", &database).run(&["migrate"]).await;
        assert!(!ended.status.success() && !ended.logged.is_empty(), "{without}: {ended:?}");
        told.extend([ended.logged, ended.printed]);
    }
    for secret in [JWT_SECRET, DATABASE_PASSWORD, PASSWORD, user.token()] {
        for line in &told {
            assert!(!line.contains(secret), "{secret} is in: {line}");
        }
    }
}
