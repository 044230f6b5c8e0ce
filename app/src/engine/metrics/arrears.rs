//! What the store still owes: notices, and history that is to be derived. As of the janitor's last round, since whoever
//! scrapes must never wait for the store.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use watchkeeper_domain::port;
use watchkeeper_domain::time::Timestamp;

use super::Named;

/// Gauges of what is owed.
#[derive(Clone, Debug)]
pub(crate) struct Arrears {
    pub(in crate::engine) notices: Gauge,
    pub(in crate::engine) notice_overdue: Gauge,
    pub(in crate::engine) rolled_up_to: Gauge,
    pub(in crate::engine) folded_to: Gauge,
    pub(in crate::engine) whole_overdue: Gauge,
}

impl Arrears {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut named = Named(registry);
        Self {
            notices: named.level("notices_owed", "Notices that are neither delivered nor given up"),
            notice_overdue: named
                .level("notice_overdue_seconds", "For how long the notice that waits the longest has been due"),
            rolled_up_to: named.level(
                "history_rolled_up_to_timestamp_seconds",
                "Hours that began before it are rolled up; 0 before the first",
            ),
            folded_to: named.level(
                "history_folded_to_timestamp_seconds",
                "Days that began before it are folded; 0 before the first",
            ),
            whole_overdue: named.level(
                "history_overdue_seconds",
                "For how long the oldest check that is kept whole should have been packed and gone",
            ),
        }
    }

    /// Shows it as of an instant, from which on whole checks are kept since `raw_from`.
    pub(in crate::engine) fn show(&self, owed: &port::Arrears, now: Timestamp, raw_from: Timestamp) {
        let overdue = owed.notice_due_at.map_or(0, |due_at| now.since(due_at).as_secs());
        let seconds = |at: Option<Timestamp>| at.map_or(0, |at| at.as_micros() / MICROS_PER_SECOND);
        self.notices.set(i64::try_from(owed.notices).unwrap_or(i64::MAX));
        self.notice_overdue.set(i64::try_from(overdue).unwrap_or(i64::MAX));
        self.rolled_up_to.set(seconds(owed.rolled_up_to));
        self.folded_to.set(seconds(owed.folded_to));
        let whole_overdue = owed.whole_since.map_or(0, |slot| raw_from.since(slot).as_secs());
        self.whole_overdue.set(i64::try_from(whole_overdue).unwrap_or(i64::MAX));
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;
