//! The pure core of Watchkeeper, the uptime monitor that you can audit.
//!
//! Here is what a monitor *is*: when it is due ([`schedule`]), what a probe's report means ([`verdict`]), when a status
//! changes ([`status`]), what has to be written because of it ([`settle`]), and how the time was spent ([`uptime`],
//! [`audit`], [`histogram`]). Nothing here does I/O, asks for the time or rolls dice: time and chance come in as
//! arguments or through the ports ([`port`]), behind which the world lies. The use cases ([`usecase`]) put both
//! together.
//!
//! # Embedding
//!
//! Implement the ports on what you have (or take the in-memory store of the feature `testkit`), and drive
//! [`usecase::Watch`]: claim what is due, probe, record. `examples/embed.rs` is a whole monitor in one file. Run the
//! contract suite of the feature `testkit` against your own store: every MUST of the store's ports that can be
//! seen from outside is a case of it.
//!
//! # Features
//!
//! - `testkit`: the in-memory store and the contract suite.
//! - `mock`: a mock of every port, made by mockall.
//!
//! # A whole monitor in one file
//!
//! ```no_run
#![doc = include_str!("../examples/embed.rs")]
//! ```

pub mod account;
pub mod address;
pub mod audit;
pub mod check;
pub mod cohort;
pub mod event;
pub mod histogram;
pub mod id;
pub mod incident;
pub mod invalid;
pub mod monitor;
pub mod notice;
pub mod pack;
pub mod port;
pub mod report;
pub mod retention;
pub mod retry;
pub mod rollup;
pub mod schedule;
pub mod session;
pub mod settle;
pub mod status;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod uptime;
pub mod usecase;
pub mod varint;
pub mod verdict;
