//! What fails around the program, and how it comes back: a server, a network, a disk, a node. Each test says what was missed
//! and how long it took until every monitor was checked again.

mod node;
mod postgres;
mod scene;

pub(crate) use scene::Scene;
