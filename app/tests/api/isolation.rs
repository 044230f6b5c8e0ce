//! Who may see what: nothing without a token, and nothing of another workspace.

use poem::http::Method;
use serde_json::json;
use watchkeeper_domain::testkit::fixture::down;

use super::server::{Server, document};

/// The operations that are there for those who have no access token yet.
const OPEN: [&str; 4] = ["signUp", "logIn", "refreshSession", "logOut"];

fn method(name: &str) -> Method {
    name.to_uppercase().parse().unwrap()
}

#[tokio::test]
async fn every_route_but_those_to_log_in_wants_a_token() {
    let server = Server::new();
    let mut count = 0;
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for (name, operation) in operations.as_object().unwrap() {
            let is_open = OPEN.contains(&operation["operationId"].as_str().unwrap());
            assert_eq!(operation.get("security").is_none(), is_open, "{name} {path}");
            if is_open {
                continue;
            }
            let path = path.replace("{id}", "019c1405-6400-7000-8000-0000000000c1");
            let answer = server.ask(method(name), &path, None, None).await;
            answer.problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            count += 1;
        }
    }
    assert_eq!(count, 20, "a new operation has to be counted in");
}

#[tokio::test]
async fn a_token_counts_only_as_a_bearer_token() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    for value in [format!("Basic {token}"), token.clone(), format!("bearer{token}"), String::new()] {
        let request = poem::Request::builder().uri_str("/api/v1/auth/me").header("authorization", value).finish();
        assert_eq!(server.send(request).await.status(), 401);
    }
    let request = poem::Request::builder().uri_str(format!("/api/v1/auth/me?access_token={token}")).finish();
    assert_eq!(server.send(request).await.status(), 401, "never from a URL");
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_it_on_any_route() {
    let server = Server::new();
    let (ada, eve) = (server.sign_up("ada@example.org").await, server.sign_up("eve@example.org").await);
    let monitor = server.add_monitor(&ada, "https://example.org/").await;
    server.work(down).await;
    server.work(down).await;
    let incident = server.get("/api/v1/incidents", &ada).await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let mut count = 0;
    for (path, operations) in document()["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains("{id}"))
    {
        let id = if path.contains("/incidents/{id}") { &incident } else { &monitor };
        let path = path.replace("{id}", id);
        for name in operations.as_object().unwrap().keys() {
            let body = (name == "patch").then(|| json!({ "name": "Mine" }));
            server.ask(method(name), &path, Some(&eve), body.as_ref()).await.problem(404, "not_found");
            count += 1;
        }
    }
    assert_eq!(count, 13, "a new operation has to be counted in");
    for path in ["/api/v1/monitors", "/api/v1/incidents"] {
        assert_eq!(server.get(path, &eve).await.json(), json!({ "items": [], "next_cursor": null }));
    }
    let own = server.get(&format!("/api/v1/monitors/{monitor}"), &ada).await.json();
    assert_eq!(own["name"], "example.org", "nothing was changed");
}
