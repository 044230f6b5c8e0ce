//! Recording: one transaction for a batch, with a few statements however large it is. A healthy check costs a claim
//! removed and a row written; only where something changes is a monitor's state locked, and then it is decided again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Origin, Outcome, Settled};
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::port::{IdGenerator, Recorded};
use watchkeeper_domain::settle::{is_slot, leaves_as_it_is, settle};
use watchkeeper_domain::status::{Flip, State, Status};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::GapOutcome;
use watchkeeper_domain::verdict::Verdict;

use super::consequence::{Confirmation, Turn, confirm, take_turns_of_status};
use super::gap::{Silent, leave_gaps};
use super::standing::{lock_standings, write_states};
use super::{lease, log};
use crate::row::{Code, Fault, Instant};

/// A result whose claim was held.
struct Accepted<'a> {
    position: usize,
    settled: &'a Settled,
    origin: Origin,
}

/// Records what [`watchkeeper_domain::port::CheckRepo::record`] says.
pub(super) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    batch: &[Settled],
    ids: &dyn IdGenerator,
) -> Result<Vec<Recorded>, Fault> {
    let mut answers = vec![Recorded::Stale; batch.len()];
    let settling = lease::settle(connection, batch).await?;
    let accepted = accept(connection, batch, &settling).await?;
    if accepted.is_empty() {
        return Ok(answers);
    }
    let glances = glance(connection, &accepted, &settling).await?;
    let stays = |accepted: &&Accepted<'_>| {
        glances.get(&accepted.settled.claim.monitor).is_some_and(|glance| glance.stays_with(accepted))
    };
    let moving: BTreeSet<MonitorId> =
        accepted.iter().filter(|a| !stays(a)).map(|accepted| accepted.settled.claim.monitor).collect();
    let checks: Vec<Check> = accepted.iter().filter_map(Accepted::check).collect();
    log::insert_checks(connection, &checks).await?;
    let mut flips = settle_moving(connection, now, &accepted, &moving, ids).await?;
    for accepted in &accepted {
        if let Some(glance) = glances.get(&accepted.settled.claim.monitor) {
            let flip = flips.remove(&accepted.position);
            answers[accepted.position] = Recorded::Recorded { workspace: glance.workspace, flip };
        }
    }
    Ok(answers)
}

impl Accepted<'_> {
    /// The check as the log keeps it; `None` where there was none.
    fn check(&self) -> Option<Check> {
        let Settled { claim, outcome: Outcome::Checked(check) } = self.settled else { return None };
        let evidence = check.evidence.clone().filter(|_| check.verdict != Verdict::Up);
        let (monitor, region, slot) = (claim.monitor, claim.region.clone(), claim.slot);
        Some(Check { monitor, region, slot, origin: self.origin, evidence, ..check.as_ref().clone() })
    }
}

/// The results whose slots were held, by a lease or by a claim of their own, the oldest slot first.
async fn accept<'a>(
    connection: &mut PgConnection,
    batch: &'a [Settled],
    settling: &lease::Settling,
) -> Result<Vec<Accepted<'a>>, Fault> {
    let leased = settling.positions.iter().filter_map(|position| Some((*position, batch.get(*position)?)));
    let leased = leased.map(|(position, settled)| Accepted { position, settled, origin: Origin::Scheduled });
    let mut accepted: Vec<Accepted<'a>> = leased.collect();
    let taken: HashSet<usize> = settling.positions.iter().copied().collect();
    let rest: Vec<_> = batch.iter().enumerate().filter(|(position, _)| !taken.contains(position)).collect();
    if !rest.is_empty() {
        accepted.extend(end_claims(connection, &rest).await?);
    }
    accepted.sort_by_key(|accepted| (accepted.settled.claim.slot, accepted.position));
    Ok(accepted)
}

/// Ends the claims that are held by the tokens shown, and answers the results that go with them.
async fn end_claims<'a>(
    connection: &mut PgConnection,
    batch: &[(usize, &'a Settled)],
) -> Result<Vec<Accepted<'a>>, Fault> {
    // Locked in the order of the key before any is removed, so that two who record the same do not wait for each other
    // in a circle.
    let rows: Vec<(Uuid, String, Instant, Uuid, i16)> = sqlx::query_as(
        "WITH held AS (
             SELECT c.monitor_id, c.region, c.slot
             FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[]) AS w (monitor_id, region, slot, token)
             JOIN claims AS c USING (monitor_id, region, slot, token)
             ORDER BY c.monitor_id, c.region, c.slot
             FOR UPDATE OF c
         )
         DELETE FROM claims AS c
         USING held
         WHERE c.monitor_id = held.monitor_id AND c.region = held.region AND c.slot = held.slot
         RETURNING c.monitor_id, c.region, c.slot, c.token, c.origin",
    )
    .bind(batch.iter().map(|(_, settled)| settled.claim.monitor.uuid()).collect::<Vec<_>>())
    .bind(batch.iter().map(|(_, settled)| settled.claim.region.as_str().to_owned()).collect::<Vec<_>>())
    .bind(batch.iter().map(|(_, settled)| Instant(settled.claim.slot)).collect::<Vec<_>>())
    .bind(batch.iter().map(|(_, settled)| settled.claim.token.uuid()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let held =
        rows.into_iter().map(|(monitor, region, slot, token, origin)| ((monitor, region, slot.0, token), origin));
    let mut held: HashMap<_, _> = held.collect();
    let mut accepted = Vec::with_capacity(held.len());
    for (position, settled) in batch.iter().copied() {
        let claim = &settled.claim;
        let key = (claim.monitor.uuid(), claim.region.as_str().to_owned(), claim.slot, claim.token.uuid());
        // Taken out, so that the same result twice in one batch counts once.
        if let Some(origin) = held.remove(&key) {
            accepted.push(Accepted { position, settled, origin: Origin::of_code(origin)? });
        }
    }
    Ok(accepted)
}

/// What is seen of a monitor without holding anybody up.
struct Glance {
    workspace: WorkspaceId,
    held: Status,
    /// Whether nothing speaks for a change and nothing was missed.
    is_calm: bool,
    /// Whether an older claim than the newest result of the batch is still open.
    has_older: bool,
}

impl Glance {
    /// Whether a result leaves the monitor's state as it is.
    fn stays_with(&self, accepted: &Accepted<'_>) -> bool {
        let Outcome::Checked(check) = &accepted.settled.outcome else { return !is_slot(accepted.origin) };
        leaves_as_it_is(self.held, self.is_calm, self.has_older, check.verdict)
    }
}

#[derive(FromRow)]
struct GlanceRow {
    monitor_id: Uuid,
    workspace_id: Uuid,
    held: i16,
    is_calm: bool,
    has_older: bool,
}

/// What there is to know of the monitors of a batch before it is decided which of them may change.
///
/// The planner cannot know how many slots leases hold: joined with what was recorded, all that is open in these cohorts would be
/// gone through for each result, where grouping looks at each slot once. From there on, OFFSET 0 keeps it at one look-up for each
/// monitor.
async fn glance(
    connection: &mut PgConnection,
    accepted: &[Accepted<'_>],
    settling: &lease::Settling,
) -> Result<HashMap<MonitorId, Glance>, Fault> {
    // The slots come oldest first, so that the newest of each monitor is the one that stays.
    let newest: BTreeMap<MonitorId, Timestamp> =
        accepted.iter().map(|accepted| (accepted.settled.claim.monitor, accepted.settled.claim.slot)).collect();
    let leased: HashSet<usize> = settling.positions.iter().copied().collect();
    let others = accepted.iter().filter(|accepted| !leased.contains(&accepted.position));
    let rows: Vec<GlanceRow> = sqlx::query_as(
        "SELECT w.monitor_id, m.workspace_id, s.held, s.streak_since IS NULL AND s.silence_since IS NULL AS is_calm,
                w.has_older
         FROM (
             SELECT o.monitor_id, coalesce(min(o.open) < max(o.recorded), false) AS has_older
             FROM (
                 SELECT monitor_id, slot AS recorded, NULL::timestamptz AS open
                 FROM unnest($1::uuid[], $2::timestamptz[]) AS r (monitor_id, slot)
                 UNION ALL
                 SELECT c.monitor_id, NULL, c.slot
                 FROM unnest($1::uuid[]) AS r (monitor_id)
                 JOIN claims AS c USING (monitor_id)
                 UNION ALL
                 SELECT u.monitor_id, NULL, u.slot
                 FROM leases AS l
                 CROSS JOIN LATERAL unnest(l.monitor_ids, l.slots) AS u (monitor_id, slot)
                 WHERE l.first_slot < $3
                   AND l.cohort_id = ANY ($4 || ARRAY (SELECT cohort_id FROM schedule
                                                       WHERE monitor_id = ANY ($5) AND cohort_id IS NOT NULL))
             ) AS o
             GROUP BY o.monitor_id
             HAVING max(o.recorded) IS NOT NULL
         ) AS w
         CROSS JOIN LATERAL (
             SELECT held, streak_since, silence_since FROM monitor_states WHERE monitor_id = w.monitor_id OFFSET 0
         ) AS s
         CROSS JOIN LATERAL (SELECT workspace_id FROM monitors WHERE id = w.monitor_id OFFSET 0) AS m",
    )
    .bind(newest.keys().map(|monitor| monitor.uuid()).collect::<Vec<_>>())
    .bind(newest.values().map(|slot| Instant(*slot)).collect::<Vec<_>>())
    .bind(newest.values().max().map(|slot| Instant(*slot)))
    .bind(settling.cohorts.iter().copied().collect::<Vec<_>>())
    .bind(others.map(|accepted| accepted.settled.claim.monitor.uuid()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let glance = |row: GlanceRow| {
        let workspace = WorkspaceId::new(row.workspace_id);
        let held = Status::of_code(row.held)?;
        let glance = Glance { workspace, held, is_calm: row.is_calm, has_older: row.has_older };
        Ok((MonitorId::new(row.monitor_id), glance))
    };
    rows.into_iter().map(glance).collect()
}

/// Decides what the results of those monitors bring about whose state may change, with their states locked, and writes
/// it. Answers the flips by their positions in the batch.
async fn settle_moving(
    connection: &mut PgConnection,
    now: Timestamp,
    accepted: &[Accepted<'_>],
    moving: &BTreeSet<MonitorId>,
    ids: &dyn IdGenerator,
) -> Result<HashMap<usize, Flip>, Fault> {
    if moving.is_empty() {
        return Ok(HashMap::new());
    }
    let mut standings = lock_standings(connection, moving).await?;
    let stored: BTreeMap<MonitorId, State> = standings.iter().map(|(id, standing)| (*id, standing.state)).collect();
    let (mut silent, mut turns, mut confirmations) = (Vec::new(), Vec::new(), Vec::new());
    for accepted in accepted {
        let claim = &accepted.settled.claim;
        let Some(standing) = standings.get_mut(&claim.monitor) else { continue };
        let Some(check) = accepted.check() else {
            if is_slot(accepted.origin) {
                standing.state = standing.state.silent(claim.slot, 1);
                silent.push(Silent::slot(claim.monitor, claim.region.clone(), claim.slot, GapOutcome::Unknown));
            }
            continue;
        };
        let consequence = settle(standing, &check, now);
        standing.state = State { last_slot: consequence.last_slot, ..consequence.state.unwrap_or(standing.state) };
        confirmations.extend(consequence.confirm_at.map(|at| Confirmation::of(&standing.epoch, at)));
        if let Some(flip) = consequence.flip {
            turns.push(Turn { position: accepted.position, monitor: claim.monitor, flip, evidence: check.evidence });
        }
    }
    let changed = standings.iter().map(|(id, standing)| (*id, standing.state));
    let changed = changed.filter(|(id, state)| stored.get(id) != Some(state)).collect();
    write_states(connection, &changed).await?;
    leave_gaps(connection, silent).await?;
    take_turns_of_status(connection, now, &standings, &turns, ids).await?;
    confirm(connection, confirmations).await?;
    Ok(turns.into_iter().map(|turn| (turn.position, turn.flip)).collect())
}
