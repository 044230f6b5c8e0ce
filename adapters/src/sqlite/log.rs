//! The log of one monitor, read without searching.
//!
//! The log lies time first, so that a monitor's rows are scattered among all others'. But what can be in it is known:
//! slots lie on the grids of its epochs, less its gaps, and are looked up by their key; confirmations and manual checks
//! are found through the small index of notable checks. The cost does not grow with the number of other monitors.

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::Gap;
use watchkeeper_domain::verdict::Verdict;

use super::values::json;
use crate::row::{CheckRow, Code, EpochRow, Fault, GapRow, Unreadable};

/// How many slots are looked up in one statement.
const SLOTS_AT_ONCE: usize = 500;
/// How many checks beside the grid are read in one statement.
const NOTABLE_AT_ONCE: usize = 1_000;

/// All time that a log can speak of.
pub(super) fn all_time() -> Window {
    Window::new(Timestamp::EPOCH, Timestamp::from_micros(i64::MAX))
        .unwrap_or(Window::last(std::time::Duration::MAX, Timestamp::from_micros(i64::MAX)))
}

/// Where a monitor's scheduled checks can lie in a window.
pub(super) struct Log {
    pub(super) key: i64,
    pub(super) region: Region,
    /// The epochs that touch the window, the oldest first.
    pub(super) epochs: Vec<Epoch>,
    /// The gaps that touch the window, the oldest first.
    pub(super) gaps: Vec<Gap>,
    /// The slot that is to be claimed next; `None` while paused.
    pub(super) next_due_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct KeyRow {
    key: i64,
    next_due_at: Option<i64>,
}

impl Log {
    /// Looks a monitor up; `None` where there is none that is checked from this region.
    pub(super) async fn open(
        step: &mut SqliteConnection,
        monitor: MonitorId,
        region: &Region,
        window: Window,
    ) -> Result<Option<Self>, Fault> {
        let row: Option<KeyRow> = sqlx::query_as(
            "SELECT m.key, d.next_due_at
               FROM monitors AS m
               LEFT JOIN schedule AS d ON d.monitor_key = m.key AND d.region = ?
              WHERE m.id = ? AND m.deleted_at IS NULL",
        )
        .bind(region.as_str())
        .bind(monitor.uuid())
        .fetch_optional(&mut *step)
        .await?;
        let Some(KeyRow { key, next_due_at }) = row else { return Ok(None) };
        let epochs = epochs(step, key, monitor.uuid(), region, window).await?;
        let gaps = gaps(step, key, region, window).await?;
        let next_due_at = next_due_at.map(Timestamp::from_micros);
        Ok(Some(Self { key, region: region.clone(), epochs, gaps, next_due_at }))
    }

    /// The slots of a window at which a check can be, the newest first.
    fn slots_back(&self, window: Window) -> impl Iterator<Item = Timestamp> + '_ {
        let end = self.next_due_at.map_or(window.to(), |next| next.min(window.to()));
        let claimed = Window::new(window.from().min(end), end).unwrap_or(window);
        self.epochs.iter().rev().flat_map(move |epoch| epoch.slots_back(claimed)).filter(|slot| !self.is_gap(*slot))
    }

    fn is_gap(&self, slot: Timestamp) -> bool {
        let after = self.gaps.partition_point(|gap| gap.run.first <= slot);
        after.checked_sub(1).and_then(|n| self.gaps.get(n)).is_some_and(|gap| slot <= gap.run.last)
    }

    /// The newest checks of a window, the newest first, at most `limit`, looking at most at so many pieces of the log;
    /// and where to go on where there may be more.
    pub(super) async fn newest(
        &self,
        step: &mut SqliteConnection,
        window: Window,
        verdict: Option<Verdict>,
        limit: usize,
        most_pieces: usize,
    ) -> Result<(Vec<CheckRow>, Option<Timestamp>), Fault> {
        let mut found = Vec::new();
        let mut upper = window.to();
        let mut slots = self.slots_back(window).peekable();
        for _ in 0..most_pieces {
            let is_rare = verdict.is_some_and(|verdict| verdict != Verdict::Up);
            let mut lower = window.from();
            let mut piece: Vec<CheckRow> = Vec::new();
            if !is_rare {
                let room = SLOTS_AT_ONCE.min(limit.max(16));
                let asked: Vec<Timestamp> = slots.by_ref().take(room).collect();
                if slots.peek().is_some() {
                    lower = asked.last().copied().unwrap_or(lower);
                }
                piece.extend(self.at_slots(step, &asked).await?);
            }
            let notable = self.notable(step, lower, upper, !is_rare).await?;
            if notable.len() == NOTABLE_AT_ONCE {
                lower = notable.last().map_or(lower, |row| Timestamp::from_micros(row.slot));
                piece.retain(|row| row.slot >= lower.as_micros());
            }
            piece.extend(notable);
            piece.sort_by_key(|row| std::cmp::Reverse(row.slot));
            for row in piece.into_iter().filter(|row| verdict.is_none_or(|verdict| row.verdict == verdict.code())) {
                if found.len() == limit {
                    return Ok((found, Some(upper)));
                }
                upper = Timestamp::from_micros(row.slot);
                found.push(row);
            }
            if lower <= window.from() {
                return Ok((found, None));
            }
            upper = lower;
            if found.len() == limit {
                return Ok((found, Some(upper)));
            }
            // The slots that were cut off above are asked for again.
            let rest = Window::new(window.from(), upper).unwrap_or(window);
            slots = self.slots_back(rest).peekable();
        }
        Ok((found, Some(upper)))
    }

    async fn at_slots(&self, step: &mut SqliteConnection, slots: &[Timestamp]) -> Result<Vec<CheckRow>, Fault> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_as(AT_SLOTS).bind(self.key).bind(self.region.as_str()).bind(json(slots)).fetch_all(step).await?)
    }

    async fn notable(
        &self,
        step: &mut SqliteConnection,
        from: Timestamp,
        to: Timestamp,
        is_unscheduled: bool,
    ) -> Result<Vec<CheckRow>, Fault> {
        Ok(sqlx::query_as(NOTABLE)
            .bind(self.key)
            .bind(self.region.as_str())
            .bind(from.as_micros())
            .bind(to.as_micros())
            .bind(i16::from(is_unscheduled))
            .bind(i64::try_from(NOTABLE_AT_ONCE).unwrap_or(i64::MAX))
            .fetch_all(step)
            .await?)
    }

    /// Verdict and latency of every check in a window, in no order.
    pub(super) async fn points(&self, step: &mut SqliteConnection, window: Window) -> Result<Vec<Point>, Fault> {
        let mut points = Vec::new();
        let slots: Vec<Timestamp> = self.slots_back(window).collect();
        for piece in slots.chunks(SLOTS_AT_ONCE) {
            let query = sqlx::query_as::<_, Point>(POINTS_AT_SLOTS).bind(self.key).bind(self.region.as_str());
            points.extend(query.bind(json(piece)).fetch_all(&mut *step).await?);
        }
        let notable: Vec<Point> = sqlx::query_as(UNSCHEDULED_POINTS)
            .bind(self.key)
            .bind(self.region.as_str())
            .bind(window.from().as_micros())
            .bind(window.to().as_micros())
            .fetch_all(step)
            .await?;
        points.extend(notable);
        Ok(points)
    }
}

/// The least that is known of a check.
#[derive(Clone, Copy, Debug, FromRow)]
pub(super) struct Point {
    pub(super) slot: i64,
    pub(super) origin: i16,
    pub(super) verdict: i16,
    pub(super) latency_us: i64,
}

pub(super) const AT_SLOTS: &str = "
    SELECT c.slot, c.origin, c.slot + c.late_us AS checked_at, c.verdict, c.reason_kind, c.reason_detail, c.latency_us,
           c.dns_us, c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status, e.body AS evidence
      FROM checks AS c
      LEFT JOIN evidence AS e ON e.slot = c.slot AND e.monitor_key = c.monitor_key AND e.region = c.region
     WHERE c.monitor_key = ? AND c.region = ? AND c.slot IN (SELECT value FROM json_each(?)) AND c.origin = 0";

pub(super) const NOTABLE: &str = "
    SELECT c.slot, c.origin, c.slot + c.late_us AS checked_at, c.verdict, c.reason_kind, c.reason_detail, c.latency_us,
           c.dns_us, c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status, e.body AS evidence
      FROM checks AS c
      LEFT JOIN evidence AS e ON e.slot = c.slot AND e.monitor_key = c.monitor_key AND e.region = c.region
     WHERE (c.verdict <> 1 OR c.origin <> 0)
       AND c.monitor_key = ? AND c.region = ? AND c.slot >= ? AND c.slot < ? AND c.origin >= ?
     ORDER BY c.slot DESC
     LIMIT ?";

pub(super) const POINTS_AT_SLOTS: &str = "
    SELECT slot, origin, verdict, latency_us
      FROM checks
     WHERE monitor_key = ? AND region = ? AND slot IN (SELECT value FROM json_each(?)) AND origin = 0";

pub(super) const UNSCHEDULED_POINTS: &str = "
    SELECT slot, origin, verdict, latency_us
      FROM checks
     WHERE (verdict <> 1 OR origin <> 0)
       AND monitor_key = ? AND region = ? AND slot >= ? AND slot < ? AND origin <> 0";

/// The epochs that touch a window, the oldest first.
pub(super) async fn epochs(
    step: &mut SqliteConnection,
    key: i64,
    monitor: Uuid,
    region: &Region,
    window: Window,
) -> Result<Vec<Epoch>, Fault> {
    let rows: Vec<EpochRow> = sqlx::query_as(
        "SELECT began_at, ended_at, opening_slot, interval_ms, phase_ms
           FROM schedule_epochs
          WHERE monitor_key = ? AND region = ? AND began_at < ? AND (ended_at IS NULL OR ended_at > ?)
          ORDER BY began_at",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(window.to().as_micros())
    .bind(window.from().as_micros())
    .fetch_all(step)
    .await?;
    Ok(rows.iter().map(|row| row.epoch(monitor, region)).collect())
}

/// The gaps that touch a window, the oldest first. Gaps lie apart, so that the one before the window's beginning is the
/// only one from outside that can reach into it.
pub(super) async fn gaps(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    window: Window,
) -> Result<Vec<Gap>, Fault> {
    let before = gap_before(step, key, region, window.from()).await?;
    let rows: Vec<GapRow> = sqlx::query_as(
        "SELECT first_slot, last_slot, count, outcome
           FROM slot_gaps
          WHERE monitor_key = ? AND region = ? AND first_slot >= ? AND first_slot < ?
          ORDER BY first_slot",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(window.from().as_micros())
    .bind(window.to().as_micros())
    .fetch_all(step)
    .await?;
    let before = before.filter(|gap| gap.run.last >= window.from() && gap.run.first < window.to());
    let inside: Vec<Gap> = rows.into_iter().map(Gap::try_from).collect::<Result<_, Unreadable>>()?;
    Ok(before.into_iter().chain(inside).collect())
}

/// The newest gap that begins before an instant.
pub(super) async fn gap_before(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    at: Timestamp,
) -> Result<Option<Gap>, Fault> {
    let row: Option<GapRow> = sqlx::query_as(
        "SELECT first_slot, last_slot, count, outcome
           FROM slot_gaps
          WHERE monitor_key = ? AND region = ? AND first_slot < ?
          ORDER BY first_slot DESC
          LIMIT 1",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(at.as_micros())
    .fetch_optional(step)
    .await?;
    Ok(row.map(Gap::try_from).transpose()?)
}
