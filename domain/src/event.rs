//! What is told live to those who look on.

use crate::check::Check;
use crate::id::{MonitorId, WorkspaceId};
use crate::status::Flip;

/// Something that has just been recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A check.
    Checked(Box<Check>),
    /// A change of status.
    Flipped(Flip),
}

/// Something that has just been recorded, and for whom. It is a hint to look, not the record itself: where a listener
/// falls behind, the oldest events are dropped without a word, and it goes on with the next one there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Whose.
    pub workspace: WorkspaceId,
    /// About what.
    pub monitor: MonitorId,
    /// What.
    pub happening: Happening,
}
