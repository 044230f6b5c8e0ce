//! Reading what happened.

use std::time::Duration;

use async_trait::async_trait;

use super::watched::{OpenWork, Watched};
use super::{MemoryStore, World};
use crate::audit::{AuditFacts, SlotAccount, account};
use crate::check::{Check, OpenSlot, Region};
use crate::id::MonitorId;
use crate::port::{CheckPage, CheckQuery, Glance, HistoryRepo, LatencyBucket, RepoResult};
use crate::rollup::{LatencyStretches, Tally};
use crate::schedule::Epoch;
use crate::settle::is_slot;
use crate::time::{Timestamp, Window};
use crate::uptime::{Gap, StatusSpan, TimeFacts};

#[async_trait]
impl HistoryRepo for MemoryStore {
    async fn checks(&self, query: &CheckQuery) -> RepoResult<CheckPage> {
        let world = self.world();
        let Some(watched) = world.watched_from(query.monitor, &query.region) else { return Ok(CheckPage::default()) };
        let mut matching =
            watched.checks_in(query.window).rev().filter(|c| query.verdict.is_none_or(|v| c.verdict == v));
        let checks: Vec<Check> = matching.by_ref().take(query.limit as usize).cloned().collect();
        let last = checks.last().map_or(query.window.to(), |check| check.slot);
        let more_before = matching.next().map(|_| last);
        Ok(CheckPage { checks, more_before })
    }

    async fn glances(
        &self,
        asked: &[(MonitorId, Timestamp)],
        region: &Region,
        most: u32,
        limit: u32,
        now: Timestamp,
    ) -> RepoResult<Vec<Glance>> {
        let world = self.world();
        let glance = |(id, from): &(MonitorId, Timestamp)| {
            let Some(watched) = world.watched_from(*id, region) else { return Glance::default() };
            let window = Window::new(*from, now.next()).unwrap_or(Window::last(Duration::ZERO, *from));
            let past = watched.checks.values().rev().filter(|check| check.slot <= now);
            let recent = past.take(limit as usize).cloned().collect();
            Glance { facts: watched.time_facts(window, most), recent }
        };
        Ok(asked.iter().map(glance).collect())
    }

    async fn time_facts(
        &self,
        asked: &[(MonitorId, Window)],
        region: &Region,
        most: u32,
    ) -> RepoResult<Vec<TimeFacts>> {
        let world = self.world();
        let facts = |(id, window): &(MonitorId, Window)| {
            world.watched_from(*id, region).map_or_else(TimeFacts::default, |watched| watched.time_facts(*window, most))
        };
        Ok(asked.iter().map(facts).collect())
    }

    async fn account(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        now: Timestamp,
    ) -> RepoResult<SlotAccount> {
        let world = self.world();
        let Some(watched) = world.watched_from(monitor, region) else { return Ok(SlotAccount::default()) };
        let facts = AuditFacts {
            epochs: watched.epochs().filter(|epoch| epoch_touches(epoch, window)).cloned().collect(),
            gaps: watched.gaps.values().filter(|gap| gap_touches(gap, window)).copied().collect(),
            open: watched.open_slots(),
            next_due_at: watched.next_due_at,
            ..AuditFacts::default()
        };
        let settled = facts.settled(window, now);
        let (tallies, checks) = watched.survey(settled, |_| true);
        let mut checked = Tally::default();
        tallies.into_iter().for_each(|(_, tally)| checked.merge(tally));
        checks.into_iter().for_each(|check| checked.add(check.origin, check.verdict, check.latency));
        let Tally { up, degraded, down, .. } = checked;
        Ok(account(&AuditFacts { up, degraded, down, ..facts }, window, now))
    }

    async fn gaps(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        before: Option<Timestamp>,
        limit: u32,
    ) -> RepoResult<Vec<Gap>> {
        let world = self.world();
        let Some(watched) = world.watched_from(monitor, region) else { return Ok(Vec::new()) };
        let asked = |gap: &&Gap| gap_touches(gap, window) && before.is_none_or(|before| gap.run.first < before);
        Ok(watched.gaps.values().rev().filter(asked).take(limit as usize).copied().collect())
    }

    async fn latencies(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        step: Duration,
    ) -> RepoResult<Vec<LatencyBucket>> {
        let world = self.world();
        let Some(watched) = world.watched_from(monitor, region) else { return Ok(Vec::new()) };
        let mut stretches = LatencyStretches::new(window, step);
        let whole = stretches.clone();
        let (tallies, checks) = watched.survey(window, |hour| whole.hold_whole(hour));
        tallies.into_iter().for_each(|(hour, tally)| stretches.add_whole(hour, &tally.latencies));
        checks.into_iter().for_each(|check| stretches.add(check.slot, check.verdict, check.latency));
        Ok(stretches.into_stretches().map(|(at, latencies)| LatencyBucket { at, latencies }).collect())
    }
}

impl World {
    /// A monitor that is checked from a region.
    fn watched_from(&self, id: MonitorId, region: &Region) -> Option<&Watched> {
        self.watched(id).filter(|watched| watched.epoch.region == *region)
    }
}

impl Watched {
    /// The checks whose slots lie in a window, the oldest first.
    fn checks_in(&self, window: Window) -> impl DoubleEndedIterator<Item = &Check> {
        self.checks.range(window.from()..window.to()).map(|(_, check)| check)
    }

    /// What is known of its time in a window, the newest of each kind.
    fn time_facts(&self, window: Window, most: u32) -> TimeFacts {
        TimeFacts {
            spans: newest(most, self.spans.iter().filter(|span| span_touches(span, window)).copied()),
            epochs: newest(most, self.epochs().filter(|epoch| epoch_touches(epoch, window)).cloned()),
            gaps: newest(most, self.gaps_up_to_the_slot_after(window).copied()),
            open: self.open_slots(),
            next_due_at: self.next_due_at,
        }
    }

    /// The slots that are claimed and not yet recorded.
    fn open_slots(&self) -> Vec<OpenSlot> {
        let slots = self.open.iter().filter(|(_, work)| is_slot(work.origin));
        let open = slots.filter_map(|(slot, OpenWork { start_before, lease, .. })| {
            Some(OpenSlot { slot: *slot, start_before: *start_before, lease_until: lease.as_ref()?.until })
        });
        open.collect()
    }

    /// The gaps that blind some of a window: each lasts up to the slot after it.
    fn gaps_up_to_the_slot_after(&self, window: Window) -> impl DoubleEndedIterator<Item = &Gap> {
        self.gaps.values().filter(move |gap| {
            gap.run.first < window.to() && self.epoch_of(gap.run.first).after(gap.run.last) > window.from()
        })
    }
}

/// The last of them, in their order, at most so many.
fn newest<T>(most: u32, all: impl DoubleEndedIterator<Item = T>) -> Vec<T> {
    let mut newest: Vec<T> = all.rev().take(most as usize).collect();
    newest.reverse();
    newest
}

fn span_touches(span: &StatusSpan, window: Window) -> bool {
    span.from < window.to() && span.to.is_none_or(|to| to > window.from())
}

fn epoch_touches(epoch: &Epoch, window: Window) -> bool {
    epoch.began_at < window.to() && epoch.end() > window.from()
}

fn gap_touches(gap: &Gap, window: Window) -> bool {
    gap.run.first < window.to() && gap.run.last >= window.from()
}
