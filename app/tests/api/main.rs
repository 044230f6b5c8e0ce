//! The HTTP side on the memory store, through its outermost endpoint: what a client sees.
//!
//! Every answer is held against `openapi.yaml` as well: an operation that answers a status which its document does not
//! know fails the test that asked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod bound;
mod document;
mod edge;
mod event;
mod history;
mod input;
mod isolation;
mod limit;
mod monitor;
mod outage;
mod page;
mod server;
mod workspace;
