//! The OpenAPI document: that it is the committed one, and that it reads well.

use std::collections::HashSet;

use poem::Request;
use serde_json::Value;

use super::server::{Answer, Server, document, operations};

#[test]
fn the_committed_document_is_the_one_that_the_code_makes() {
    let committed = include_str!("../../../openapi.yaml");
    assert!(
        committed == watchkeeper::http::openapi_yaml(),
        "openapi.yaml is not what the code makes: run `make openapi`"
    );
}

#[tokio::test]
async fn the_document_is_served_in_both_forms() {
    let server = Server::new();
    let get = async |path: &str| Answer::of(server.send(Request::builder().uri_str(path).finish()).await).await;
    assert_eq!(&get("/openapi.json").await.json(), document());
    let yaml = get("/openapi.yaml").await;
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    assert_eq!(yaml.text(), watchkeeper::http::openapi_yaml());
}

#[test]
fn every_operation_has_a_name_a_tag_a_summary_and_described_answers() {
    let mut names = HashSet::new();
    for (path, method, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
        assert!(names.insert(name), "{name} twice");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {status}");
            let content = response["content"].as_object();
            if status.as_str() >= "400" {
                assert!(content.unwrap().contains_key("application/problem+json"), "{name}: {status}");
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {}", parameter["name"]);
        }
        let statuses: HashSet<_> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(statuses.contains("503"), "{name}: every operation needs the store");
        let takes_body = operation.get("requestBody").is_some();
        for status in ["400", "413", "415"] {
            assert_eq!(statuses.contains(status), takes_body, "{name}: {status}");
        }
        assert_eq!(statuses.contains("404"), path.contains("{id}"), "{name}: 404");
    }
}

/// Each is the refusal that somebody who calls the operation is most likely to see.
#[test]
fn the_examples_of_refusals_are_of_their_operations() {
    let example = |name: &str, status: &str| {
        let (_, _, operation) = operations().find(|(_, _, operation)| operation["operationId"] == name).unwrap();
        operation["responses"][status]["content"]["application/problem+json"]["schema"]["example"].clone()
    };
    for (name, status, code) in [
        ("signUp", "403", "signup_closed"),
        ("signUp", "409", "email_taken"),
        ("logIn", "401", "invalid_credentials"),
        ("refreshSession", "401", "session_ended"),
        ("refreshSession", "403", "foreign_origin"),
        ("getMe", "401", "unauthenticated"),
        ("createMonitor", "409", "monitor_limit_reached"),
        ("updateMonitor", "409", "conflict"),
        ("checkMonitor", "503", "network_unavailable"),
        ("getUptime", "503", "store_unavailable"),
    ] {
        assert_eq!(example(name, status)["code"], code, "{name}: {status}");
    }
    for (name, field, code) in [
        ("signUp", "password", "password_too_short"),
        ("logIn", "password", "missing"),
        ("createMonitor", "target.url", "unsupported_scheme"),
        ("updateMonitor", "confirmation.before_down", "confirmations_out_of_bounds"),
        ("listMonitors", "cursor", "invalid_cursor"),
        ("getUptime", "from", "window_backwards"),
    ] {
        let error = &example(name, "422")["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&Value::from(field), &Value::from(code)), "{name}");
    }
}

#[test]
fn every_object_and_field_is_described_and_every_body_and_parameter_has_an_example() {
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name} is not described");
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{field} is not described");
        }
    }
    for (path, method, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap().values();
        let bodies = responses.chain(operation.get("requestBody")).filter_map(|body| body["content"].as_object());
        for media in bodies.flat_map(|content| content.values()) {
            let name = media["schema"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let schema = name.map_or(&media["schema"], |name| &document()["components"]["schemas"][name]);
            assert!(schema.get("example").is_some(), "{method} {path}: {schema}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            let shown = [parameter.get("example"), schema.get("example"), schema.get("default"), schema.get("enum")];
            assert!(shown.iter().any(Option::is_some), "{method} {path}: {parameter}");
        }
    }
}
