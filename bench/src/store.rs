//! What the program wrote: read from its database, since the record is what counts.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

/// On what is stored.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// How many microseconds late a probe began, and whether all was well.
type Check = (i64, bool);
/// The first and the last slot of a run of missed ones, in microseconds since the Unix epoch.
type Gap = (i64, i64);

/// Where it stored.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(PathBuf),
    Postgres(String),
}

/// What is recorded of the slots in a stretch of time.
pub(crate) struct Stretch {
    /// Of each check, how long after its slot the probe began, in milliseconds, sorted.
    pub(crate) late_ms: Vec<f64>,
    /// Checks that were not up.
    pub(crate) failed: u64,
    /// Slots that were missed, or unknown.
    pub(crate) missed: u64,
}

impl Store {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self::Sqlite(directory.join("watchkeeper.db"))
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Reads the slots from one instant up to another, both in microseconds since the Unix epoch, of monitors that all
    /// have this interval.
    pub(crate) async fn stretch(&self, from: i64, to: i64, interval_seconds: u32) -> anyhow::Result<Stretch> {
        let (checks, gaps): (Vec<Check>, Vec<Gap>) = match self {
            Self::Sqlite(file) => {
                let mut connection = read_only(file).await?;
                let checks = sqlx::query("SELECT late_us, verdict = 1 FROM checks WHERE slot >= ? AND slot < ?")
                    .bind(from)
                    .bind(to)
                    .try_map(|row: sqlx::sqlite::SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?)))
                    .fetch_all(&mut connection)
                    .await?;
                let gaps = "SELECT first_slot, last_slot FROM slot_gaps WHERE last_slot >= ? AND first_slot < ?";
                (checks, sqlx::query_as(gaps).bind(from).bind(to).fetch_all(&mut connection).await?)
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                let instants = "to_timestamp($1 / 1e6) AND slot < to_timestamp($2 / 1e6)";
                let checks = format!(
                    "SELECT (extract(epoch FROM checked_at - slot) * 1e6)::bigint, verdict = 1 FROM checks WHERE slot >= {instants}"
                );
                let checks = sqlx::query(sqlx::AssertSqlSafe(checks))
                    .bind(from as f64)
                    .bind(to as f64)
                    .try_map(|row: sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?)))
                    .fetch_all(&mut connection)
                    .await?;
                let gaps = "SELECT unix_us(first_slot), unix_us(last_slot) FROM slot_gaps \
                            WHERE last_slot >= to_timestamp($1 / 1e6) AND first_slot < to_timestamp($2 / 1e6)";
                (checks, sqlx::query_as(gaps).bind(from as f64).bind(to as f64).fetch_all(&mut connection).await?)
            }
        };
        let mut late_ms: Vec<f64> = checks.iter().map(|(late_us, _)| *late_us as f64 / 1e3).collect();
        late_ms.sort_by(f64::total_cmp);
        let failed = checks.iter().filter(|(_, is_up)| !is_up).count() as u64;
        let interval = i64::from(interval_seconds) * 1_000_000;
        Ok(Stretch { late_ms, failed, missed: gaps.into_iter().map(|gap| slots_within(gap, from, to, interval)).sum() })
    }

    /// Before which instant all hours are closed, in microseconds since the Unix epoch; `None` where none is.
    pub(crate) async fn closed_to(&self) -> anyhow::Result<Option<i64>> {
        Ok(match self {
            Self::Sqlite(file) => {
                let closed_to = sqlx::query_scalar("SELECT hours_to FROM history_progress");
                closed_to.fetch_one(&mut read_only(file).await?).await?
            }
            Self::Postgres(url) => {
                let closed_to = sqlx::query_scalar("SELECT unix_us(hours_to) FROM history_progress");
                closed_to.fetch_one(&mut PgConnection::connect(url).await?).await?
            }
        })
    }

    /// The slot that is to be claimed next, of monitors by themselves and of cohorts, in microseconds since the Unix epoch;
    /// `None` where nobody is watched.
    pub(crate) async fn due_since(&self) -> anyhow::Result<Option<i64>> {
        // With the region, so that an index answers and looking takes nothing from who is looked at.
        let next = "SELECT min(next_due_at) AS at FROM schedule WHERE region = 'default' AND cohort_id IS NULL \
                    UNION ALL SELECT min(next_due_at) FROM cohorts WHERE region = 'default'";
        Ok(match self {
            Self::Sqlite(file) => {
                let next = format!("SELECT min(at) FROM ({next})");
                let next = sqlx::query_scalar(sqlx::AssertSqlSafe(next));
                next.fetch_one(&mut read_only(file).await?).await?
            }
            Self::Postgres(url) => {
                let next = format!("SELECT unix_us(min(at)) FROM ({next}) AS next");
                let next = sqlx::query_scalar(sqlx::AssertSqlSafe(next));
                next.fetch_one(&mut PgConnection::connect(url).await?).await?
            }
        })
    }

    /// What has been written up to now.
    pub(crate) async fn written(&self) -> anyhow::Result<Written> {
        let count = "SELECT count(*) FROM checks";
        Ok(match self {
            Self::Sqlite(file) => {
                let mut connection = read_only(file).await?;
                // Between two readings, nothing else in the file grows.
                let pages = "SELECT (page_count - freelist_count) * page_size \
                             FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()";
                let checks = sqlx::query_scalar(count).fetch_one(&mut connection).await?;
                Written { checks, bytes: sqlx::query_scalar(pages).fetch_one(&mut connection).await?, log_bytes: None }
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                let partitions = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint \
                                  FROM pg_partition_tree('checks')";
                let log = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
                let checks = sqlx::query_scalar(count).fetch_one(&mut connection).await?;
                let log_bytes = Some(sqlx::query_scalar(log).fetch_one(&mut connection).await?);
                Written { checks, bytes: sqlx::query_scalar(partitions).fetch_one(&mut connection).await?, log_bytes }
            }
        })
    }
}

/// How much a store has written.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) checks: i64,
    /// What the log of checks takes with its indexes.
    pub(crate) bytes: i64,
    /// What has gone through the server's write-ahead log, where there is one that counts.
    pub(crate) log_bytes: Option<i64>,
}

impl Written {
    /// Bytes for each check since then: of the log of checks, and of the write-ahead log.
    pub(crate) fn for_each_since(self, then: Self) -> (f64, Option<f64>) {
        let checks = (self.checks - then.checks).max(1) as f64;
        let log_bytes = self.log_bytes.zip(then.log_bytes).map(|(after, before)| (after - before) as f64 / checks);
        ((self.bytes - then.bytes) as f64 / checks, log_bytes)
    }
}

/// How many slots of a gap lie in a stretch: those before it are counted off from the first, those behind it from the
/// last.
fn slots_within((first, last): Gap, from: i64, to: i64, interval: i64) -> u64 {
    let (before, behind) = ((from - first).max(0), (last - (to - 1)).max(0));
    let outside = (before + interval - 1) / interval + (behind + interval - 1) / interval;
    ((last - first) / interval + 1 - outside).max(0).unsigned_abs()
}

async fn read_only(file: &Path) -> sqlx::Result<sqlx::SqliteConnection> {
    SqliteConnectOptions::new().filename(file).read_only(true).connect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_shared_out_among_the_checks() {
        let then = Written { checks: 10, bytes: 1_000, log_bytes: Some(5_000) };
        let now = Written { checks: 20, bytes: 2_650, log_bytes: Some(7_000) };
        assert_eq!(now.for_each_since(then), (165.0, Some(200.0)));
    }

    #[test]
    fn of_a_gap_only_the_slots_within_the_stretch_count() {
        assert_eq!(slots_within((0, 90), 0, 100, 10), 10);
        assert_eq!(slots_within((0, 90), 10, 90, 10), 8);
        assert_eq!(slots_within((5, 95), 10, 90, 10), 8);
        assert_eq!(slots_within((40, 40), 0, 100, 10), 1);
        assert_eq!(slots_within((0, 90), 200, 300, 10), 0);
    }
}
