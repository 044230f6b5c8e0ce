//! Events as text on the wire between nodes: JSON with short keys, evidence left out.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Region};
use watchkeeper_domain::event::{Event, Happening};
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::report::{Reason, Timings};
use watchkeeper_domain::status::Flip;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Code, duration, micros};

/// An event, as compact JSON.
pub(super) fn write(event: &Event) -> Option<String> {
    serde_json::to_string(&WireEvent::from(event)).ok()
}

/// Events out of a JSON array of them; those that cannot be read (of a newer node, say) are left out.
pub(super) fn read(events: &str) -> Vec<Event> {
    let events: Vec<serde_json::Value> = serde_json::from_str(events).unwrap_or_default();
    events.into_iter().filter_map(|event| serde_json::from_value::<WireEvent>(event).ok()?.event()).collect()
}

#[derive(Serialize, Deserialize)]
struct WireEvent {
    /// The workspace.
    w: String,
    /// The monitor.
    m: String,
    /// What happened.
    h: WireHappening,
}

#[derive(Serialize, Deserialize)]
enum WireHappening {
    #[serde(rename = "c")]
    Checked(WireCheck),
    #[serde(rename = "f")]
    Flipped(WireFlip),
}

#[derive(Serialize, Deserialize)]
struct WireCheck {
    region: String,
    slot: i64,
    origin: i16,
    at: i64,
    verdict: i16,
    why: Option<(i16, String)>,
    took: i64,
    /// DNS, connect, TLS, first byte, transfer.
    phases: [Option<i64>; 5],
    status: Option<u16>,
}

#[derive(Serialize, Deserialize)]
struct WireFlip {
    from: i16,
    to: i16,
    at: i64,
    by: i64,
    why: Option<(i16, String)>,
}

impl From<&Event> for WireEvent {
    fn from(event: &Event) -> Self {
        let h = match &event.happening {
            Happening::Checked(check) => WireHappening::Checked(check.as_ref().into()),
            Happening::Flipped(flip) => WireHappening::Flipped(flip.into()),
        };
        Self { w: event.workspace.uuid().simple().to_string(), m: event.monitor.uuid().simple().to_string(), h }
    }
}

impl WireEvent {
    fn event(self) -> Option<Event> {
        let monitor = MonitorId::new(Uuid::try_parse(&self.m).ok()?);
        let happening = match self.h {
            WireHappening::Checked(check) => Happening::Checked(Box::new(check.check(monitor)?)),
            WireHappening::Flipped(flip) => Happening::Flipped(flip.flip()?),
        };
        Some(Event { workspace: WorkspaceId::new(Uuid::try_parse(&self.w).ok()?), monitor, happening })
    }
}

impl From<&Check> for WireCheck {
    fn from(check: &Check) -> Self {
        let Timings { dns, connect, tls, first_byte, transfer } = check.timings;
        Self {
            region: check.region.to_string(),
            slot: check.slot.as_micros(),
            origin: check.origin.code(),
            at: check.checked_at.as_micros(),
            verdict: check.verdict.code(),
            why: why(check.reason.as_ref()),
            took: micros(check.latency),
            phases: [dns, connect, tls, first_byte, transfer].map(|phase| phase.map(micros)),
            status: check.http_status,
        }
    }
}

impl WireCheck {
    fn check(self, monitor: MonitorId) -> Option<Check> {
        let [dns, connect, tls, first_byte, transfer] = self.phases.map(|phase| phase.map(duration));
        Some(Check {
            monitor,
            region: Region::parse(&self.region).ok()?,
            slot: Timestamp::from_micros(self.slot),
            origin: Code::of_code(self.origin).ok()?,
            checked_at: Timestamp::from_micros(self.at),
            verdict: Code::of_code(self.verdict).ok()?,
            reason: reason(self.why)?,
            latency: duration(self.took),
            timings: Timings { dns, connect, tls, first_byte, transfer },
            http_status: self.status,
            evidence: None,
        })
    }
}

impl From<&Flip> for WireFlip {
    fn from(flip: &Flip) -> Self {
        Self {
            from: flip.from.code(),
            to: flip.to.code(),
            at: flip.at.as_micros(),
            by: flip.settled_by.as_micros(),
            why: why(flip.reason.as_ref()),
        }
    }
}

impl WireFlip {
    fn flip(self) -> Option<Flip> {
        Some(Flip {
            from: Code::of_code(self.from).ok()?,
            to: Code::of_code(self.to).ok()?,
            at: Timestamp::from_micros(self.at),
            settled_by: Timestamp::from_micros(self.by),
            reason: reason(self.why)?,
        })
    }
}

fn why(reason: Option<&Reason>) -> Option<(i16, String)> {
    reason.map(|reason| (reason.kind.code(), reason.detail.clone()))
}

/// The reason, where there is one; `None` where it cannot be read.
fn reason(why: Option<(i16, String)>) -> Option<Option<Reason>> {
    match why {
        None => Some(None),
        Some((kind, detail)) => Some(Some(Reason::new(Code::of_code(kind).ok()?, detail))),
    }
}

#[cfg(test)]
mod tests {
    use watchkeeper_domain::report::{Evidence, ReasonKind};

    use super::super::example::{checked, flipped};
    use super::super::postgres::MAX_PAYLOAD_BYTES;
    use super::*;

    #[test]
    fn an_event_comes_back_as_it_went() {
        for event in [checked(1, 2), flipped(3, 4)] {
            assert_eq!(read(&format!("[{}]", write(&event).unwrap())), [event]);
        }
    }

    #[test]
    fn evidence_stays_at_home() {
        let mut event = checked(1, 2);
        if let Happening::Checked(check) = &mut event.happening {
            check.evidence = Some(Evidence { body: Some("x".repeat(1000)), ..Evidence::default() });
        }
        assert_eq!(read(&format!("[{}]", write(&event).unwrap())), [checked(1, 2)]);
    }

    #[test]
    fn the_largest_event_fits_a_payload() {
        let mut event = checked(1, i64::MAX - 7);
        if let Happening::Checked(check) = &mut event.happening {
            check.reason = Some(Reason::new(ReasonKind::Body, "\u{1}".repeat(Reason::MAX_CHARS)));
            check.region = Region::parse(&"r".repeat(Region::MAX_BYTES)).unwrap();
        }
        assert!(write(&event).unwrap().len() < MAX_PAYLOAD_BYTES / 2);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let good = write(&checked(1, 2)).unwrap();
        assert_eq!(read(&format!("[{{}},{good},{{\"w\":\"x\",\"m\":\"y\",\"h\":{{\"z\":1}}}}]")), [checked(1, 2)]);
        assert_eq!(read("garbage"), []);
    }
}
