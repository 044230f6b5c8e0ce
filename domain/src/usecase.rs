//! What Watchkeeper does, step by step, on the ports: accounts, monitors, reading history, watching, and telling people.
//!
//! A use case decides purely, then acts with one call of a port. Each is a struct of ports with a method a case.

mod account;
mod dispatch;
mod history;
mod monitor;
mod watch;
mod workspace;

pub use account::{AccountError, Accounts, LoggedIn};
pub use dispatch::Dispatch;
pub use history::{
    DEFAULT_WINDOW, History, HistoryError, LATENCY_BUCKETS_BY_DEFAULT, MAX_TIMELINE_STRETCHES, UPTIME_DAYS,
    WindowRequest,
};
pub use monitor::{MonitorDraft, MonitorError, MonitorPatch, Monitors, TargetDraft};
pub use watch::{AssignedWork, Assignment, Memory, Recap, Watch};
pub use workspace::{Kept, RetentionPatch, WorkspaceError, Workspaces};
