//! The live feed: what has just been recorded, told to those who look on. It is a hint and never the record, so
//! everything here is bounded and drops the oldest rather than wait.

mod local;
mod postgres;
mod queue;
mod wire;

pub use local::{LocalFeed, MAX_WAITING_EVENTS};
pub use postgres::{MAX_QUEUED_EVENTS, NOTIFY_CHANNEL, PostgresFeed};

#[cfg(test)]
mod example;
