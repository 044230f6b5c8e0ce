//! The workspace, and for how long its history is kept.

use serde_json::{Value, json};

use super::server::Server;

const PATH: &str = "/api/v1/workspace";

fn terms(answer: &Value) -> Value {
    answer["retention"].clone()
}

fn term(days: u32, own: Option<u32>, most: u32) -> Value {
    json!({ "days": days, "own": own, "most": most })
}

#[tokio::test]
async fn a_workspace_begins_with_what_the_operator_keeps() {
    let server = Server::new();
    let ada = server.sign_up("ada@example.org").await;
    let me = server.get("/api/v1/auth/me", &ada).await.json();
    let workspace = server.get(PATH, &ada).await.json();
    assert_eq!(workspace["id"], me["workspace_id"]);
    let expected = json!({
        "raw_days": term(7, None, 7), "packed_days": term(400, None, 400), "rollup_days": term(1_830, None, 1_830),
    });
    assert_eq!(terms(&workspace), expected);
}

#[tokio::test]
async fn a_workspace_asks_for_less_and_leaves_it_to_the_operator_again() {
    let server = Server::new();
    let (ada, eve) = (server.sign_up("ada@example.org").await, server.sign_up("eve@example.org").await);
    let change = json!({ "retention": { "packed_days": 5, "rollup_days": 90 } });
    let changed = server.patch(PATH, &ada, &change).await;
    assert_eq!(changed.status, 200);
    let expected = json!({
        "raw_days": term(5, None, 7), "packed_days": term(5, Some(5), 400), "rollup_days": term(90, Some(90), 1_830),
    });
    assert_eq!(terms(&changed.json()), expected, "no finer form is kept for longer than a coarser one");
    assert_eq!(terms(&server.get(PATH, &ada).await.json()), expected);
    assert_eq!(terms(&server.get(PATH, &eve).await.json())["packed_days"], term(400, None, 400), "nobody else's");

    let changed = server.patch(PATH, &ada, &json!({ "retention": { "packed_days": null } })).await.json();
    assert_eq!(terms(&changed)["packed_days"], term(90, None, 400));
    assert_eq!(terms(&changed)["rollup_days"], term(90, Some(90), 1_830), "what is left out stays as it is");
    let unchanged = server.patch(PATH, &ada, &json!({})).await.json();
    assert_eq!(unchanged, changed);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_its_field() {
    let server = Server::new();
    let ada = server.sign_up("ada@example.org").await;
    for (retention, field) in [
        (json!({ "raw_days": 8 }), "retention.raw_days"),
        (json!({ "raw_days": 0 }), "retention.raw_days"),
        (json!({ "raw_days": -1 }), "retention.raw_days"),
        (json!({ "packed_days": 99_999_999_999_i64 }), "retention.packed_days"),
        (json!({ "raw_days": 6, "packed_days": 5 }), "retention.packed_days"),
        (json!({ "rollup_days": 1_831 }), "retention.rollup_days"),
        (json!({ "rollup_days": "90" }), "retention.rollup_days"),
    ] {
        let refused = server.patch(PATH, &ada, &json!({ "retention": retention })).await;
        let problem = refused.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{retention}: {problem}");
    }
    assert_eq!(terms(&server.get(PATH, &ada).await.json())["raw_days"], term(7, None, 7), "nothing changed");
}
