//! Operations on incidents.

mod view;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;
use watchkeeper_domain::id::{IncidentId, MonitorId, WorkspaceId};
use watchkeeper_domain::port::IncidentQuery;

use super::caller::Caller;
use super::json::Json;
use super::parameter::{Limit, default_limit, example_cursor, example_id};
use super::problem::{Problem, Refusal, refusals};
use super::{Api, Shared, Tag, cursor};
use view::{Incident, IncidentList};

refusals! {
    List: Unauthenticated, ValidationFailed = Problem::broken_rule(cursor::read::<IncidentId>(Some("page 2")));
    ListOfMonitor:
        Unauthenticated,
        NotFound,
        ValidationFailed = Problem::broken_rule(cursor::read::<IncidentId>(Some("page 2")));
    Get: Unauthenticated, NotFound;
}

/// The operations.
pub(super) struct IncidentApi;

#[OpenApi(tag = "Tag::Incidents")]
impl IncidentApi {
    /// The incidents
    ///
    /// Of all monitors, in the order in which they were noticed, the newest first.
    #[oai(path = "/incidents", method = "get", operation_id = "listIncidents")]
    async fn list(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// How many incidents a page has.
        #[oai(default = "default_limit")]
        limit: Query<Limit>,
        /// Where to go on reading: `next_cursor` of the page before.
        #[oai(example = "example_cursor")]
        cursor: Query<Option<String>>,
    ) -> Result<Json<IncidentList>, Refusal<List>> {
        Ok(api.incidents(caller.workspace(), None, cursor.0.as_deref(), limit.get()).await?)
    }

    /// The incidents of a monitor
    ///
    /// In the order in which they were noticed, the newest first.
    #[oai(path = "/monitors/:id/incidents", method = "get", operation_id = "listMonitorIncidents")]
    async fn list_of_monitor(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// How many incidents a page has.
        #[oai(default = "default_limit")]
        limit: Query<Limit>,
        /// Where to go on reading: `next_cursor` of the page before.
        #[oai(example = "example_cursor")]
        cursor: Query<Option<String>>,
    ) -> Result<Json<IncidentList>, Refusal<ListOfMonitor>> {
        let monitor = Some(MonitorId::new(id.0));
        Ok(api.incidents(caller.workspace(), monitor, cursor.0.as_deref(), limit.get()).await?)
    }

    /// An incident
    ///
    /// With what happened in the course of it: the first failure, its confirmation, what was owed to whom, each delivery, the end.
    #[oai(path = "/incidents/:id", method = "get", operation_id = "getIncident")]
    async fn get(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which incident.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
    ) -> Result<Json<Incident>, Refusal<Get>> {
        let (incident, timeline) = api.history.incident(caller.workspace(), IncidentId::new(id.0)).await?;
        Ok(Json(Incident::with_timeline(&incident, &timeline)))
    }
}

impl Shared {
    async fn incidents(
        &self,
        workspace: WorkspaceId,
        monitor: Option<MonitorId>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Json<IncidentList>, Problem> {
        let before = cursor::read::<IncidentId>(cursor)?;
        let query = IncidentQuery { workspace, monitor, before, limit: limit + 1 };
        let (incidents, next_cursor) =
            cursor::page(self.history.incidents(&query).await?, limit, |incident| incident.id);
        Ok(Json(IncidentList::new(&incidents, next_cursor)))
    }
}
