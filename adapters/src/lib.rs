//! Watchkeeper's ports on real things. Each module keeps one promise of [`watchkeeper_domain::port`] with one library,
//! and nothing here decides: policy is the domain's, configuration the application's.

pub mod backup;
pub mod clock;
mod cohort;
pub mod connections;
pub mod connectivity;
pub mod console;
pub mod feed;
pub mod http;
pub mod id;
mod log;
pub mod password;
pub mod postgres;
pub mod rfc3339;
mod row;
pub mod sqlite;
pub mod token;
