//! The stores: the contract suite on each, and what is particular to it.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod migration;
mod postgres;
mod sqlite;
