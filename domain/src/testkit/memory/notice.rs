//! Notices: what is owed, and the ledger of what was tried.

use async_trait::async_trait;

use super::watched::Lease;
use super::{MemoryStore, World};
use crate::id::{IncidentId, LeaseToken, NoticeId};
use crate::monitor::Monitor;
use crate::notice::{Delivery, DeliveryOutcome, NOTICE_LEASE, Notice, NoticeClaim};
use crate::port::{Arrears, IdGenerator, NoticeRepo, RepoResult};
use crate::status::Flip;
use crate::time::Timestamp;

/// A notice, and how far it has come.
pub(super) struct Owed {
    pub(super) notice: Notice,
    /// When the next attempt is due; `None` where it is delivered or dead.
    due_at: Option<Timestamp>,
    /// How many attempts were begun, also those of which nothing was heard again.
    attempts: u32,
    lease: Option<Lease>,
    pub(super) ledger: Vec<Delivery>,
}

#[async_trait]
impl NoticeRepo for MemoryStore {
    async fn claim_notices(&self, now: Timestamp, limit: u32, token: LeaseToken) -> RepoResult<Vec<NoticeClaim>> {
        let mut world = self.world();
        let is_free = |owed: &Owed| owed.lease.as_ref().is_none_or(|lease| lease.until <= now);
        let mut due: Vec<&mut Owed> = world
            .notices
            .values_mut()
            .filter(|owed| owed.due_at.is_some_and(|at| at <= now) && is_free(owed))
            .collect();
        due.sort_by_key(|owed| (owed.notice.created_at, owed.notice.id));
        let claims = due.into_iter().take(limit as usize).map(|owed| {
            owed.attempts += 1;
            owed.lease = Some(Lease { token, until: now.plus(NOTICE_LEASE) });
            NoticeClaim { notice: owed.notice.clone(), attempt: owed.attempts, token }
        });
        Ok(claims.collect())
    }

    async fn record_deliveries(&self, deliveries: &[Delivery]) -> RepoResult<()> {
        let mut world = self.world();
        for delivery in deliveries {
            let holds = |owed: &&mut Owed| owed.lease.as_ref().is_some_and(|lease| lease.token == delivery.token);
            if let Some(owed) = world.notices.get_mut(&delivery.notice).filter(holds) {
                owed.lease = None;
                owed.due_at = match &delivery.outcome {
                    DeliveryOutcome::Delivered => None,
                    DeliveryOutcome::Failed { retry_at, .. } => *retry_at,
                };
                owed.ledger.push(delivery.clone());
            }
        }
        Ok(())
    }
}

impl World {
    /// How many notices are owed, and when the first of them is due or its lease ends.
    pub(super) fn owed(&self) -> (u64, Option<Timestamp>) {
        let due_at = |owed: &Owed| {
            let lease_until = owed.lease.as_ref().map(|lease| lease.until);
            owed.due_at.map(|due_at| lease_until.unwrap_or(due_at))
        };
        let due: Vec<Timestamp> = self.notices.values().filter_map(due_at).collect();
        (due.len().min(Arrears::MAX_NOTICES as usize) as u64, due.into_iter().min())
    }

    /// Owes every enabled channel of the monitor's workspace a notice of a flip.
    pub(super) fn owe(
        &mut self,
        monitor: &Monitor,
        incident: IncidentId,
        flip: &Flip,
        now: Timestamp,
        ids: &dyn IdGenerator,
    ) {
        for channel in self.channels.values().filter(|c| c.workspace == monitor.workspace && c.is_enabled) {
            let notice = Notice {
                id: NoticeId::new(ids.uuid()),
                workspace: monitor.workspace,
                channel: channel.id,
                channel_kind: channel.kind,
                monitor: monitor.id,
                incident,
                monitor_name: monitor.settings.name.as_str().to_owned(),
                target_url: monitor.settings.target.url().to_owned(),
                from: flip.from,
                to: flip.to,
                since: flip.at,
                reason: flip.reason.clone(),
                created_at: now,
            };
            let owed = Owed { due_at: Some(now), attempts: 0, lease: None, ledger: Vec::new(), notice };
            self.notices.insert(owed.notice.id, owed);
        }
    }
}
