//! The settings of monitors as they were looked up, by version: a cache, so that claiming need not read them again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::id::MonitorId;
use crate::monitor::Monitor;

/// Monitors that were looked up, at most so many: where there is no room, the one that was looked up the longest ago is
/// forgotten. Deleted ones are asked for no more and go that way as well.
#[derive(Debug)]
pub(super) struct SettingsCache {
    most: usize,
    count: u64,
    /// Each with the number of its look-up.
    monitors: HashMap<MonitorId, (u64, Arc<Monitor>)>,
    look_ups: BTreeMap<u64, MonitorId>,
}

impl SettingsCache {
    /// An empty cache that holds at most so many.
    pub(super) fn of(most: usize) -> Self {
        Self { most, count: 0, monitors: HashMap::new(), look_ups: BTreeMap::new() }
    }

    /// A monitor, if it is here in this version.
    pub(super) fn find(&self, id: MonitorId, version: u32) -> Option<&Arc<Monitor>> {
        self.monitors.get(&id).map(|(_, monitor)| monitor).filter(|monitor| monitor.version == version)
    }

    /// Keeps a monitor that was just looked up, in the place of what was known of it.
    pub(super) fn keep(&mut self, monitor: Arc<Monitor>) {
        let (id, number) = (monitor.id, self.count);
        self.count += 1;
        if let Some((before, _)) = self.monitors.insert(id, (number, monitor)) {
            self.look_ups.remove(&before);
        }
        self.look_ups.insert(number, id);
        while self.look_ups.len() > self.most
            && let Some((_, oldest)) = self.look_ups.pop_first()
        {
            self.monitors.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::WorkspaceId;
    use crate::testkit::fixture::{self, T0};

    fn monitor(number: u128, version: u32) -> Arc<Monitor> {
        let id = MonitorId::new(Uuid::from_u128(number));
        Arc::new(Monitor { version, ..fixture::monitor(id, WorkspaceId::new(Uuid::nil()), 60, T0) })
    }

    #[test]
    fn the_one_that_was_looked_up_the_longest_ago_is_forgotten_and_no_other() {
        let mut cache = SettingsCache::of(3);
        for (number, version) in [(1, 1), (2, 1), (3, 1), (1, 2), (4, 1)] {
            cache.keep(monitor(number, version));
        }
        let known = |number, version| cache.find(MonitorId::new(Uuid::from_u128(number)), version).is_some();
        assert_eq!([known(1, 2), known(2, 1), known(3, 1), known(4, 1)], [true, false, true, true]);
        assert!(!known(1, 1), "another version");
        assert_eq!((cache.monitors.len(), cache.look_ups.len()), (3, 3));
    }
}
