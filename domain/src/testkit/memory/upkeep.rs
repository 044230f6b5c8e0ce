//! Keeping the store in order.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::watched::Watched;
use super::{MemoryStore, World};
use crate::id::SessionId;
use crate::port::{Arrears, Folded, Purged, RepoResult, Retired, Upkeep};
use crate::retention::{Left, Retention};
use crate::rollup::{DAY, HOUR, day_of, has_settled, hour_of};
use crate::session::forgotten_before;
use crate::time::{Timestamp, Window};

#[async_trait]
impl Upkeep for MemoryStore {
    async fn ping(&self) -> RepoResult<()> {
        Ok(())
    }

    async fn can_write(&self) -> RepoResult<()> {
        Ok(())
    }

    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String> {
        Ok(self.world().fingerprint.get_or_insert_with(|| fingerprint.to_owned()).clone())
    }

    async fn prepare(&self, _now: Timestamp) -> RepoResult<()> {
        Ok(())
    }

    /// The log is kept whole here and read as fast as any rollup, so rolling up is to remember how far it has come.
    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>> {
        let mut world = self.world();
        let Some(hour) = world.rolled_up_to.or_else(|| world.first_hour()) else { return Ok(None) };
        let end = hour.plus(HOUR);
        let may_start =
            |watched: &Watched| watched.next_due_at.is_some_and(|slot| slot < end && watched.epoch.after(slot) > now);
        let is_open = |watched: &Watched| watched.open.range(..end).next().is_some() || may_start(watched);
        if !has_settled(hour, now) || world.monitors.values().any(is_open) {
            return Ok(None);
        }
        world.rolled_up_to = Some(end);
        Ok(Some(hour))
    }

    /// As with hours; a step takes a whole day.
    async fn fold(&self, _limit: u32) -> RepoResult<Folded> {
        let mut world = self.world();
        let Some(rolled_up_to) = world.rolled_up_to else { return Ok(Folded::default()) };
        let Some(day) = world.folded_to.or_else(|| world.first_hour().map(day_of)) else {
            return Ok(Folded::default());
        };
        let end = day.plus(DAY);
        if end > rolled_up_to {
            return Ok(Folded::default());
        }
        world.folded_to = Some(end);
        let has_checks = |watched: &&Watched| watched.checks.range(day..end).next().is_some();
        let monitor_days = world.monitors.values().filter(has_checks).count() as u64;
        Ok(Folded { monitor_days, finished: Some(day), has_more: end.plus(DAY) <= rolled_up_to })
    }

    async fn retire(&self, now: Timestamp, retention: &Retention, _limit: u32) -> RepoResult<Retired> {
        let mut world = self.world();
        let Some(folded_to) = world.folded_to else { return Ok(Retired::default()) };
        let before = world.raw_from.unwrap_or(Timestamp::EPOCH);
        let left = retention.left(now);
        let raw_from = left.raw_from.min(folded_to).max(before);
        let has_moved = world.raw_from.replace(raw_from) != Some(raw_from);
        world.left = Some(world.left.unwrap_or(Left::ALL).and(left));
        let mut rows = 0;
        for watched in world.monitors.values_mut() {
            Window::new(before, raw_from).into_iter().for_each(|newly| watched.pack(newly));
            rows += watched.let_go(&left, raw_from);
        }
        rows += world.let_go_of_workspaces(now, retention, raw_from);
        Ok(Retired { raw_from: has_moved.then_some(raw_from), rows, has_more: false })
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> RepoResult<Purged> {
        let mut world = self.world();
        let sessions = world.purge_tokens(now, limit);
        let history_rows = world.purge_deleted(limit);
        let has_deleted = world.monitors.values().any(|watched| watched.is_deleted);
        let forgotten = forgotten_before(now);
        let has_expired = world.tokens.values().any(|token| token.expires_at < forgotten);
        Ok(Purged { history_rows, sessions, has_more: has_deleted || has_expired })
    }

    async fn arrears(&self) -> RepoResult<Arrears> {
        let world = self.world();
        let (notices, notice_due_at) = world.owed();
        let raw_from = world.raw_from.unwrap_or(Timestamp::EPOCH);
        let oldest = |watched: &Watched| Some(*watched.checks.range(raw_from..).next()?.0);
        let whole_since = world.monitors.values().filter_map(oldest).min();
        let (rolled_up_to, folded_to) = (world.rolled_up_to, world.folded_to);
        Ok(Arrears { notices, notice_due_at, rolled_up_to, folded_to, whole_since })
    }

    async fn size_bytes(&self) -> RepoResult<u64> {
        Ok(0)
    }
}

impl World {
    /// The beginning of the hour in which the first check lies.
    fn first_hour(&self) -> Option<Timestamp> {
        let first = self.monitors.values().filter_map(|watched| watched.checks.keys().next()).copied().min()?;
        Some(hour_of(first))
    }

    /// The same where workspaces ask for less.
    fn let_go_of_workspaces(&mut self, now: Timestamp, retention: &Retention, raw_from: Timestamp) -> u64 {
        let mut rows = 0;
        for (id, keeping) in self.workspaces.iter_mut().filter(|(_, keeping)| !keeping.own.is_empty()) {
            let left = keeping.own.within(retention).left(now);
            keeping.left = keeping.left.and(left);
            for watched in self.monitors.values_mut().filter(|watched| watched.monitor.workspace == *id) {
                rows += watched.let_go(&left, raw_from) + watched.drop_evidence(left.raw_from);
            }
        }
        rows
    }

    fn purge_tokens(&mut self, now: Timestamp, limit: u32) -> u64 {
        let forgotten = forgotten_before(now);
        let expired = self.tokens.iter().filter(|(_, token)| token.expires_at < forgotten);
        let expired: Vec<_> = expired.map(|(hash, _)| *hash).take(limit as usize).collect();
        for hash in &expired {
            self.tokens.remove(hash);
        }
        let living: BTreeSet<SessionId> = self.tokens.values().map(|token| token.family).collect();
        self.families.retain(|id, _| living.contains(id));
        expired.len() as u64
    }

    /// Removes rows of deleted monitors, and a monitor itself once nothing is left of it.
    fn purge_deleted(&mut self, limit: u32) -> u64 {
        let mut room = limit as usize;
        for watched in self.monitors.values_mut().filter(|watched| watched.is_deleted) {
            while room > 0 && watched.forget_one() {
                room -= 1;
            }
        }
        let forgotten: Vec<_> =
            self.monitors.values().filter(|w| w.is_deleted && w.is_forgotten()).map(|w| w.monitor.id).collect();
        for id in forgotten {
            self.monitors.remove(&id);
            self.incidents.retain(|_, incident| incident.monitor != id);
            self.notices.retain(|_, owed| owed.notice.monitor != id);
        }
        (limit as usize - room) as u64
    }
}

impl Watched {
    /// Lets go of packed checks and of sums that are not to be kept any longer, and answers how many checks that were.
    fn let_go(&mut self, left: &Left, raw_from: Timestamp) -> u64 {
        self.tallies = self.tallies.split_off(&left.rollups_from.min(raw_from));
        self.forget_before(left.packed_from.min(raw_from))
    }

    /// Lets go of the evidence of checks of before an instant, and answers of how many.
    fn drop_evidence(&mut self, before: Timestamp) -> u64 {
        self.checks.range_mut(..before).filter_map(|(_, check)| check.evidence.take()).count() as u64
    }

    /// Removes one row of history; `false` where there is none left.
    fn forget_one(&mut self) -> bool {
        self.tallies.clear();
        self.checks.pop_first().is_some() || self.gaps.pop_first().is_some() || self.spans.pop().is_some()
    }

    fn is_forgotten(&self) -> bool {
        self.checks.is_empty() && self.gaps.is_empty() && self.spans.is_empty()
    }
}
