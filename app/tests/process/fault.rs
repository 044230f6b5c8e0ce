//! What fails around the program, and how it comes back: a server, a network, a disk, a node. Each test says what was missed
//! and how long it took until every monitor was checked again.

mod clock;
mod disk;
mod network;
mod node;
mod postgres;
mod rolling;
mod scene;
mod sqlite;

pub(crate) use scene::Scene;

/// The line of a node that finds its store gone.
const STORE_FAILS: &str = "the store fails; trying again until it is back";
