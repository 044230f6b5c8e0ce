//! The port of the work: claiming and recording, each in a file of its own.

use async_trait::async_trait;
use watchkeeper_domain::check::{Claim, Region, Settled};
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, ClaimedWork, ManualClaim, Recorded, RepoResult};
use watchkeeper_domain::time::Timestamp;

use super::cohort::SqliteArchive;
use super::{SqliteStore, claim, record};
use crate::cohort::Claimed;
use crate::row::Fault;

#[async_trait]
impl CheckRepo for SqliteStore {
    async fn claim(&self, request: &ClaimRequest) -> RepoResult<ClaimedWork> {
        let mut step = self.write().await?;
        let Claimed { work, known } = claim::claim(&mut step, &self.cohorts, request).await?;
        step.commit().await.map_err(Fault::from)?;
        self.cohorts.keep_all(known);
        Ok(work)
    }

    async fn read_ahead(&self, region: &Region, horizon: Timestamp) -> RepoResult<()> {
        Ok(self.cohorts.read_ahead(&SqliteArchive(self.readers.clone()), region, horizon).await?)
    }

    async fn claim_manual(&self, request: &ManualClaim) -> RepoResult<Option<Claim>> {
        let mut step = self.write().await?;
        let claim = claim::claim_manual(&mut step, request).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(claim)
    }

    async fn record(&self, now: Timestamp, batch: &[Settled]) -> RepoResult<Vec<Recorded>> {
        let mut step = self.write().await?;
        let recorded = record::record(&mut step, self.ids.as_ref(), now, batch).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(recorded)
    }

    async fn void_leases(&self, region: &Region, now: Timestamp) -> RepoResult<()> {
        let mut step = self.write().await?;
        for statement in [
            "UPDATE claims SET lease_until = ?1 WHERE region = ?2 AND token IS NOT NULL AND lease_until > ?1",
            "UPDATE leases SET lease_until = ?1 WHERE region = ?2 AND lease_until > ?1",
        ] {
            let query = sqlx::query(statement).bind(now.as_micros()).bind(region.as_str());
            query.execute(&mut *step).await.map_err(Fault::from)?;
        }
        step.commit().await.map_err(Fault::from)?;
        Ok(())
    }
}
