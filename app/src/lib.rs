//! The Watchkeeper program: configuration, the HTTP side, the engine side, and the wiring between them and the adapters.

pub mod command;
pub mod config;
pub mod engine;
pub mod failure;
pub mod http;
pub mod logging;
pub mod open_files;
pub mod process;
pub mod secret;
pub mod store_connections;
pub mod threads;
pub mod tick;
pub mod traces;
pub mod wiring;
