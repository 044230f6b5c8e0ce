//! What the program said in its log while it ran.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// So many lines are shown where something went wrong.
const MAX_SHOWN: usize = 5;

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Lines that speak of an error, or that no log has: a panic is one of them.
    pub(crate) errors: Vec<String>,
    /// How often each warning was given.
    pub(crate) warnings: BTreeMap<String, u64>,
}

impl Said {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        Ok(Self::of(&std::fs::read_to_string(file).with_context(|| file.display().to_string())?))
    }

    fn of(log: &str) -> Self {
        let mut said = Self::default();
        for line in log.lines().filter(|line| !line.trim().is_empty()) {
            let fact: Value = serde_json::from_str(line).unwrap_or_default();
            match fact["level"].as_str() {
                Some("WARN") => *said.warnings.entry(message(&fact)).or_default() += 1,
                Some("INFO" | "DEBUG" | "TRACE") => {}
                _ => said.errors.push(line.to_owned()),
            }
        }
        said
    }

    /// What is to be complained about.
    pub(crate) fn complaint(&self) -> Option<String> {
        let first: Vec<&str> = self.errors.iter().take(MAX_SHOWN).map(String::as_str).collect();
        (!first.is_empty()).then(|| format!("{} errors in the log, first: {}", self.errors.len(), first.join("\n    ")))
    }
}

fn message(fact: &Value) -> String {
    let message = [&fact["fields"]["message"], &fact["message"]].into_iter().find_map(Value::as_str);
    message.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_panics_are_complained_about_and_warnings_counted() {
        let said = Said::of(
            "{\"level\":\"WARN\",\"message\":\"slow\"}\n{\"level\":\"INFO\",\"message\":\"begun\"}\n\
             {\"level\":\"ERROR\",\"message\":\"gone\"}\n{\"level\":\"WARN\",\"message\":\"slow\"}\n\
             thread 'main' panicked at here\n",
        );
        assert_eq!(said.warnings, BTreeMap::from([("slow".to_owned(), 2)]));
        assert_eq!(said.errors.len(), 2);
        let complaint = said.complaint().unwrap();
        assert!(complaint.contains("gone") && complaint.contains("panicked"), "{complaint}");
    }

    #[test]
    fn a_log_without_errors_is_in_order() {
        assert_eq!(Said::of("{\"level\":\"WARN\",\"message\":\"slow\"}\n\n").complaint(), None);
        assert_eq!(Said::of(""), Said::default());
    }
}
