//! Recording: what a batch of results brings about, in one step.
//!
//! A healthy check of a healthy monitor costs three statements shared with the rest of its batch: find its claim, end
//! the claim, write the check. Only of monitors whose state may change more is read, and only what changes is written.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Origin, Outcome, Region, Settled};
use watchkeeper_domain::id::WorkspaceId;
use watchkeeper_domain::port::{IdGenerator, Recorded};
use watchkeeper_domain::schedule::SlotRun;
use watchkeeper_domain::settle::{
    Consequence, Standing, confirmation_deadline, instants_from, is_slot, leaves_as_it_is, settle,
};
use watchkeeper_domain::status::{State, Status};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::GapOutcome;
use watchkeeper_domain::verdict::Verdict;

use super::monitor_row::{begin_span, first_free, write_state};
use super::values::{pieces, query_with_rows, scalar_with_rows};
use super::{claim, gap, incident, lease, together};
use crate::row::{CheckRow, Code, EpochRow, Fault, MonitorRow, StateRow, Unreadable, bigint};

/// A result whose claim is held by its token, and as much of its monitor as a healthy check needs.
#[derive(FromRow)]
struct HeldRow {
    position: i64,
    monitor_key: i64,
    monitor_id: Uuid,
    workspace_id: Uuid,
    origin: i16,
    held: i16,
    is_calm: bool,
    has_older: bool,
    cohort_id: Option<i64>,
    /// Whether a lease held it, which has shrunk already.
    #[sqlx(skip)]
    is_leased: bool,
}

/// As much of the monitor of a slot that was leased, as it stands in its array; what is true is 1.
#[derive(Deserialize)]
struct LeasedRow {
    position: i64,
    monitor_key: i64,
    workspace_id: Uuid,
    held: i16,
    is_calm: u8,
    has_older: u8,
}

impl LeasedRow {
    fn of(self, settled: &Settled) -> HeldRow {
        let Self { position, monitor_key, workspace_id, held, is_calm, has_older } = self;
        HeldRow {
            position,
            monitor_key,
            monitor_id: settled.claim.monitor.uuid(),
            workspace_id,
            origin: Origin::Scheduled.code(),
            held,
            is_calm: is_calm == 1,
            has_older: has_older == 1,
            cohort_id: None,
            is_leased: true,
        }
    }
}

impl HeldRow {
    /// Whether a result leaves the monitor's state as it is.
    fn stays_with(&self, outcome: &Outcome) -> Result<bool, Unreadable> {
        let Outcome::Checked(check) = outcome else { return Ok(!is_slot(Code::of_code(self.origin)?)) };
        let held = Status::of_code(self.held)?;
        Ok(leaves_as_it_is(held, self.is_calm, self.has_older, check.verdict))
    }
}

/// How a monitor stands whose state may change.
#[derive(FromRow)]
struct StandingRow {
    #[sqlx(flatten)]
    monitor: MonitorRow,
    #[sqlx(flatten)]
    epoch: EpochRow,
    #[sqlx(flatten)]
    state: StateRow,
}

/// Where a monitor stands in the course of a batch.
struct Progress {
    standing: Standing,
    stored: State,
    has_older: bool,
}

/// Something that must be written beside the check itself.
enum Effect {
    Consequence { key: i64, of: Box<(Check, Consequence)> },
    Unknown { key: i64, region: Region, slot: Timestamp },
}

/// Records a batch, oldest slot first, and answers for each in the order given.
pub(super) async fn record(
    step: &mut SqliteConnection,
    ids: &dyn IdGenerator,
    now: Timestamp,
    batch: &[Settled],
) -> Result<Vec<Recorded>, Fault> {
    let settling = lease::settle(step, batch).await?;
    let mut held = held(step, batch, &settling).await?;
    held.sort_by_key(|row| (slot_of(batch, row), row.monitor_key, region_of(batch, row), row.position));
    held.dedup_by_key(|row| (slot_of(batch, row), row.monitor_key, region_of(batch, row)));
    end_claims(step, batch, &held).await?;

    let mut answers = vec![Recorded::Stale; batch.len()];
    let mut monitors = moving(step, batch, &held).await?;
    let (mut checks, mut effects) = (Vec::with_capacity(held.len()), Vec::new());
    for row in held {
        let (key, position) = (row.monitor_key, usize::try_from(row.position).unwrap_or(usize::MAX));
        let Some(Settled { claim, outcome }) = batch.get(position) else { continue };
        let origin = Code::of_code(row.origin)?;
        let progress = monitors.get_mut(&key);
        let mut flip = None;
        match outcome {
            Outcome::Checked(check) => {
                let check = Check { slot: claim.slot, origin, ..check.as_ref().clone() };
                checks.push((key, claim.region.clone(), CheckRow::of(&check)?));
                if let Some(progress) = progress {
                    let consequence = settle(&progress.standing, &check, now);
                    let state = consequence.state.unwrap_or(progress.standing.state);
                    progress.standing.state = State { last_slot: consequence.last_slot, ..state };
                    flip.clone_from(&consequence.flip);
                    if consequence.flip.is_some() || consequence.confirm_at.is_some() {
                        effects.push(Effect::Consequence { key, of: Box::new((check, consequence)) });
                    }
                }
            }
            Outcome::Unknown if is_slot(origin) => {
                if let Some(progress) = progress {
                    progress.standing.state = progress.standing.state.silent(claim.slot, 1);
                }
                effects.push(Effect::Unknown { key, region: claim.region.clone(), slot: claim.slot });
            }
            Outcome::Unknown => {}
        }
        let workspace = WorkspaceId::new(row.workspace_id);
        if let Some(answer) = answers.get_mut(position) {
            *answer = Recorded::Recorded { workspace, flip };
        }
    }
    insert_checks(step, &checks).await?;
    write_states(step, &monitors).await?;
    for effect in effects {
        bring_about(step, ids, now, &monitors, effect).await?;
    }
    Ok(answers)
}

fn slot_of(batch: &[Settled], row: &HeldRow) -> Option<Timestamp> {
    batch.get(usize::try_from(row.position).ok()?).map(|settled| settled.claim.slot)
}

fn region_of<'b>(batch: &'b [Settled], row: &HeldRow) -> Option<&'b Region> {
    batch.get(usize::try_from(row.position).ok()?).map(|settled| &settled.claim.region)
}

/// How the monitors stand whose states may change.
async fn moving(
    step: &mut SqliteConnection,
    batch: &[Settled],
    held: &[HeldRow],
) -> Result<HashMap<i64, Progress>, Fault> {
    let mut asked: BTreeMap<i64, (&Region, bool)> = BTreeMap::new();
    for row in held {
        let Some(Settled { claim, outcome }) = usize::try_from(row.position).ok().and_then(|at| batch.get(at)) else {
            continue;
        };
        if !row.stays_with(outcome)? {
            asked.entry(row.monitor_key).or_insert((&claim.region, false)).1 |= row.has_older;
        }
    }
    let mut monitors = HashMap::with_capacity(asked.len());
    for (key, (region, has_older)) in asked {
        let row: Option<StandingRow> =
            sqlx::query_as(STANDING).bind(key).bind(region.as_str()).fetch_optional(&mut *step).await?;
        let Some(row) = row else { continue };
        let epoch = row.epoch.epoch(row.monitor.id, region);
        let stored = State::try_from(row.state)?;
        let standing = Standing { monitor: row.monitor.try_into()?, epoch, state: stored };
        monitors.insert(key, Progress { standing, stored, has_older });
    }
    Ok(monitors)
}

/// How a monitor stands.
pub(super) const STANDING: &str = "
    SELECT m.*, e.began_at, e.ended_at, e.opening_slot, e.interval_ms, e.phase_ms, s.*
      FROM monitors AS m
     CROSS JOIN monitor_states AS s ON s.monitor_key = m.key
     CROSS JOIN schedule_epochs AS e ON e.monitor_key = m.key
     WHERE m.key = ?1 AND e.region = ?2
     ORDER BY e.began_at DESC
     LIMIT 1";

/// The claims that tokens hold, each with as much of its monitor as a healthy check needs.
pub(super) const HELD: &str = "
    WITH asked (position, id, region, slot, token) AS ({rows})
    SELECT asked.position, c.monitor_key, m.id AS monitor_id, m.workspace_id, c.origin, s.held,
           s.streak_since IS NULL AND s.silence_since IS NULL AS is_calm,
           (SELECT cohort_id FROM schedule AS d WHERE d.monitor_key = c.monitor_key AND d.region = c.region) AS cohort_id,
           EXISTS (SELECT 1 FROM claims AS older
                    WHERE older.monitor_key = c.monitor_key
                      AND older.region = c.region
                      AND older.slot < c.slot) AS has_older
      FROM asked
     CROSS JOIN monitors AS m ON m.id = asked.id
     CROSS JOIN claims AS c
        ON c.monitor_key = m.key AND c.region = asked.region AND c.slot = asked.slot AND c.token = asked.token
     CROSS JOIN monitor_states AS s ON s.monitor_key = m.key";

/// As much as a healthy check needs of the monitors of slots that were leased, together: the rows of [`LeasedRow`].
pub(super) const LEASED: &str = "
    WITH asked (position, id, region, slot) AS ({rows})
    SELECT json_group_array(json_array(
               asked.position, m.key, hex(m.workspace_id), s.held, s.streak_since IS NULL AND s.silence_since IS NULL,
               EXISTS (SELECT 1 FROM claims AS older
                        WHERE older.monitor_key = m.key AND older.region = asked.region AND older.slot < asked.slot)))
      FROM asked
     CROSS JOIN monitors AS m ON m.id = asked.id
     CROSS JOIN monitor_states AS s ON s.monitor_key = m.key";

/// Finds what of a batch its tokens hold, by a lease or by a claim of its own.
async fn held(
    step: &mut SqliteConnection,
    batch: &[Settled],
    settling: &lease::Settling,
) -> Result<Vec<HeldRow>, Fault> {
    let (leased, rest): (Vec<_>, Vec<_>) =
        batch.iter().enumerate().partition(|(position, _)| settling.positions.contains(position));
    let mut held = claimed(step, &rest).await?;
    let mut cohorts = settling.cohorts.clone();
    cohorts.extend(held.iter().filter_map(|row| row.cohort_id));
    for piece in pieces(&leased) {
        let query = piece.iter().fold(scalar_with_rows(LEASED, 4, piece.len()), |query, (position, settled)| {
            let claim = &settled.claim;
            query
                .bind(bigint(*position))
                .bind(claim.monitor.uuid())
                .bind(claim.region.as_str())
                .bind(claim.slot.as_micros())
        });
        let rows: Vec<LeasedRow> = together::fetch(query, step).await?;
        held.extend(rows.into_iter().filter_map(|row| {
            let settled = usize::try_from(row.position).ok().and_then(|at| batch.get(at))?;
            Some(row.of(settled))
        }));
    }
    let newest = held.iter().filter_map(|row| slot_of(batch, row)).max();
    let oldest = lease::oldest(step, &cohorts, newest.unwrap_or(Timestamp::EPOCH)).await?;
    for row in &mut held {
        row.has_older |= oldest.get(&row.monitor_id).is_some_and(|oldest| Some(*oldest) < slot_of(batch, row));
    }
    Ok(held)
}

/// Finds the claims of results that their tokens hold.
async fn claimed(step: &mut SqliteConnection, asked: &[(usize, &Settled)]) -> Result<Vec<HeldRow>, Fault> {
    let mut held = Vec::with_capacity(asked.len());
    for piece in pieces(asked) {
        let query = piece.iter().fold(query_with_rows(HELD, 5, piece.len()), |query, (position, settled)| {
            let claim = &settled.claim;
            query
                .bind(bigint(*position))
                .bind(claim.monitor.uuid())
                .bind(claim.region.as_str())
                .bind(claim.slot.as_micros())
                .bind(claim.token.uuid())
        });
        for row in query.fetch_all(&mut *step).await? {
            held.push(HeldRow::from_row(&row)?);
        }
    }
    Ok(held)
}

/// Ends claims.
pub(super) const END: &str = "DELETE FROM claims WHERE (monitor_key, region, slot) IN ({rows})";

async fn end_claims(step: &mut SqliteConnection, batch: &[Settled], held: &[HeldRow]) -> Result<(), Fault> {
    let ended: Vec<_> = held
        .iter()
        .filter(|row| !row.is_leased)
        .filter_map(|row| Some((row, slot_of(batch, row)?, region_of(batch, row)?)))
        .collect();
    for piece in pieces(&ended) {
        let query = piece.iter().fold(query_with_rows(END, 3, piece.len()), |query, (row, slot, region)| {
            query.bind(row.monitor_key).bind(region.as_str()).bind(slot.as_micros())
        });
        query.execute(&mut *step).await?;
    }
    Ok(())
}

async fn insert_checks(step: &mut SqliteConnection, checks: &[(i64, Region, CheckRow)]) -> Result<(), Fault> {
    for piece in pieces(checks) {
        // A claim is recorded once, so that nothing is in the way. Were something, it would be of the same instant of
        // the same monitor: its claim was recorded before, and the first record stands.
        let statement = "INSERT INTO checks
                (slot, monitor_key, region, origin, late_us, verdict, reason_kind, reason_detail, latency_us,
                 dns_us, connect_us, tls_us, first_byte_us, transfer_us, http_status) {rows}
             ON CONFLICT (slot, monitor_key, region) DO NOTHING";
        let query = piece.iter().fold(query_with_rows(statement, 15, piece.len()), |query, (key, region, row)| {
            query
                .bind(row.slot)
                .bind(key)
                .bind(region.as_str())
                .bind(row.origin)
                .bind(row.checked_at.0.as_micros().saturating_sub(row.slot.0.as_micros()))
                .bind(row.verdict)
                .bind(row.reason_kind)
                .bind(row.reason_detail.as_deref())
                .bind(row.latency_us)
                .bind(row.dns_us)
                .bind(row.connect_us)
                .bind(row.tls_us)
                .bind(row.first_byte_us)
                .bind(row.transfer_us)
                .bind(row.http_status)
        });
        query.execute(&mut *step).await?;
    }
    let seen: Vec<_> = checks.iter().filter(|(_, _, row)| row.evidence.is_some()).collect();
    for piece in pieces(&seen) {
        let statement = "INSERT INTO evidence (slot, monitor_key, region, body) {rows}
             ON CONFLICT (slot, monitor_key, region) DO NOTHING";
        let query = piece.iter().fold(query_with_rows(statement, 4, piece.len()), |query, (key, region, row)| {
            query.bind(row.slot).bind(key).bind(region.as_str()).bind(row.evidence.as_deref())
        });
        query.execute(&mut *step).await?;
    }
    Ok(())
}

/// Writes the states that changed. One that has only seen a newer slot is written only while an older result may still
/// come, since only then does it matter.
async fn write_states(step: &mut SqliteConnection, monitors: &HashMap<i64, Progress>) -> Result<(), Fault> {
    for (key, progress) in monitors {
        let state = &progress.standing.state;
        let has_moved = progress.has_older && state.last_slot != progress.stored.last_slot;
        if state.is_news_to(&progress.stored) || has_moved {
            write_state(step, *key, state).await?;
        }
    }
    Ok(())
}

async fn bring_about(
    step: &mut SqliteConnection,
    ids: &dyn IdGenerator,
    now: Timestamp,
    monitors: &HashMap<i64, Progress>,
    effect: Effect,
) -> Result<(), Fault> {
    match effect {
        Effect::Unknown { key, region, slot } => {
            let run = SlotRun { first: slot, last: slot, count: 1 };
            gap::leave(step, key, &region, run, GapOutcome::Unknown).await
        }
        Effect::Consequence { key, of } => {
            let (check, consequence) = *of;
            let Some(Progress { standing, .. }) = monitors.get(&key) else { return Ok(()) };
            if let Some(flip) = &consequence.flip {
                begin_span(step, key, flip.to, flip.at).await?;
                let evidence = check.evidence.as_ref().filter(|_| check.verdict != Verdict::Up);
                incident::tell(step, ids, now, key, &standing.monitor, flip, evidence).await?;
            }
            if let Some(at) = consequence.confirm_at {
                let start_before = confirmation_deadline(&standing.epoch, at);
                let at = first_free(step, key, &check.region, instants_from(at)).await?;
                if at < start_before {
                    claim::insert_waiting(step, key, &check.region, at, start_before).await?;
                }
            }
            Ok(())
        }
    }
}
