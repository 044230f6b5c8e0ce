//! The account of what was watched while something failed: nothing is lost, nothing is there twice, and everybody was told.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use watchkeeper::engine::scheduler::LOOK_AHEAD;
use watchkeeper_adapters::rfc3339;
use watchkeeper_domain::check::LEASE_MARGIN;

use super::scene::{Repair, Scene, Shaky};
use crate::console::Console;
use crate::eventually;

/// How late a machine that does much else may be with anything.
const LATENESS: Duration = Duration::from_secs(1);

/// How many slots of each monitor may be missed because a node is lost, beside those that had been missed before.
pub(crate) struct InHand {
    pub(crate) slots: usize,
    missed_before: Vec<u64>,
}

/// Of each monitor its checks, and what became of its other slots.
pub(crate) type Record = Vec<(Vec<Value>, Value)>;

/// The record up to an instant, at which it can no longer change.
pub(crate) struct Settled {
    pub(crate) until: String,
    pub(crate) record: Record,
}

impl Scene {
    /// Waits until every monitor has been checked again since a repair, and says how long that took; then holds the account
    /// against the record: the targets that went down are known to be, they come back, both were told, and every slot of every
    /// monitor is there once.
    pub(crate) async fn comes_back_after(&mut self, repair: Repair) {
        self.is_checked_since(self.time_of(repair.ended).await).await;
        let back_after = repair.ended.elapsed();
        self.reads_all();
        for Shaky { target, monitor } in [&self.owed, &self.shaky] {
            self.user.sees(monitor, "DOWN").await;
            target.answer(200);
        }
        for Shaky { monitor, .. } in [&self.owed, &self.shaky] {
            self.user.sees(monitor, "UP").await;
        }
        self.balances().await;
        let (missed, due) = (self.slots_that_are("missed").await, self.slots_that_are("due").await);
        let Repair { what, lasted, carried_on_after, .. } = repair;
        let carried_on = carried_on_after.map_or_else(String::new, |after| {
            format!("others had checked all of them {:.1} s after it began; ", after.as_secs_f64())
        });
        let line = format!(
            "{what}: lasted {:.1} s; {carried_on}all {} monitors were checked again {:.1} s after it ended; \
             slots missed: {missed} of {due}",
            lasted.as_secs_f64(),
            self.monitors().count(),
            back_after.as_secs_f64(),
        );
        // Shown even where the test harness captures what passing tests print.
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    /// How many slots of a monitor may be missed at the most because a node is lost: those that it had claimed, none of
    /// which anybody else may start before their leases have ended, and those that fall due while the server keeps for it
    /// the transaction that it has left open, and with it the lock of its cohort. What falls due later is the others'.
    pub(crate) async fn in_hand(&self, of_a_transaction: Duration) -> InHand {
        let lost = LOOK_AHEAD + self.interval() + LEASE_MARGIN + of_a_transaction + LATENESS;
        let slots = usize::try_from(lost.as_millis().div_ceil(self.interval().as_millis())).unwrap();
        InHand { slots, missed_before: self.missed().await }
    }

    /// Makes sure that each monitor has missed no more slots than that.
    pub(crate) async fn misses_at_most(&self, InHand { slots, missed_before }: InHand) {
        for ((monitor, missed), before) in self.monitors().zip(self.missed().await).zip(missed_before) {
            assert!(missed <= before + slots as u64, "{monitor}: {missed} less {before} is more than {slots}");
        }
    }

    /// How many slots of each monitor have been missed.
    async fn missed(&self) -> Vec<u64> {
        let mut missed = Vec::new();
        for monitor in self.monitors() {
            missed.push(self.user.slots(monitor).await["missed"].as_u64().unwrap());
        }
        missed
    }

    /// Waits until whoever is to be told of the target that went down first has been.
    pub(crate) async fn is_told_what_was_owed(&self) {
        let line = format!("{} UP -> DOWN since ", self.owed.target.url());
        let is_printed = async || self.printed().any(|printed| printed.contains(&line)).then_some(());
        eventually("what was owed is told", is_printed).await;
    }

    /// The record of all monitors as far as it can no longer change.
    pub(crate) async fn what_is_settled(&self) -> Settled {
        let now = self.now().await;
        let settled = async || {
            let newest = self.newest_slots().await;
            self.monitors().all(|monitor| newest.get(monitor).is_some_and(|slot| *slot >= now)).then_some(())
        };
        eventually("every slot up to now is settled", settled).await;
        // What was due an interval ago was given no longer than that.
        let until = rfc3339::format(now.minus(self.interval()));
        let record = self.record_until(&until).await;
        Settled { until, record }
    }

    /// The record of all monitors up to an instant at which it can no longer change: the checks, and what became of slots.
    pub(crate) async fn record_until(&self, until: &str) -> Record {
        let mut record = Vec::new();
        for monitor in self.monitors() {
            let mut checks = self.user.checks(monitor).await;
            checks.retain(|check| check["slot"].as_str().unwrap() <= until);
            record.push((checks, self.user.get(&format!("/monitors/{monitor}/gaps?limit=500&to={until}")).await));
        }
        record
    }

    /// Nothing is lost and nothing is there twice.
    async fn balances(&self) {
        for monitor in self.monitors() {
            self.user.finds_every_slot_accounted_for(monitor).await;
        }
        let incidents = self.user.get("/incidents").await;
        let incidents = incidents["items"].as_array().unwrap();
        let of =
            |monitor: &str| incidents.iter().filter(|incident| incident["monitor_id"] == monitor).collect::<Vec<_>>();
        let mut changes = BTreeSet::new();
        for Shaky { target, monitor } in [&self.owed, &self.shaky] {
            let incidents = of(monitor);
            assert_eq!(incidents.len(), 1, "{incidents:?}");
            let incident = self.is_told_of_both_changes(incidents[0]["id"].as_str().unwrap()).await;
            for (change, since) in [("UP -> DOWN", "started_at"), ("DOWN -> UP", "ended_at")] {
                let line = format!("{} {change} since {}", target.url(), incident[since].as_str().unwrap());
                let is_printed = async || self.printed().any(|printed| printed.contains(&line)).then_some(());
                eventually(&format!("what is in the ledger is printed: {line}"), is_printed).await;
                changes.insert(format!("{} {change}", target.url()));
            }
        }
        assert_eq!(incidents.len(), 2, "nobody is told that a target is down which is up: {incidents:?}");
        for printed in self.printed().filter(|printed| printed.contains(" -> ")) {
            let is_it = |change: &String| printed.contains(change.as_str());
            assert!(changes.iter().any(is_it), "what is printed is in the ledger: {printed}");
        }
    }

    /// Waits until an incident's two notices are in the ledger as delivered, once each, and answers the incident.
    async fn is_told_of_both_changes(&self, incident: &str) -> Value {
        let path = format!("/incidents/{incident}");
        let told = async || {
            let incident = self.user.get(&path).await;
            let timeline = incident["timeline"].as_array().unwrap();
            let of = |kind: &str| timeline.iter().filter(|entry| entry["type"] == kind).collect::<Vec<_>>();
            let owed: Vec<_> = of("notice_owed").iter().map(|entry| (&entry["notice_id"], &entry["about"])).collect();
            assert_eq!(owed.iter().map(|(_, about)| *about).collect::<Vec<_>>(), ["DOWN", "UP"], "{incident}");
            let delivered: Vec<_> = of("delivered").iter().map(|entry| &entry["notice_id"]).collect();
            assert!(delivered.len() <= owed.len(), "{incident}");
            owed.iter().all(|(notice, _)| delivered.contains(notice)).then(|| incident.clone())
        };
        eventually("the channel is told of both changes, once each", told).await
    }

    /// All that the nodes have printed so far.
    fn printed(&self) -> impl Iterator<Item = String> {
        self.consoles.iter().flat_map(Console::printed)
    }
}
