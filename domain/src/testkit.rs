//! The in-memory store, the contract suite, and stand-ins for the other ports.
//!
//! - [`MemoryStore`] implements every repository port by the domain's own policy functions: something to embed, to test
//!   use cases on, and to read before writing a store of one's own.
//! - [`contract`] holds a case for every MUST of the ports; [`crate::store_contract!`] runs them against any store.
//! - [`SteppingClock`], [`CountingIds`], [`MemoryFeed`], [`FakeProber`] and [`RecordingNotifier`] stand in for the rest of
//!   the outside; [`fixture`] makes values that show only what matters to a test.
//!
//! Everything here is pure as the domain itself: no runtime, no clock, no randomness.

mod clock;
pub mod contract;
mod feed;
pub mod fixture;
mod ids;
mod memory;
mod notifier;
mod prober;

pub use clock::SteppingClock;
pub use feed::MemoryFeed;
pub use ids::CountingIds;
pub use memory::MemoryStore;
pub use notifier::RecordingNotifier;
pub use prober::FakeProber;
