//! The status of a monitor as the API shows it.

use poem_openapi::Enum;
use watchkeeper_domain::status;

/// What a monitor is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "MonitorStatus", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    /// Nothing is known yet.
    Pending,
    /// It works.
    Up,
    /// It works, but not well.
    Degraded,
    /// It does not work, and that is confirmed.
    Down,
    /// Nobody watches it.
    Paused,
    /// It is being worked on, and that is announced.
    Maintenance,
    /// It was missed for so long that nobody knows.
    Unknown,
}

impl From<status::Status> for Status {
    fn from(status: status::Status) -> Self {
        match status {
            status::Status::Pending => Self::Pending,
            status::Status::Up => Self::Up,
            status::Status::Degraded => Self::Degraded,
            status::Status::Down => Self::Down,
            status::Status::Paused => Self::Paused,
            status::Status::Maintenance => Self::Maintenance,
            status::Status::Unknown => Self::Unknown,
        }
    }
}
