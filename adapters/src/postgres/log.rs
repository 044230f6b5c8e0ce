//! The log of checks. It is keyed time first, so nothing here ever scans it: healthy scheduled checks are looked up by
//! their slots, the others are found in the index of notable checks.

use sqlx::PgConnection;
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::{Timestamp, Window};

use super::facts::Of;
use super::storable;
use crate::log::{Figure, Stretch};
use crate::row::{CheckRow, Fault, FigureRow, Instant, bigint};

/// Writes checks, each of which is in the log at most once. Where one is in the way, it is of the same instant of the
/// same monitor: its claim was recorded before, and the first record stands.
pub(super) async fn insert_checks(connection: &mut PgConnection, checks: &[Check]) -> Result<(), Fault> {
    if checks.is_empty() {
        return Ok(());
    }
    let rows: Vec<CheckRow> = checks.iter().map(CheckRow::of).collect::<Result<_, _>>()?;
    let micros = |column: fn(&CheckRow) -> Option<i64>| -> Vec<Option<i64>> { rows.iter().map(column).collect() };
    sqlx::query(
        "INSERT INTO checks (slot, monitor_id, region, checked_at, latency_us, dns_us, connect_us, tls_us, first_byte_us,
                             transfer_us, http_status, origin, verdict, reason_kind, reason_detail)
         SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                              $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::integer[], $12::smallint[],
                              $13::smallint[], $14::smallint[], $15::text[])
         ON CONFLICT (slot, monitor_id, region) DO NOTHING",
    )
    .bind(checks.iter().map(|check| Instant(check.slot)).collect::<Vec<_>>())
    .bind(checks.iter().map(|check| check.monitor.uuid()).collect::<Vec<_>>())
    .bind(checks.iter().map(|check| check.region.as_str().to_owned()).collect::<Vec<_>>())
    .bind(checks.iter().map(|check| Instant(check.checked_at)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.latency_us).collect::<Vec<_>>())
    .bind(micros(|row| row.dns_us))
    .bind(micros(|row| row.connect_us))
    .bind(micros(|row| row.tls_us))
    .bind(micros(|row| row.first_byte_us))
    .bind(micros(|row| row.transfer_us))
    .bind(rows.iter().map(|row| row.http_status).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.origin).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.verdict).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reason_kind).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reason_detail.as_deref().map(storable)).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    let seen: Vec<(&Check, &String)> =
        checks.iter().zip(&rows).filter_map(|(check, row)| Some((check, row.evidence.as_ref()?))).collect();
    if seen.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO check_evidence (slot, monitor_id, region, evidence)
         SELECT slot, monitor_id, region, evidence::json
         FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[]) AS w (slot, monitor_id, region, evidence)
         ON CONFLICT (slot, monitor_id, region) DO NOTHING",
    )
    .bind(seen.iter().map(|(check, _)| Instant(check.slot)).collect::<Vec<_>>())
    .bind(seen.iter().map(|(check, _)| check.monitor.uuid()).collect::<Vec<_>>())
    .bind(seen.iter().map(|(check, _)| check.region.as_str().to_owned()).collect::<Vec<_>>())
    .bind(seen.iter().map(|(_, evidence)| (*evidence).clone()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a row found no partition for its time, which room can be made for.
pub(super) fn is_without_partition(fault: &Fault) -> bool {
    let Fault::Sql(sqlx::Error::Database(error)) = fault else { return false };
    error.code().as_deref() == Some("23514") && error.constraint().is_none()
}

/// The checks of monitors in stretches of their slots, the newest first, at most `most` in each stretch.
pub(super) async fn checks_in(
    connection: &mut PgConnection,
    stretches: &[(MonitorId, Stretch)],
    region: &Region,
    most: usize,
) -> Result<Vec<Check>, Fault> {
    let Some(bounds) = bounds(stretches) else { return Ok(Vec::new()) };
    let (monitors, slots) = keys(stretches);
    let rows: Vec<Of<CheckRow>> = sqlx::query_as(CHECKS)
        .bind(monitors)
        .bind(slots)
        .bind(stretches.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
        .bind(stretches.iter().map(|(_, stretch)| Instant(stretch.window.from())).collect::<Vec<_>>())
        .bind(stretches.iter().map(|(_, stretch)| Instant(stretch.window.to())).collect::<Vec<_>>())
        .bind(region.as_str())
        .bind(Instant(bounds.from()))
        .bind(Instant(bounds.to()))
        .bind(bigint(most))
        .fetch_all(connection)
        .await?;
    let check = |row: Of<CheckRow>| Ok(row.row.check(MonitorId::new(row.monitor_id), region)?);
    let mut checks = rows.into_iter().map(check).collect::<Result<Vec<Check>, Fault>>()?;
    checks.sort_by_key(|check| std::cmp::Reverse(check.slot));
    Ok(checks)
}

/// The window that holds all stretches; it tells the database which partitions matter.
fn bounds(stretches: &[(MonitorId, Stretch)]) -> Option<Window> {
    let from = stretches.iter().map(|(_, stretch)| stretch.window.from()).min()?;
    let to = stretches.iter().map(|(_, stretch)| stretch.window.to()).max()?;
    Window::new(from, to)
}

/// Healthy scheduled checks, looked up one by one by their whole key; and those that were not up or not scheduled, with
/// their evidence. A LIMIT keeps the planner at one look-up for each key, which is what the key order of the log is made
/// for.
const CHECKS: &str = "
    SELECT w.monitor_id, c.slot, c.origin, c.checked_at, c.verdict, c.reason_kind, c.reason_detail, c.latency_us, c.dns_us,
           c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status, NULL::text AS evidence
    FROM unnest($1::uuid[], $2::timestamptz[]) AS w (monitor_id, slot)
    CROSS JOIN LATERAL (
        SELECT *
        FROM checks
        WHERE slot = w.slot AND monitor_id = w.monitor_id AND region = $6 AND slot >= $7 AND slot < $8
        LIMIT 1
    ) AS c
    WHERE c.verdict = 1 AND c.origin = 0
    UNION ALL
    SELECT w.monitor_id, c.slot, c.origin, c.checked_at, c.verdict, c.reason_kind, c.reason_detail, c.latency_us, c.dns_us,
           c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status, e.evidence::text
    FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[]) AS w (monitor_id, begins, ends)
    CROSS JOIN LATERAL (
        SELECT *
        FROM checks
        WHERE (verdict <> 1 OR origin <> 0)
          AND monitor_id = w.monitor_id AND region = $6 AND slot >= w.begins AND slot < w.ends
          AND slot >= $7 AND slot < $8
        ORDER BY slot DESC
        LIMIT $9
    ) AS c
    LEFT JOIN LATERAL (
        SELECT evidence
        FROM check_evidence
        WHERE slot = c.slot AND monitor_id = w.monitor_id AND region = $6 AND slot >= $7 AND slot < $8
        LIMIT 1
    ) AS e ON true";

fn keys(stretches: &[(MonitorId, Stretch)]) -> (Vec<Uuid>, Vec<Instant>) {
    stretches
        .iter()
        .flat_map(|(monitor, stretch)| stretch.slots.iter().map(|slot| (monitor.uuid(), Instant(*slot))))
        .unzip()
}

/// The figures of a monitor's healthy scheduled checks at some slots and of its other checks in some windows.
pub(super) async fn figures(
    connection: &mut PgConnection,
    monitor: MonitorId,
    region: &Region,
    slots: &[Timestamp],
    windows: &[Window],
) -> Result<Vec<Figure>, Fault> {
    let edges = windows.iter().flat_map(|window| [window.from(), window.to()]).chain(slots.iter().copied());
    let (Some(from), Some(to)) = (edges.clone().min(), edges.max()) else { return Ok(Vec::new()) };
    let rows: Vec<FigureRow> = sqlx::query_as(FIGURES)
        .bind(slots.iter().map(|slot| Instant(*slot)).collect::<Vec<_>>())
        .bind(windows.iter().map(|window| Instant(window.from())).collect::<Vec<_>>())
        .bind(windows.iter().map(|window| Instant(window.to())).collect::<Vec<_>>())
        .bind(monitor.uuid())
        .bind(region.as_str())
        .bind(Instant(from))
        .bind(Instant(to))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Figure::try_from).collect::<Result<_, _>>()?)
}

/// As much as figures are made of; the LIMIT and the OFFSET keep the planner at one look-up for each slot and window.
const FIGURES: &str = "
    SELECT c.slot, c.origin, c.verdict, c.latency_us
    FROM unnest($1::timestamptz[]) AS w (slot)
    CROSS JOIN LATERAL (
        SELECT *
        FROM checks
        WHERE slot = w.slot AND monitor_id = $4 AND region = $5 AND slot >= $6 AND slot <= $7
        LIMIT 1
    ) AS c
    WHERE c.verdict = 1 AND c.origin = 0
    UNION ALL
    SELECT c.slot, c.origin, c.verdict, c.latency_us
    FROM unnest($2::timestamptz[], $3::timestamptz[]) AS w (begins, ends)
    CROSS JOIN LATERAL (
        SELECT *
        FROM checks
        WHERE (verdict <> 1 OR origin <> 0) AND monitor_id = $4 AND region = $5
          AND slot >= w.begins AND slot < w.ends AND slot >= $6 AND slot <= $7
        OFFSET 0
    ) AS c";
