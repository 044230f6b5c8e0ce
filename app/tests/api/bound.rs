//! The bounds of bodies that the document shows: they are the domain's, and it is the domain that holds them.

use poem::http::Method;
use serde_json::{Value, json};
use watchkeeper::http::Settings;
use watchkeeper_domain::account::{Email, Password};
use watchkeeper_domain::monitor::{Expectation, HttpTarget, Interval, MonitorName, Timeout};
use watchkeeper_domain::status::Confirmation;

use super::server::{PASSWORD, Server, document};

/// A field with a bound, and what the document says of it.
struct Bounded {
    path: Vec<String>,
    schema: Value,
}

impl Bounded {
    /// All that a schema of the document has, however deep.
    fn of(schema: &str) -> Vec<Self> {
        let mut found = Vec::new();
        find(&json!({ "$ref": format!("#/components/schemas/{schema}") }), &[], &mut found);
        found
    }

    fn name(&self) -> String {
        self.path.join(".")
    }

    fn bound(&self, name: &str) -> Option<i64> {
        self.schema[name].as_f64().map(|bound| bound as i64)
    }

    /// The values at its bounds.
    fn within(&self) -> Vec<Value> {
        let lengths = ["minLength", "maxLength"].into_iter().filter_map(|name| self.bound(name));
        let numbers = ["minimum", "maximum"].into_iter().filter_map(|name| self.bound(name));
        lengths.map(|length| self.text(length)).chain(numbers.map(Value::from)).collect()
    }

    /// The values one beyond its bounds.
    fn beyond(&self) -> Vec<Value> {
        let step = [("minLength", -1), ("maxLength", 1), ("minimum", -1), ("maximum", 1)];
        let beyond = step.into_iter().filter_map(|(name, step)| Some((name, self.bound(name)? + step)));
        beyond.map(|(name, value)| if name.ends_with("Length") { self.text(value) } else { json!(value) }).collect()
    }

    /// A text that is sound but for its length.
    fn text(&self, length: i64) -> Value {
        let length = usize::try_from(length).unwrap();
        json!(match self.name().as_str() {
            "target.url" => format!("{:a<length$}", "https://example.org/"),
            "email" => format!("{0}@{1}.{1}.{2}", "a".repeat(64), "b".repeat(63), "c".repeat(length - 193)),
            _ => "q".repeat(length),
        })
    }

    /// A body with a value in this field.
    fn put(&self, value: &Value, body: &Value) -> Value {
        let mut body = body.clone();
        if self.name() == "interval_seconds" {
            // What it is by default goes with every interval.
            body.as_object_mut().unwrap().remove("timeout_seconds");
        }
        *self.path.iter().fold(&mut body, |body, name| &mut body[name]) = value.clone();
        body
    }
}

fn find(schema: &Value, path: &[String], found: &mut Vec<Bounded>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return find(&document()["components"]["schemas"][name], path, found);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        find(part, path, found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        find(property, &[path, std::slice::from_ref(name)].concat(), found);
    }
    if ["minLength", "maxLength", "minimum", "maximum"].iter().any(|bound| schema.get(bound).is_some()) {
        found.push(Bounded { path: path.to_vec(), schema: schema.clone() });
    }
}

/// The domain's codes for a value beyond the bounds of a field.
fn codes(field: &str) -> &'static [&'static str] {
    match field {
        "email" => &["invalid_email"],
        "password" => &["password_too_short", "password_too_long"],
        "name" => &["invalid_name"],
        "target.url" => &["url_too_long"],
        "interval_seconds" => &["interval_out_of_bounds"],
        "timeout_seconds" => &["timeout_out_of_bounds"],
        "expectation.slow_after_ms" => &["slow_after_out_of_bounds"],
        "confirmation.before_down" | "confirmation.before_up" => &["confirmations_out_of_bounds"],
        other => panic!("{other} has bounds in the document: which is the domain's code?"),
    }
}

#[test]
fn the_document_shows_the_bounds_of_the_domain() {
    let field = |schema, name: &str| Bounded::of(schema).into_iter().find(|field| field.name() == name).unwrap();
    let lengths = |min: Option<usize>, max: usize| [min, Some(max)].map(|bound| bound.map(|n| n as i64));
    for (schema, name, bounds) in [
        ("NewAccount", "email", lengths(None, Email::MAX_BYTES)),
        ("NewAccount", "password", lengths(Some(Password::MIN_CHARS), Password::MAX_CHARS)),
        ("NewMonitor", "name", lengths(Some(MonitorName::MIN_CHARS), MonitorName::MAX_CHARS)),
        ("NewMonitor", "target.url", lengths(None, HttpTarget::MAX_URL_BYTES)),
    ] {
        assert_eq!(["minLength", "maxLength"].map(|bound| field(schema, name).bound(bound)), bounds, "{name}");
    }
    for schema in ["NewMonitor", "MonitorChange"] {
        for (name, bounds) in [
            ("interval_seconds", [Interval::MIN_SECS, Interval::MAX_SECS]),
            ("timeout_seconds", [Timeout::MIN_SECS, Timeout::MAX_SECS]),
            ("expectation.slow_after_ms", [Expectation::MIN_SLOW_AFTER_MS, 1_000 * Timeout::MAX_SECS]),
            ("confirmation.before_down", [0, Confirmation::MAX]),
            ("confirmation.before_up", [0, Confirmation::MAX]),
        ] {
            let shown = ["minimum", "maximum"].map(|bound| field(schema, name).bound(bound));
            assert_eq!(shown, bounds.map(|bound| Some(bound.into())), "{name}");
        }
    }
    assert!(Bounded::of("Credentials").is_empty(), "no log-in is refused for its form");
}

#[tokio::test]
async fn a_value_is_let_in_up_to_its_bound_and_refused_beyond_by_the_domain() {
    let server = Server::with(Settings::default(), |parts| {
        parts.monitors.least_interval = Interval::from_secs(Interval::MIN_SECS).unwrap();
        parts.monitors.most_monitors = 1_000;
    });
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, "https://example.org/").await;
    let account = json!({ "email": "bob@example.org", "password": PASSWORD });
    let monitor = json!({
        "target": { "type": "http", "url": "https://example.org/" },
        "interval_seconds": Interval::MAX_SECS,
        "timeout_seconds": Timeout::MAX_SECS,
    });
    let mut count = 0;
    for (method, path, schema, body) in [
        (Method::POST, "/api/v1/auth/signup", "NewAccount", account),
        (Method::POST, "/api/v1/monitors", "NewMonitor", monitor.clone()),
        (Method::PATCH, &format!("/api/v1/monitors/{id}"), "MonitorChange", monitor),
    ] {
        for field in Bounded::of(schema) {
            for value in field.beyond() {
                let answer = server.ask(method.clone(), path, Some(&token), Some(&field.put(&value, &body))).await;
                answer.refuses(&[&field.name()]);
                let code = answer.json()["errors"][0]["code"].as_str().unwrap().to_owned();
                assert!(codes(&field.name()).contains(&code.as_str()), "{} with {value}: {code}", field.name());
                count += 1;
            }
            for (n, value) in field.within().iter().enumerate() {
                let mut body = field.put(value, &body);
                if field.name() == "password" {
                    body["email"] = json!(format!("{n}@example.org"));
                }
                let answer = server.ask(method.clone(), path, Some(&token), Some(&body)).await;
                assert!(answer.status.is_success(), "{} with {value}: {answer:?}", field.name());
            }
        }
    }
    assert_eq!(count, 29, "a new bound has to be counted in");
}
