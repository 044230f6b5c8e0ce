//! The Watchkeeper program: configuration, the HTTP side, the engine side, and the wiring between them and the adapters.

pub mod config;
pub mod engine;
pub mod http;
