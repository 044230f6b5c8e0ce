//! Reading ahead: what a process has to know before its first claim is read outside of any transaction, several cohorts at
//! once. A million members take a second or more; read by the claims that need them they would hold up all recording for as
//! long, and twice as long.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use tokio::task::JoinSet;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::cohort::Member;
use watchkeeper_domain::time::Timestamp;

use super::{CohortMemory, CohortRow, Known};
use crate::row::Fault;

/// How many cohorts are read at once: no more than a store has connections for questions.
const READ_AT_ONCE: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// What is read ahead, on connections of its own.
#[async_trait]
pub(crate) trait Archive: Clone + Send + Sync + 'static {
    /// The cohorts of a region that have something due up to an instant, those first that have waited longest.
    async fn due(&self, region: &Region, horizon: Timestamp) -> Result<Vec<CohortRow>, Fault>;

    /// The members of a cohort.
    async fn members(&self, cohort: i64) -> Result<Vec<Member>, Fault>;
}

impl CohortMemory {
    /// Reads the members of all cohorts of a region that have something due up to an instant and are not remembered. Where
    /// that fails, or is cut short, what was read is kept, and the next call reads the rest.
    pub(crate) async fn read_ahead(
        &self,
        archive: &impl Archive,
        region: &Region,
        horizon: Timestamp,
    ) -> Result<(), Fault> {
        // The row is read before the members: what has changed in between is in both, and harmless to follow again.
        let mut unread = archive.due(region, horizon).await?.into_iter().filter(|row| !self.knows(row.id));
        let mut reading: JoinSet<Result<(i64, Known), Fault>> = JoinSet::new();
        loop {
            while reading.len() < READ_AT_ONCE.get()
                && let Some(row) = unread.next()
            {
                let archive = archive.clone();
                reading.spawn(async move { Ok((row.id, Known::of(&row, archive.members(row.id).await?))) });
            }
            let Some(read) = reading.join_next().await else { return Ok(()) };
            let (id, known) = read.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
            self.keep(id, known);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::row::Instant;

    /// Cohorts without members, each of which may be read once it is let.
    #[derive(Clone)]
    struct Slow {
        cohorts: i64,
        asked: Arc<Mutex<Vec<i64>>>,
        may_answer: Arc<Semaphore>,
        is_broken_at: Option<i64>,
    }

    impl Slow {
        fn of(cohorts: i64, answers: usize) -> Self {
            let (asked, may_answer) = (Arc::default(), Arc::new(Semaphore::new(answers)));
            Self { cohorts, asked, may_answer, is_broken_at: None }
        }

        fn asked(&self) -> Vec<i64> {
            self.asked.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Archive for Slow {
        async fn due(&self, _: &Region, _: Timestamp) -> Result<Vec<CohortRow>, Fault> {
            Ok((1..=self.cohorts)
                .map(|id| CohortRow { id, claimed_to: Instant::from_micros(0), version: 1, timeline: 0 })
                .collect())
        }

        async fn members(&self, cohort: i64) -> Result<Vec<Member>, Fault> {
            self.asked.lock().unwrap().push(cohort);
            self.may_answer.acquire().await.unwrap().forget();
            if self.is_broken_at == Some(cohort) { Err(Fault::NoInstant) } else { Ok(Vec::new()) }
        }
    }

    async fn read(memory: &CohortMemory, archive: &Slow) -> Result<(), Fault> {
        memory.read_ahead(archive, &Region::default(), Timestamp::from_micros(0)).await
    }

    #[tokio::test]
    async fn cohorts_are_read_once_and_few_at_a_time() {
        let (memory, archive) = (Arc::new(CohortMemory::default()), Slow::of(5, 0));
        let reading = tokio::spawn({
            let (memory, archive) = (Arc::clone(&memory), archive.clone());
            async move { read(&memory, &archive).await }
        });
        while archive.asked().len() < READ_AT_ONCE.get() {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            archive.asked(),
            [1, 2],
            "those that have waited longest come first, and no others before they are read"
        );
        archive.may_answer.add_permits(5);
        reading.await.unwrap().unwrap();
        read(&memory, &archive).await.unwrap();
        assert_eq!(archive.asked().into_iter().collect::<BTreeSet<_>>(), (1..=5).collect());
        assert_eq!(archive.asked().len(), 5);
        assert!((1..=5).all(|id| memory.knows(id)));
    }

    #[tokio::test]
    async fn what_was_read_before_a_failure_is_not_read_again() {
        let memory = CohortMemory::default();
        let broken = Slow { is_broken_at: Some(3), ..Slow::of(3, 3) };
        assert!(read(&memory, &broken).await.is_err());
        let mended = Slow::of(3, 3);
        read(&memory, &mended).await.unwrap();
        assert!(mended.asked().contains(&3) && !mended.asked().contains(&1));
        assert!((1..=3).all(|id| memory.knows(id)));
    }
}
