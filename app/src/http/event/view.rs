//! Events as the API tells them.

use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON};
use uuid::{Uuid, uuid};
use watchkeeper_domain::event::{Event, Happening};
use watchkeeper_domain::time::Timestamp;

use crate::http::check::Check;
use crate::http::status::Status;
use crate::http::value::{Nullable, Time};

/// A check was recorded: the data of an event `check`.
#[derive(Object)]
#[oai(example)]
pub(super) struct CheckEvent {
    /// Of which monitor.
    monitor_id: Uuid,
    /// The check.
    check: Check,
}

impl Example for CheckEvent {
    fn example() -> Self {
        Self { monitor_id: uuid!("019c1405-6400-7000-8000-0000000000c1"), check: Check::example() }
    }
}

/// A monitor changed its status: the data of an event `flip`.
#[derive(Object)]
#[oai(example)]
pub(super) struct FlipEvent {
    /// Which monitor.
    monitor_id: Uuid,
    /// What it was.
    from: Status,
    /// What it is.
    to: Status,
    /// The slot at which the change began.
    at: Time,
    /// Why, in words; null where all is well.
    reason: Nullable<String>,
}

impl Example for FlipEvent {
    fn example() -> Self {
        Self {
            monitor_id: uuid!("019c1405-6400-7000-8000-0000000000c1"),
            from: Status::Up,
            to: Status::Down,
            at: Time(Timestamp::from_secs(1_769_904_000)),
            reason: Nullable(Some("the answer was 503, expected 200-399".into())),
        }
    }
}

/// An event as it goes over the wire. JSON has no bare line breaks, so its text is one line of data.
pub(super) fn frame(event: &Event) -> String {
    let monitor_id = event.monitor.uuid();
    let (name, data) = match &event.happening {
        Happening::Checked(check) => {
            ("check", CheckEvent { monitor_id, check: Check::from(&**check) }.to_json_string())
        }
        Happening::Flipped(flip) => {
            let reason = Nullable(flip.reason.as_ref().map(|reason| reason.detail.clone()));
            let (from, to, at) = (flip.from.into(), flip.to.into(), flip.at.into());
            ("flip", FlipEvent { monitor_id, from, to, at, reason }.to_json_string())
        }
    };
    format!("event: {name}\ndata: {data}\n\n")
}
