//! Evidence as JSON: read by people and by later versions, never searched.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use watchkeeper_domain::report::Evidence;

use super::Unreadable;

/// Evidence in the shape of its JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EvidenceJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_address: Option<IpAddr>,
    #[serde(default)]
    hops: Vec<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl From<&Evidence> for EvidenceJson {
    fn from(evidence: &Evidence) -> Self {
        let Evidence { remote_address, hops, headers, body } = evidence.clone();
        Self { remote_address, hops, headers, body }
    }
}

impl From<EvidenceJson> for Evidence {
    fn from(json: EvidenceJson) -> Self {
        let EvidenceJson { remote_address, hops, headers, body } = json;
        Self { remote_address, hops, headers, body }
    }
}

impl EvidenceJson {
    /// The JSON text of evidence.
    pub(crate) fn text(evidence: &Evidence) -> Result<String, Unreadable> {
        serde_json::to_string(&Self::from(evidence)).map_err(|error| Unreadable::new("Evidence", error))
    }

    /// The evidence that a JSON text holds.
    pub(crate) fn read(text: &str) -> Result<Evidence, Unreadable> {
        let json: Self = serde_json::from_str(text).map_err(|error| Unreadable::new("Evidence", error))?;
        Ok(json.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_comes_back_from_its_json() {
        let evidence = Evidence {
            remote_address: Some("192.0.2.7".parse().unwrap()),
            hops: vec!["https://example.org/".into()],
            headers: vec![("server".into(), "x".into()), ("server".into(), "y".into())],
            body: Some("\u{0}ä".into()),
        };
        assert_eq!(EvidenceJson::read(&EvidenceJson::text(&evidence).unwrap()).unwrap(), evidence);
        assert_eq!(EvidenceJson::read("{}").unwrap(), Evidence::default());
        assert!(EvidenceJson::read("[").is_err());
    }
}
