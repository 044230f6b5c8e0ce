//! What a change of status brings with it: spans, incidents, notices, confirmations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::PgConnection;
use uuid::Uuid;
use watchkeeper_domain::check::{Origin, Region};
use watchkeeper_domain::id::{IncidentId, MonitorId};
use watchkeeper_domain::incident::Ending;
use watchkeeper_domain::port::IdGenerator;
use watchkeeper_domain::report::{Evidence, Reason};
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::settle::{Standing, confirmation_deadline};
use watchkeeper_domain::status::Flip;
use watchkeeper_domain::time::Timestamp;

use super::span::{NewSpan, begin_spans};
use super::storable;
use crate::row::{Code, EvidenceJson, Fault, Instant};

/// A change of status, and what the check that settled it saw.
pub(super) struct Turn {
    /// Where its check lies in the batch.
    pub(super) position: usize,
    pub(super) monitor: MonitorId,
    pub(super) flip: Flip,
    pub(super) evidence: Option<Evidence>,
}

/// Writes what changes of status bring with them, in the order given; the states of the monitors are locked.
pub(super) async fn take_turns_of_status(
    connection: &mut PgConnection,
    now: Timestamp,
    standings: &BTreeMap<MonitorId, Standing>,
    turns: &[Turn],
    ids: &dyn IdGenerator,
) -> Result<(), Fault> {
    // One monitor may turn several times in one batch, each time upon the last: all first turns go together, and so on.
    let mut rounds: Vec<Vec<(&Turn, &Standing)>> = Vec::new();
    let mut taken: HashMap<MonitorId, usize> = HashMap::new();
    for turn in turns {
        let Some(standing) = standings.get(&turn.monitor) else { continue };
        let round = taken.entry(turn.monitor).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push((turn, standing));
        *round += 1;
    }
    for round in rounds {
        take_one_round(connection, now, &round, ids).await?;
    }
    Ok(())
}

async fn take_one_round(
    connection: &mut PgConnection,
    now: Timestamp,
    round: &[(&Turn, &Standing)],
    ids: &dyn IdGenerator,
) -> Result<(), Fault> {
    let span =
        |(turn, _): &(&Turn, &Standing)| NewSpan { monitor: turn.monitor, status: turn.flip.to, from: turn.flip.at };
    begin_spans(connection, &round.iter().map(span).collect::<Vec<_>>()).await?;
    let closing: Vec<_> = round.iter().filter(|(turn, _)| turn.flip.closes_incident()).collect();
    let ends: Vec<_> = closing.iter().map(|(turn, _)| (turn.monitor, turn.flip.at)).collect();
    let mut about = end_incidents(connection, &ends, Ending::Recovered).await?;
    let opening: Vec<_> = round.iter().filter(|(turn, _)| turn.flip.opens_incident()).copied().collect();
    about.extend(open_incidents(connection, &opening, ids).await?);
    owe(connection, now, round, &about, ids).await
}

/// Ends the incidents of monitors that have an open one, and answers which.
pub(super) async fn end_incidents(
    connection: &mut PgConnection,
    ends: &[(MonitorId, Timestamp)],
    ending: Ending,
) -> Result<HashMap<MonitorId, IncidentId>, Fault> {
    if ends.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "UPDATE incidents AS i
         SET ended_at = greatest(w.ended_at, i.started_at), ending = $3
         FROM unnest($1::uuid[], $2::timestamptz[]) AS w (monitor_id, ended_at)
         WHERE i.monitor_id = w.monitor_id AND i.ended_at IS NULL
         RETURNING i.monitor_id, i.id",
    )
    .bind(ends.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
    .bind(ends.iter().map(|(_, at)| Instant(*at)).collect::<Vec<_>>())
    .bind(ending.code())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(monitor, id)| (MonitorId::new(monitor), IncidentId::new(id))).collect())
}

async fn open_incidents(
    connection: &mut PgConnection,
    opening: &[(&Turn, &Standing)],
    ids: &dyn IdGenerator,
) -> Result<HashMap<MonitorId, IncidentId>, Fault> {
    if opening.is_empty() {
        return Ok(HashMap::new());
    }
    let new: Vec<Uuid> = opening.iter().map(|_| ids.uuid()).collect();
    let causes: Vec<Reason> = opening.iter().map(|(turn, _)| turn.flip.cause()).collect();
    let evidence = |(turn, _): &(&Turn, &Standing)| turn.evidence.as_ref().map(EvidenceJson::text).transpose();
    let settings = opening.iter().map(|(_, standing)| &standing.monitor.settings);
    let instants = |slot: fn(&Flip) -> Timestamp| -> Vec<Instant> {
        opening.iter().map(|(turn, _)| Instant(slot(&turn.flip))).collect()
    };
    sqlx::query(
        "INSERT INTO incidents (id, workspace_id, monitor_id, monitor_name, target_url, started_at, confirmed_at,
                                cause_kind, cause_detail, evidence)
         SELECT id, workspace_id, monitor_id, monitor_name, target_url, started_at, confirmed_at,
                cause_kind, cause_detail, evidence::json
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                     $8::smallint[], $9::text[], $10::text[])
              AS w (id, workspace_id, monitor_id, monitor_name, target_url, started_at, confirmed_at,
                    cause_kind, cause_detail, evidence)",
    )
    .bind(&new)
    .bind(opening.iter().map(|(_, standing)| standing.monitor.workspace.uuid()).collect::<Vec<_>>())
    .bind(opening.iter().map(|(turn, _)| turn.monitor.uuid()).collect::<Vec<_>>())
    .bind(settings.clone().map(|settings| settings.name.as_str().to_owned()).collect::<Vec<_>>())
    .bind(settings.map(|settings| settings.target.url().to_owned()).collect::<Vec<_>>())
    .bind(instants(|flip| flip.at))
    .bind(instants(|flip| flip.settled_by))
    .bind(causes.iter().map(|cause| cause.kind.code()).collect::<Vec<_>>())
    .bind(causes.iter().map(|cause| storable(&cause.detail)).collect::<Vec<_>>())
    .bind(opening.iter().map(evidence).collect::<Result<Vec<_>, _>>()?)
    .execute(connection)
    .await?;
    Ok(opening.iter().map(|(turn, _)| turn.monitor).zip(new.into_iter().map(IncidentId::new)).collect())
}

/// Owes every enabled channel of the monitors' workspaces a notice of each flip that is news.
async fn owe(
    connection: &mut PgConnection,
    now: Timestamp,
    round: &[(&Turn, &Standing)],
    about: &HashMap<MonitorId, IncidentId>,
    ids: &dyn IdGenerator,
) -> Result<(), Fault> {
    let news = round.iter().filter(|(turn, _)| turn.flip.is_news());
    let news: Vec<_> =
        news.filter_map(|(turn, standing)| Some((*turn, *standing, *about.get(&turn.monitor)?))).collect();
    let workspaces: BTreeSet<Uuid> = news.iter().map(|(_, standing, _)| standing.monitor.workspace.uuid()).collect();
    if workspaces.is_empty() {
        return Ok(());
    }
    let channels: Vec<(Uuid, Uuid, i16)> =
        sqlx::query_as("SELECT id, workspace_id, kind FROM channels WHERE workspace_id = ANY ($1) AND is_enabled")
            .bind(workspaces.into_iter().collect::<Vec<_>>())
            .fetch_all(&mut *connection)
            .await?;
    let mut owed = Vec::new();
    for (turn, standing, incident) in &news {
        let workspace = standing.monitor.workspace.uuid();
        let told = channels.iter().filter(|(_, of, _)| *of == workspace);
        owed.extend(told.map(|(channel, _, kind)| (ids.uuid(), *channel, *kind, *turn, *standing, *incident)));
    }
    let reasons: Vec<Option<&Reason>> = owed.iter().map(|(.., turn, _, _)| turn.flip.reason.as_ref()).collect();
    let settings = owed.iter().map(|(.., standing, _)| &standing.monitor.settings);
    sqlx::query(
        "INSERT INTO notices (id, channel_id, channel_kind, workspace_id, monitor_id, incident_id, monitor_name,
                              target_url, from_status, to_status, since, reason_kind, reason_detail,
                              created_at, due_at, state)
         SELECT w.*, $14, $14, 0
         FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
                     $9::smallint[], $10::smallint[], $11::timestamptz[], $12::smallint[], $13::text[]) AS w",
    )
    .bind(owed.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
    .bind(owed.iter().map(|(_, channel, ..)| *channel).collect::<Vec<_>>())
    .bind(owed.iter().map(|(_, _, kind, ..)| *kind).collect::<Vec<_>>())
    .bind(owed.iter().map(|(.., standing, _)| standing.monitor.workspace.uuid()).collect::<Vec<_>>())
    .bind(owed.iter().map(|(.., turn, _, _)| turn.monitor.uuid()).collect::<Vec<_>>())
    .bind(owed.iter().map(|(.., incident)| incident.uuid()).collect::<Vec<_>>())
    .bind(settings.clone().map(|settings| settings.name.as_str().to_owned()).collect::<Vec<_>>())
    .bind(settings.map(|settings| settings.target.url().to_owned()).collect::<Vec<_>>())
    .bind(owed.iter().map(|(.., turn, _, _)| turn.flip.from.code()).collect::<Vec<_>>())
    .bind(owed.iter().map(|(.., turn, _, _)| turn.flip.to.code()).collect::<Vec<_>>())
    .bind(owed.iter().map(|(.., turn, _, _)| Instant(turn.flip.at)).collect::<Vec<_>>())
    .bind(reasons.iter().map(|reason| reason.map(|reason| reason.kind.code())).collect::<Vec<_>>())
    .bind(reasons.iter().map(|reason| reason.map(|reason| storable(&reason.detail))).collect::<Vec<_>>())
    .bind(Instant(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// A confirmation that waits to be claimed.
pub(super) struct Confirmation {
    monitor: MonitorId,
    region: Region,
    at: Timestamp,
    start_before: Timestamp,
}

impl Confirmation {
    /// The confirmation that is due at an instant of an epoch.
    pub(super) fn of(epoch: &Epoch, at: Timestamp) -> Self {
        let start_before = confirmation_deadline(epoch, at);
        Self { monitor: epoch.monitor, region: epoch.region.clone(), at, start_before }
    }
}

/// Lets confirmations wait, each at its instant or the first one after it that is not taken. One that would reach the
/// next slot so is not made: that slot confirms.
pub(super) async fn confirm(connection: &mut PgConnection, mut waiting: Vec<Confirmation>) -> Result<(), Fault> {
    waiting.retain(|confirmation| confirmation.at < confirmation.start_before);
    while !waiting.is_empty() {
        let made: Vec<(Uuid, Instant)> = sqlx::query_as(
            "INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at)
             SELECT w.monitor_id, w.region, w.slot, $5, w.start_before, NULL, w.slot
             FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[])
                  AS w (monitor_id, region, slot, start_before)
             WHERE NOT EXISTS (
                 SELECT FROM checks AS c
                 WHERE c.slot = w.slot AND c.monitor_id = w.monitor_id AND c.region = w.region
             )
             ON CONFLICT ON CONSTRAINT claims_pkey DO NOTHING
             RETURNING monitor_id, slot",
        )
        .bind(waiting.iter().map(|confirmation| confirmation.monitor.uuid()).collect::<Vec<_>>())
        .bind(waiting.iter().map(|confirmation| confirmation.region.as_str().to_owned()).collect::<Vec<_>>())
        .bind(waiting.iter().map(|confirmation| Instant(confirmation.at)).collect::<Vec<_>>())
        .bind(waiting.iter().map(|confirmation| Instant(confirmation.start_before)).collect::<Vec<_>>())
        .bind(Origin::Confirmation.code())
        .fetch_all(&mut *connection)
        .await?;
        for (monitor, slot) in made {
            let is_made = |c: &Confirmation| c.monitor.uuid() == monitor && c.at == slot.0;
            if let Some(position) = waiting.iter().position(is_made) {
                waiting.swap_remove(position);
            }
        }
        for confirmation in &mut waiting {
            confirmation.at = confirmation.at.next();
        }
        waiting.retain(|confirmation| confirmation.at < confirmation.start_before);
    }
    Ok(())
}
