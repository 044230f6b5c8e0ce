//! The engine on the memory store, in paused time: hours pass in milliseconds, and every instant is exact.

mod dispatcher;
mod janitor;
mod recorder;
mod scheduler;
pub(crate) mod stage;
mod whole;
