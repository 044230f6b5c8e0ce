//! Events for the tests of the feeds.

use std::time::Duration;

use uuid::Uuid;
use watchkeeper_domain::check::{Check, Origin, Region};
use watchkeeper_domain::event::{Event, Happening};
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::report::{Reason, ReasonKind, Timings};
use watchkeeper_domain::status::{Flip, Status};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::verdict::Verdict;

pub(super) fn workspace(n: u128) -> WorkspaceId {
    WorkspaceId::new(Uuid::from_u128(n))
}

/// A failed check of a workspace, told apart from others by its slot.
pub(super) fn checked(of: u128, slot: i64) -> Event {
    let check = Check {
        monitor: MonitorId::new(Uuid::from_u128(9)),
        region: Region::default(),
        slot: Timestamp::from_micros(slot),
        origin: Origin::Confirmation,
        checked_at: Timestamp::from_micros(slot + 7),
        verdict: Verdict::Down,
        reason: Some(Reason::new(ReasonKind::Body, "the answer broke off: \"ä\"\n")),
        latency: Duration::from_micros(123_456),
        timings: Timings { connect: Some(Duration::from_micros(77)), ..Timings::default() },
        http_status: Some(200),
        evidence: None,
    };
    Event { workspace: workspace(of), monitor: check.monitor, happening: Happening::Checked(Box::new(check)) }
}

/// A flip of a workspace, told apart from others by its slot.
pub(super) fn flipped(of: u128, slot: i64) -> Event {
    let flip = Flip {
        from: Status::Up,
        to: Status::Down,
        at: Timestamp::from_micros(slot),
        settled_by: Timestamp::from_micros(slot + 10),
        reason: Some(Reason::new(ReasonKind::Timeout, "no answer within 10 s")),
    };
    Event { workspace: workspace(of), monitor: MonitorId::new(Uuid::from_u128(9)), happening: Happening::Flipped(flip) }
}
