//! Leases: slots that were claimed together and are not yet recorded, dozens to a row.
//!
//! The simple course of things stays here: a lease is written by a claim and shrinks as its slots are recorded. Whatever is
//! not simple becomes open work of its own (`claims`): a lease that has ended, slots of a monitor that changes.

use std::collections::{HashMap, HashSet};

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Origin, Settled};
use watchkeeper_domain::cohort::Lease;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::time::Timestamp;

use super::values::{numbers, pieces, query_with_rows};
use crate::row::{Code, Fault};

/// How many leases that have ended one claim takes apart; the next one goes on.
const MAX_ENDED: i64 = 50;
/// How many bytes a slot takes: the monitor's identifier and the instant.
const ENTRY_BYTES: usize = 24;

/// A slot of a monitor.
pub(super) type Entry = (Uuid, Timestamp);

fn pack(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let entry = |(monitor, slot): Entry| {
        monitor.into_bytes().into_iter().chain(slot.as_micros().to_be_bytes()).collect::<Vec<u8>>()
    };
    entries.into_iter().flat_map(entry).collect()
}

pub(super) fn unpack(bytes: &[u8]) -> Vec<Entry> {
    let entry = |bytes: &[u8; ENTRY_BYTES]| {
        let number = u128::from_be_bytes(std::array::from_fn(|at| bytes[at]));
        let slot = i64::from_be_bytes(std::array::from_fn(|at| bytes[16 + at]));
        (Uuid::from_u128(number), Timestamp::from_micros(slot))
    };
    bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(entry).collect()
}

/// Writes the leases of a claim, each with the cohort whose slots it holds.
pub(super) async fn write(
    step: &mut SqliteConnection,
    request: &ClaimRequest,
    leases: &[(i64, Lease)],
) -> Result<(), Fault> {
    for piece in pieces(leases) {
        let statement = "INSERT INTO leases (token, cohort_id, region, lease_until, first_slot, slots) {rows}";
        let query = piece.iter().fold(query_with_rows(statement, 6, piece.len()), |query, (cohort, lease)| {
            query
                .bind(request.token.uuid())
                .bind(cohort)
                .bind(request.region.as_str())
                .bind(lease.until.as_micros())
                .bind(lease.slots.first().map(|due| due.slot.as_micros()))
                .bind(pack(lease.slots.iter().map(|due| (due.member.monitor.uuid(), due.slot))))
        });
        query.execute(&mut *step).await?;
    }
    Ok(())
}

/// A lease as a row.
#[derive(FromRow)]
pub(super) struct LeaseRow {
    key: i64,
    token: Uuid,
    cohort_id: i64,
    pub(super) region: String,
    lease_until: i64,
    slots: Vec<u8>,
}

impl LeaseRow {
    pub(super) fn entries(&self) -> Vec<Entry> {
        unpack(&self.slots)
    }
}

/// The leases of a cohort, those first that were made first.
pub(super) async fn of_cohort(step: &mut SqliteConnection, cohort: i64) -> Result<Vec<LeaseRow>, Fault> {
    let query = sqlx::query_as("SELECT * FROM leases WHERE cohort_id = ? ORDER BY key");
    Ok(query.bind(cohort).fetch_all(step).await?)
}

/// Slots that a batch has taken out of the leases that held them.
#[derive(Default)]
pub(super) struct Settling {
    /// Of which results of the batch they are.
    pub(super) positions: HashSet<usize>,
    /// The cohorts of their monitors.
    pub(super) cohorts: HashSet<i64>,
}

/// Takes the slots of a batch out of the leases that its tokens hold.
pub(super) async fn settle(step: &mut SqliteConnection, batch: &[Settled]) -> Result<Settling, Fault> {
    let scheduled = || batch.iter().enumerate().filter(|(_, settled)| settled.claim.origin == Origin::Scheduled);
    // The first of the same result twice in one batch is the one that counts.
    let mut asked: HashMap<_, usize> = HashMap::with_capacity(batch.len());
    for (position, Settled { claim, .. }) in scheduled() {
        asked.entry((claim.token.uuid(), claim.monitor.uuid(), claim.slot)).or_insert(position);
    }
    let tokens: HashSet<Uuid> = scheduled().map(|(_, settled)| settled.claim.token.uuid()).collect();
    let tokens: Vec<Uuid> = tokens.into_iter().collect();
    let (mut settling, mut shrunk) = (Settling::default(), Vec::new());
    for piece in pieces(&tokens) {
        let query = piece.iter().fold(query_with_rows(HELD_BY, 1, piece.len()), |query, token| query.bind(*token));
        for row in query.fetch_all(&mut *step).await? {
            let row = LeaseRow::from_row(&row)?;
            let (entries, mut rest) = (row.entries(), Vec::new());
            for (monitor, slot) in &entries {
                let position = asked.get(&(row.token, *monitor, *slot)).copied();
                match position.filter(|at| batch.get(*at).is_some_and(|of| of.claim.region.as_str() == row.region)) {
                    Some(position) => drop(settling.positions.insert(position)),
                    None => rest.push((*monitor, *slot)),
                }
            }
            if rest.len() < entries.len() {
                settling.cohorts.insert(row.cohort_id);
                shrunk.push((row.key, rest));
            }
        }
    }
    shrink(step, shrunk).await?;
    Ok(settling)
}

/// The leases of tokens.
pub(super) const HELD_BY: &str = "SELECT * FROM leases WHERE token IN ({rows})";
/// Ends leases,
pub(super) const END: &str = "DELETE FROM leases WHERE key IN ({rows})";
/// and leaves others with the rest of their slots.
pub(super) const SHRINK: &str = "
    WITH rest (key, first_slot, slots) AS ({rows})
    UPDATE leases SET first_slot = rest.first_slot, slots = rest.slots FROM rest WHERE leases.key = rest.key";

/// Leaves leases with the rest of their slots, and ends those that have none left.
async fn shrink(step: &mut SqliteConnection, leases: Vec<(i64, Vec<Entry>)>) -> Result<(), Fault> {
    let (mut ended, mut shrunk) = (Vec::new(), Vec::new());
    for (key, rest) in leases {
        match rest.iter().map(|(_, slot)| *slot).min() {
            None => ended.push(key),
            Some(first) => shrunk.push((key, first, pack(rest))),
        }
    }
    for piece in pieces(&ended) {
        let query = piece.iter().fold(query_with_rows(END, 1, piece.len()), |query, key| query.bind(*key));
        query.execute(&mut *step).await?;
    }
    for piece in pieces(&shrunk) {
        let query = piece.iter().fold(query_with_rows(SHRINK, 3, piece.len()), |query, (key, first, slots)| {
            query.bind(*key).bind(first.as_micros()).bind(slots.as_slice())
        });
        query.execute(&mut *step).await?;
    }
    Ok(())
}

/// What is leased of cohorts, of leases that began before an instant.
pub(super) const OF_COHORTS: &str = "
    SELECT l.slots
      FROM json_each(?1) AS w
     CROSS JOIN leases AS l ON l.cohort_id = w.value AND l.first_slot < ?2";

/// The oldest slots of monitors that are leased, of those cohorts and before an instant.
pub(super) async fn oldest(
    step: &mut SqliteConnection,
    cohorts: &HashSet<i64>,
    before: Timestamp,
) -> Result<HashMap<Uuid, Timestamp>, Fault> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(OF_COHORTS)
        .bind(numbers(cohorts.iter().copied()))
        .bind(before.as_micros())
        .fetch_all(step)
        .await?;
    let mut oldest: HashMap<Uuid, Timestamp> = HashMap::new();
    for (monitor, slot) in rows.iter().flat_map(|slots| unpack(slots)) {
        let known = oldest.entry(monitor).or_insert(slot);
        *known = slot.min(*known);
    }
    Ok(oldest)
}

/// Makes open work of its own of every slot of leases that have ended, whether it may still start or not. It still holds
/// for whoever has the token, until somebody takes it over.
pub(super) async fn take_apart_ended(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<(), Fault> {
    let rows: Vec<LeaseRow> =
        sqlx::query_as("SELECT * FROM leases WHERE region = ? AND lease_until <= ? ORDER BY lease_until LIMIT ?")
            .bind(request.region.as_str())
            .bind(request.now.as_micros())
            .bind(MAX_ENDED)
            .fetch_all(&mut *step)
            .await?;
    for row in rows {
        let entries = row.entries();
        make_claims(step, &row, &entries).await?;
        shrink(step, vec![(row.key, Vec::new())]).await?;
    }
    Ok(())
}

/// Makes open work of its own of the slots of monitors.
pub(super) async fn take_out(
    step: &mut SqliteConnection,
    cohort: i64,
    monitors: impl IntoIterator<Item = MonitorId>,
) -> Result<(), Fault> {
    let monitors: HashSet<Uuid> = monitors.into_iter().map(MonitorId::uuid).collect();
    for row in of_cohort(step, cohort).await? {
        let (its, rest): (Vec<Entry>, Vec<Entry>) =
            row.entries().into_iter().partition(|(of, _)| monitors.contains(of));
        if !its.is_empty() {
            make_claims(step, &row, &its).await?;
            shrink(step, vec![(row.key, rest)]).await?;
        }
    }
    Ok(())
}

async fn make_claims(step: &mut SqliteConnection, lease: &LeaseRow, entries: &[Entry]) -> Result<(), Fault> {
    for piece in pieces(entries) {
        let statement = "WITH leased (id, slot, origin, token, lease_until, region) AS ({rows})
             INSERT INTO claims (monitor_key, region, slot, origin, start_before, token, lease_until)
             SELECT m.key, leased.region, leased.slot, leased.origin, leased.slot + d.interval_ms * 1000, leased.token,
                    leased.lease_until
               FROM leased
              CROSS JOIN monitors AS m ON m.id = leased.id
              CROSS JOIN schedule AS d ON d.monitor_key = m.key AND d.region = leased.region";
        let query = piece.iter().fold(query_with_rows(statement, 6, piece.len()), |query, (monitor, slot)| {
            query
                .bind(*monitor)
                .bind(slot.as_micros())
                .bind(Origin::Scheduled.code())
                .bind(lease.token)
                .bind(lease.lease_until)
                .bind(lease.region.as_str())
        });
        query.execute(&mut *step).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_as_they_were_written() {
        let entries = vec![
            (Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001), Timestamp::from_micros(1_790_000_000_123_456)),
            (Uuid::max(), Timestamp::from_micros(-1)),
        ];
        assert_eq!(pack(entries.clone()).len(), 2 * ENTRY_BYTES);
        assert_eq!(unpack(&pack(entries.clone())), entries);
    }
}
