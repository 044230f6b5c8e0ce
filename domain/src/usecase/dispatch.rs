//! Delivering what is owed: take notices, deliver each by its means, write down what came of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::LeaseToken;
use crate::notice::{ChannelKind, Delivery, DeliveryOutcome, NotDelivered, NoticeClaim};
use crate::port::{Clock, IdGenerator, NoticeRepo, Notifier, RepoResult};
use crate::retry::DELIVERY_BACKOFF;

/// Delivers notices. It is never on the path of checking.
#[derive(Clone)]
pub struct Dispatch {
    repo: Arc<dyn NoticeRepo>,
    notifiers: HashMap<ChannelKind, Arc<dyn Notifier>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl Dispatch {
    /// A dispatch with these means of delivery.
    pub fn new(
        repo: Arc<dyn NoticeRepo>,
        notifiers: impl IntoIterator<Item = Arc<dyn Notifier>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        let notifiers = notifiers.into_iter().map(|notifier| (notifier.kind(), notifier)).collect();
        Self { repo, notifiers, clock, ids }
    }

    /// Takes notices that are due.
    ///
    /// # Errors
    /// Where the store could not do it.
    pub async fn claim(&self, limit: u32) -> RepoResult<Vec<NoticeClaim>> {
        self.repo.claim_notices(self.clock.now(), limit, LeaseToken::new(self.ids.uuid())).await
    }

    /// Makes one attempt.
    pub async fn deliver(&self, claim: &NoticeClaim) -> Delivery {
        let at = self.clock.now();
        let result = match self.notifiers.get(&claim.notice.channel_kind) {
            Some(notifier) => notifier.deliver(&claim.notice).await,
            None => Err(NotDelivered { detail: "this node has no means to reach the channel".into(), is_final: false }),
        };
        let now = self.clock.now();
        let outcome = match result {
            Ok(()) => DeliveryOutcome::Delivered,
            Err(NotDelivered { detail, is_final }) => {
                let wait = DELIVERY_BACKOFF.wait(claim.attempt, self.ids.chance()).filter(|_| !is_final);
                DeliveryOutcome::Failed { error: detail, retry_at: wait.map(|wait| now.plus(wait)) }
            }
        };
        Delivery {
            notice: claim.notice.id,
            attempt: claim.attempt,
            token: claim.token,
            at,
            took: now.since(at),
            outcome,
        }
    }

    /// Writes attempts into the ledger.
    ///
    /// # Errors
    /// Where the store could not do it.
    pub async fn record(&self, deliveries: &[Delivery]) -> RepoResult<()> {
        self.repo.record_deliveries(deliveries).await
    }
}
