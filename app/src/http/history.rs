//! Operations that read what happened to a monitor.

mod view;

use std::time::Duration;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::invalid::Invalid;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::usecase::WindowRequest;

use super::caller::Caller;
use super::check::{CheckList, CheckStatus};
use super::json::Json;
use super::parameter::{Limit, Whole, default_limit, example_cursor, example_id, window};
use super::problem::{Problem, Refusal, refusals};
use super::value::Time;
use super::{Api, Tag, cursor};
use view::{GapList, LatencyList, SlotAccount, StatusHistory, Uptime, UptimeList};

refusals! {
    Read: Unauthenticated, NotFound, ValidationFailed = Problem::broken_rule(backwards());
    Look: Unauthenticated, NotFound;
    Page: Unauthenticated, NotFound, ValidationFailed = Problem::broken_rule(cursor::read::<Timestamp>(Some("page 2")));
}

/// How long a stretch of latencies is, in seconds: at most ten years.
type Step = Whole<1, 315_360_000>;

/// The operations.
pub(super) struct HistoryApi;

#[OpenApi(tag = "Tag::History")]
impl HistoryApi {
    /// The log of checks
    ///
    /// The newest first, of every origin.
    #[oai(path = "/monitors/:id/checks", method = "get", operation_id = "listChecks")]
    #[allow(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn checks(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// From when; 24 hours before the end by default.
        from: Query<Option<Time>>,
        /// Until when; now by default, and never later.
        to: Query<Option<Time>>,
        /// Only checks with this status.
        #[oai(example = "example_status")]
        status: Query<Option<CheckStatus>>,
        /// How many checks a page has.
        #[oai(default = "default_limit")]
        limit: Query<Limit>,
        /// Where to go on reading: `next_cursor` of the page before.
        #[oai(example = "example_cursor")]
        cursor: Query<Option<String>>,
    ) -> Result<Json<CheckList>, Refusal<Page>> {
        let before = cursor::read::<Timestamp>(cursor.0.as_deref())?;
        let verdict = status.0.map(Into::into);
        let page = api
            .history
            .checks(caller.workspace(), MonitorId::new(id.0), window(from.0, to.0), verdict, before, limit.get())
            .await?;
        Ok(Json(CheckList::new(&page.checks, page.more_before.as_ref().map(cursor::write))))
    }

    /// Uptime
    ///
    /// How the time of a window was spent, weighted by time and not by checks. The parts sum to the window.
    #[oai(path = "/monitors/:id/uptime", method = "get", operation_id = "getUptime")]
    async fn uptime(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// From when; 24 hours before the end by default.
        from: Query<Option<Time>>,
        /// Until when; now by default, and never later.
        to: Query<Option<Time>>,
    ) -> Result<Json<Uptime>, Refusal<Read>> {
        let id = MonitorId::new(id.0);
        let (window, spent) = api.history.uptime(caller.workspace(), id, window(from.0, to.0)).await?;
        Ok(Json(Uptime::new(window, &spent)))
    }

    /// Uptime of the usual windows
    ///
    /// How the time of the last 1, 7, 30, 90 and 365 days (of 24 hours) was spent, all as of one moment, each clipped to the
    /// monitor's life.
    #[oai(path = "/monitors/:id/uptimes", method = "get", operation_id = "listUptimes")]
    async fn uptimes(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
    ) -> Result<Json<UptimeList>, Refusal<Look>> {
        let uptimes = api.history.uptimes(caller.workspace(), MonitorId::new(id.0)).await?;
        Ok(Json(UptimeList::from(uptimes.as_slice())))
    }

    /// Status history
    ///
    /// The statuses of a window one after the other, oldest first, without holes. Time in which nobody looked is `UNKNOWN`.
    #[oai(path = "/monitors/:id/history", method = "get", operation_id = "getStatusHistory")]
    async fn status_history(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// From when; 24 hours before the end by default.
        from: Query<Option<Time>>,
        /// Until when; now by default, and never later.
        to: Query<Option<Time>>,
    ) -> Result<Json<StatusHistory>, Refusal<Read>> {
        let id = MonitorId::new(id.0);
        let spans = api.history.timeline(caller.workspace(), id, window(from.0, to.0)).await?;
        Ok(Json(StatusHistory::from(spans.as_slice())))
    }

    /// Latency
    ///
    /// Of all checks that got an answer, in stretches of the window; those without any are left out. Where no step is named,
    /// stretches of a long window are whole hours or days of UTC, and the first may begin before it. Percentiles are within 3.2 %.
    #[oai(path = "/monitors/:id/latency", method = "get", operation_id = "getLatency")]
    #[allow(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn latency(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// From when; 24 hours before the end by default.
        from: Query<Option<Time>>,
        /// Until when; now by default, and never later.
        to: Query<Option<Time>>,
        /// How long a stretch is, in seconds, counted from `from` where that is named; by default so that there are about 96. At most 2000 stretches.
        #[oai(example = "example_step")]
        step: Query<Option<Step>>,
    ) -> Result<Json<LatencyList>, Refusal<Read>> {
        let id = MonitorId::new(id.0);
        let step = step.0.map(|seconds| Duration::from_secs(u64::from(seconds.get())));
        let buckets = api.history.latency(caller.workspace(), id, window(from.0, to.0), step).await?;
        Ok(Json(LatencyList::from(buckets.as_slice())))
    }

    /// The account of slots
    ///
    /// What was due, computed from the schedule's history alone, against what is in the record. `unaccounted` is the difference.
    #[oai(path = "/monitors/:id/slots", method = "get", operation_id = "getSlots")]
    async fn slots(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// From when; 24 hours before the end by default.
        from: Query<Option<Time>>,
        /// Until when; now by default, and never later.
        to: Query<Option<Time>>,
    ) -> Result<Json<SlotAccount>, Refusal<Read>> {
        let id = MonitorId::new(id.0);
        Ok(Json(SlotAccount::from(api.history.slots(caller.workspace(), id, window(from.0, to.0)).await?)))
    }

    /// Slots without a check
    ///
    /// In runs, the newest first.
    #[oai(path = "/monitors/:id/gaps", method = "get", operation_id = "listGaps")]
    #[allow(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn gaps(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        /// From when; 24 hours before the end by default.
        from: Query<Option<Time>>,
        /// Until when; now by default, and never later.
        to: Query<Option<Time>>,
        /// How many gaps a page has.
        #[oai(default = "default_limit")]
        limit: Query<Limit>,
        /// Where to go on reading: `next_cursor` of the page before.
        #[oai(example = "example_cursor")]
        cursor: Query<Option<String>>,
    ) -> Result<Json<GapList>, Refusal<Page>> {
        let before = cursor::read::<Timestamp>(cursor.0.as_deref())?;
        let gaps = api
            .history
            .gaps(caller.workspace(), MonitorId::new(id.0), window(from.0, to.0), before, limit.get() + 1)
            .await?;
        let (gaps, next_cursor) = cursor::page(gaps, limit.get(), |gap| gap.run.first);
        Ok(Json(GapList::new(&gaps, next_cursor)))
    }
}

fn example_status() -> Option<CheckStatus> {
    Some(CheckStatus::Down)
}

fn example_step() -> Option<Step> {
    Some(Step::new(900))
}

/// A window that ends before it begins.
fn backwards() -> Result<Window, Invalid> {
    let (sooner, later) = (Timestamp::from_secs(0), Timestamp::from_secs(1));
    WindowRequest { from: Some(later), to: Some(sooner) }.within(sooner, later)
}
