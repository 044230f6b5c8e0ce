//! Watchkeeper, the program: configuration, the HTTP API and the engine, all on the domain's use cases.

pub mod config;
pub mod engine;
