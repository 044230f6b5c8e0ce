//! Work: what is due, and what came of it.

use async_trait::async_trait;
use watchkeeper_domain::check::{Claim, Region, Settled};
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, ClaimedWork, ManualClaim, Recorded, RepoResult};
use watchkeeper_domain::time::Timestamp;

use super::cohort::PgArchive;
use super::{PostgresStore, claim, commit, log, partition, record};
use crate::cohort::Claimed;
use crate::row::{Fault, Instant};

impl PostgresStore {
    async fn claim_once(&self, request: &ClaimRequest) -> Result<ClaimedWork, Fault> {
        let mut transaction = self.begin().await?;
        let Claimed { work, known } = claim::claim(&mut transaction, &self.cohorts, request).await?;
        commit(transaction).await?;
        self.cohorts.keep_all(known);
        Ok(work)
    }

    async fn record_once(&self, now: Timestamp, batch: &[Settled]) -> Result<Vec<Recorded>, Fault> {
        let mut transaction = self.begin().await?;
        let recorded = record::record(&mut transaction, now, batch, self.ids.as_ref()).await?;
        commit(transaction).await?;
        Ok(recorded)
    }

    /// Makes the partitions that a batch needs; `false` where it would be too many.
    async fn make_room(&self, batch: &[Settled]) -> Result<bool, Fault> {
        let mut transaction = self.begin().await?;
        let slots = batch.iter().map(|settled| settled.claim.slot);
        let is_made = partition::prepare_for(&mut transaction, slots).await?;
        commit(transaction).await?;
        Ok(is_made)
    }
}

#[async_trait]
impl CheckRepo for PostgresStore {
    async fn claim(&self, request: &ClaimRequest) -> RepoResult<ClaimedWork> {
        Ok(self.done_again(|| self.claim_once(request)).await?)
    }

    async fn read_ahead(&self, region: &Region, horizon: Timestamp) -> RepoResult<()> {
        Ok(self.cohorts.read_ahead(&PgArchive(self.questions.clone()), region, horizon).await?)
    }

    async fn claim_manual(&self, request: &ManualClaim) -> RepoResult<Option<Claim>> {
        let mut transaction = self.begin().await?;
        let claim = claim::claim_manual(&mut transaction, request).await?;
        commit(transaction).await?;
        Ok(claim)
    }

    async fn record(&self, now: Timestamp, batch: &[Settled]) -> RepoResult<Vec<Recorded>> {
        match self.done_again(|| self.record_once(now, batch)).await {
            Err(fault) if log::is_without_partition(&fault) => {
                // A batch whose slots lie too far apart is a conflict, so that its caller tries smaller ones.
                if !self.make_room(batch).await? {
                    return Err(fault.into());
                }
                Ok(self.done_again(|| self.record_once(now, batch)).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn void_leases(&self, region: &Region, now: Timestamp) -> RepoResult<()> {
        let mut transaction = self.begin().await?;
        for statement in [
            "UPDATE claims SET free_at = $2 WHERE region = $1 AND token IS NOT NULL AND free_at > $2",
            "UPDATE leases SET lease_until = $2 WHERE region = $1 AND lease_until > $2",
        ] {
            let query = sqlx::query(statement).bind(region.as_str()).bind(Instant(now));
            query.execute(&mut *transaction).await.map_err(Fault::from)?;
        }
        Ok(commit(transaction).await?)
    }
}
