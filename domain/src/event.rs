//! What is told live to those who look on.

use crate::check::Check;
use crate::id::{MonitorId, WorkspaceId};
use crate::status::Flip;

/// Something that has just been recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A check is in the log; boxed, since it is much larger than a flip.
    Checked(Box<Check>),
    /// The status changed; its check is told of as well.
    Flipped(Flip),
}

/// Something that has just been recorded, and for whom. It is a hint to look, not the record itself: where a listener
/// falls behind, the oldest events are dropped without a word, and it goes on with the next one there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The workspace whose listeners hear of it.
    pub workspace: WorkspaceId,
    /// The monitor that it happened to.
    pub monitor: MonitorId,
    /// What was recorded.
    pub happening: Happening,
}
