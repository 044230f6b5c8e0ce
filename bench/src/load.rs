//! What is to be watched.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statistics::whole;

/// Monitors, and how often each is checked.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Load {
    pub(crate) monitors: u32,
    pub(crate) interval_seconds: u32,
}

impl Load {
    pub(crate) const fn new(monitors: u32, interval_seconds: u32) -> Self {
        Self { monitors, interval_seconds }
    }

    /// Checks a second.
    pub(crate) fn rate(self) -> f64 {
        f64::from(self.monitors) / f64::from(self.interval_seconds)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} monitors every {} s", whole(self.monitors.into()), self.interval_seconds)
    }
}
