//! What the connections of a store do at a moment, for those who watch it. Asking costs a few loads and never waits.

use sqlx::{Database, Pool};

/// The connections of one pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How many there may be.
    pub most: u32,
    /// How many are at work.
    pub in_use: u32,
    /// How many are open and wait for work.
    pub idle: u32,
}

impl Connections {
    pub(crate) fn of<DB: Database>(pool: &Pool<DB>) -> Self {
        let open = pool.size();
        // The two are read one after the other, and may change in between.
        let idle = u32::try_from(pool.num_idle()).unwrap_or(open).min(open);
        Self { most: pool.options().get_max_connections(), in_use: open - idle, idle }
    }
}
