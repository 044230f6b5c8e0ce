//! Operations on monitors.

mod draft;
mod view;

use std::time::Duration;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::check::Outcome;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::invalid::Invalid;
use watchkeeper_domain::monitor::{HttpMethod, HttpTarget};
use watchkeeper_domain::port::{MonitorView, RepoError};
use watchkeeper_domain::status::Confirmation;
use watchkeeper_domain::usecase::MonitorError;

use super::caller::Caller;
use super::json::Json;
use super::parameter::{Limit, Whole, default_limit, example_cursor, example_id};
use super::place::Places;
use super::problem::{Kind, Problem, Refusal, refusals};
use super::{Api, Tag, check, cursor, limit};
use draft::{MonitorChange, NewMonitor};
use view::{Monitor, MonitorList};

refusals! {
    List: Unauthenticated, ValidationFailed = Problem::broken_rule(cursor::read::<MonitorId>(Some("page 2")));
    Create:
        MalformedJson,
        Unauthenticated,
        LimitReached = MonitorError::LimitReached(10_000),
        BodyTooLarge,
        UnsupportedMediaType,
        ValidationFailed = Problem::broken_rule(unsupported_target());
    Get: Unauthenticated, NotFound;
    Change:
        MalformedJson,
        Unauthenticated,
        NotFound,
        Conflict = RepoError::Stale,
        BodyTooLarge,
        UnsupportedMediaType,
        ValidationFailed = Problem::broken_rule(Confirmation::parse(11, "confirmation.before_down"));
    Delete: Unauthenticated, NotFound;
    CheckNow:
        Unauthenticated,
        NotFound,
        TooManyRequests = limit::too_many_checks(Duration::ZERO),
        NetworkUnavailable = cut_off();
}

/// How many of its newest checks a monitor brings along in a list.
type Recent = Whole<0, 100>;

/// How many checks on request are under way at once: each is a probe beside those of the workers.
const MAX_CHECKS_ON_REQUEST: usize = 64;
/// How many of them a user may have.
const MAX_CHECKS_ON_REQUEST_PER_USER: usize = 8;
/// When it is worth trying again after too many of them: most targets answer within that.
const CHECKS_RETRY_AFTER: Duration = Duration::from_secs(5);

/// When it is worth trying again after we had no network ourselves.
const NETWORK_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The operations.
pub(super) struct MonitorApi;

#[derive(ApiResponse)]
enum Created {
    /// The monitor; its first check is due at once.
    #[oai(status = 201)]
    Created(
        Json<Monitor>,
        /// Where the monitor is found.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone, and its history with it.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Tag::Monitors")]
impl MonitorApi {
    /// The monitors
    ///
    /// In the order in which they were made.
    #[oai(path = "/monitors", method = "get", operation_id = "listMonitors")]
    async fn list(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// How many of its newest checks each monitor brings along in `recent_checks`.
        #[oai(default)]
        recent: Query<Recent>,
        /// How many monitors a page has.
        #[oai(default = "default_limit")]
        limit: Query<Limit>,
        /// Where to go on reading: `next_cursor` of the page before.
        #[oai(example = "example_cursor")]
        cursor: Query<Option<String>>,
    ) -> Result<Json<MonitorList>, Refusal<List>> {
        let after = cursor::read::<MonitorId>(cursor.0.as_deref())?;
        let views = api.monitors.list(caller.workspace(), after, limit.get() + 1).await?;
        let (views, next_cursor) = cursor::page(views, limit.get(), |view| view.monitor.id);
        let items = api.shown(&views, recent.get()).await?;
        Ok(Json(MonitorList::new(items, next_cursor)))
    }

    /// Add a monitor
    ///
    /// It is checked at once, and then once an interval. The same URL may be watched twice.
    #[oai(path = "/monitors", method = "post", operation_id = "createMonitor")]
    async fn create(
        &self,
        api: Data<&Api>,
        caller: Caller,
        monitor: Json<NewMonitor>,
    ) -> Result<Created, Refusal<Create>> {
        let view = api.monitors.create(caller.workspace(), &monitor.0.into()).await?;
        let location = format!("/api/v1/monitors/{}", view.monitor.id);
        Ok(Created::Created(Json(Monitor::just_made(&view, api.clock.now())), location))
    }

    /// A monitor
    #[oai(path = "/monitors/:id", method = "get", operation_id = "getMonitor")]
    async fn get(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
    ) -> Result<Json<Monitor>, Refusal<Get>> {
        let view = api.monitors.get(caller.workspace(), MonitorId::new(id.0)).await?;
        Ok(Json(api.shown_one(view).await?))
    }

    /// Change a monitor
    ///
    /// What is left out stays as it is; `is_active: false` pauses. A new interval or target is due at once. Where the timeout is
    /// left out and would exceed a new interval, it becomes the interval.
    #[oai(path = "/monitors/:id", method = "patch", operation_id = "updateMonitor")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
        change: Json<MonitorChange>,
    ) -> Result<Json<Monitor>, Refusal<Change>> {
        let view = api.monitors.change(caller.workspace(), MonitorId::new(id.0), &change.0.into()).await?;
        Ok(Json(api.shown_one(view).await?))
    }

    /// Delete a monitor
    ///
    /// With its history. Nothing of it is seen from now on; what is stored of it is erased bit by bit.
    #[oai(path = "/monitors/:id", method = "delete", operation_id = "deleteMonitor")]
    async fn delete(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
    ) -> Result<Deleted, Refusal<Delete>> {
        api.monitors.delete(caller.workspace(), MonitorId::new(id.0)).await?;
        Ok(Deleted::Done)
    }

    /// Check a monitor now
    ///
    /// Answers when the check is made and recorded. A paused monitor is checked as well, without changing its status. A monitor
    /// may be checked on request five times at once, then once in ten seconds, and a user may have eight such checks under way.
    #[oai(path = "/monitors/:id/check", method = "post", operation_id = "checkMonitor")]
    async fn check_now(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Which monitor.
        #[oai(example = "example_id")]
        id: Path<Uuid>,
    ) -> Result<Json<check::Check>, Refusal<CheckNow>> {
        let id = MonitorId::new(id.0);
        api.monitors.get(caller.workspace(), id).await?;
        let _place = api.checks_on_request.take(caller.user()).ok_or_else(too_many_under_way)?;
        api.limits.admit_manual_check(id)?;
        match api.on_request.check(caller.workspace(), id).await? {
            Some(Outcome::Checked(check)) => Ok(Json(check::Check::from(&*check))),
            Some(Outcome::Unknown) => Err(cut_off().into()),
            None => Err(Problem::new(Kind::NotFound).into()),
        }
    }
}

/// The checks on request that may be under way.
pub(super) fn checks_on_request() -> Places {
    Places::new(MAX_CHECKS_ON_REQUEST, MAX_CHECKS_ON_REQUEST_PER_USER)
}

/// What is said to one too many of them.
fn too_many_under_way() -> Problem {
    Problem::new(Kind::TooManyRequests)
        .detail("Too many checks on request are under way. Wait for one of them.")
        .retry_after(CHECKS_RETRY_AFTER)
}

/// What is said where we could not look.
fn cut_off() -> Problem {
    Problem::new(Kind::NetworkUnavailable)
        .detail("This server has no network of its own just now: nothing can be said about the target.")
        .retry_after(NETWORK_RETRY_AFTER)
}

/// A target that cannot be watched.
fn unsupported_target() -> Result<HttpTarget, Invalid> {
    HttpTarget::parse("ftp://example.org", HttpMethod::Get, true, &AddressGuard::default())
}

impl super::Shared {
    /// Monitors with all that is shown of them.
    async fn shown(&self, views: &[MonitorView], recent: u32) -> Result<Vec<Monitor>, Problem> {
        let now = self.clock.now();
        let glances = self.history.glances(views, recent.max(1)).await?;
        let each = views.iter().zip(&glances);
        Ok(each.map(|(view, (day, checks))| Monitor::new(view, checks, day, recent, now)).collect())
    }

    async fn shown_one(&self, view: MonitorView) -> Result<Monitor, Problem> {
        self.shown(&[view], 0).await?.pop().ok_or_else(|| Problem::new(Kind::NotFound))
    }
}
