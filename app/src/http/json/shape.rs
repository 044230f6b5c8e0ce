//! Holds a JSON value against the schema that the document shows for it, and names every field that does not fit.
//!
//! The framework's own parser stops at the first fault, does not say where it is, and lets numbers pass for strings and
//! unknown fields pass altogether. Here the published schema is the rule.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::{Map, Value};

use crate::http::problem::FieldError;

/// The most misfits that are named in one answer.
const MAX_MISFITS: usize = 50;
/// What stands for the name of a field where it is all of the body.
pub(super) const WHOLE: &str = "body";

/// What does not fit the schema of `T`.
pub(super) fn misfits<T: Type>(value: &Value) -> Vec<FieldError> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut shape = Shape { registry: &registry, misfits: Vec::new() };
    shape.check("", value, &T::schema_ref());
    shape.misfits.truncate(MAX_MISFITS);
    shape.misfits
}

struct Shape<'a> {
    registry: &'a Registry,
    misfits: Vec<FieldError>,
}

impl Shape<'_> {
    fn check(&mut self, path: &str, value: &Value, schema: &MetaSchemaRef) {
        match schema {
            MetaSchemaRef::Reference(name) => {
                if let Some(schema) = self.registry.schemas.get(name) {
                    self.check_inline(path, value, schema);
                }
            }
            MetaSchemaRef::Inline(schema) => self.check_inline(path, value, schema),
        }
    }

    fn check_inline(&mut self, path: &str, value: &Value, schema: &MetaSchema) {
        if value.is_null() && schema.nullable {
            return;
        }
        for part in &schema.all_of {
            self.check(path, value, part);
        }
        if !has_type(value, schema.ty) {
            return self.refuse(path, "wrong_type", format!("This must be {}.", in_words(schema.ty)));
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
            let choices: Vec<_> = schema.enum_items.iter().map(ToString::to_string).collect();
            return self.refuse(path, "unknown_value", format!("This must be one of {}.", choices.join(", ")));
        }
        if let (Value::Object(fields), false) = (value, schema.properties.is_empty()) {
            self.check_fields(path, fields, schema);
        }
    }

    fn check_fields(&mut self, path: &str, fields: &Map<String, Value>, schema: &MetaSchema) {
        for name in &schema.required {
            if !fields.contains_key(*name) {
                self.refuse(&join(path, name), "missing", "This field is required.".to_owned());
            }
        }
        for (name, value) in fields {
            match schema.properties.iter().find(|(known, _)| known == name) {
                Some((_, schema)) => self.check(&join(path, name), value, schema),
                None => self.refuse(&join(path, name), "unknown_field", "There is no such field.".to_owned()),
            }
        }
    }

    fn refuse(&mut self, path: &str, code: &str, message: String) {
        // Long names come from the sender, and are not sent back whole.
        let field = if path.is_empty() { WHOLE.to_owned() } else { path.chars().take(100).collect() };
        let misfit = FieldError { field, code: code.to_owned(), message };
        if !self.misfits.contains(&misfit) && self.misfits.len() < MAX_MISFITS {
            self.misfits.push(misfit);
        }
    }
}

fn has_type(value: &Value, ty: &str) -> bool {
    match ty {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => true,
    }
}

fn in_words(ty: &str) -> &str {
    match ty {
        "string" => "a string",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "object" => "an object",
        "array" => "a list",
        other => other,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
