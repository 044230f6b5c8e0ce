//! Whether checks begin in time while an hour is closed: read, rolled up and packed, which is the most that the janitor ever
//! does at once.

use serde::{Deserialize, Serialize};
use watchkeeper_domain::rollup::{HOUR, hour_of};
use watchkeeper_domain::time::Timestamp;

use crate::clock::now;
use crate::fill::checks_an_hour;
use crate::load::Load;
use crate::size::Size;
use crate::stage::{Crew, Lateness, Props, Stage};
use crate::store::Kind;
use crate::tell;

const fn load(size: Size) -> Load {
    match size {
        Size::Tiny => Load::new(600, 60),
        Size::Small => Load::new(5_000, 60),
        Size::Full => Load::new(100_000, 60),
    }
}

/// What was found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) load: Load,
    /// How many checks the hour has.
    pub(crate) checks: u64,
    pub(crate) closings: Vec<Closing>,
}

/// What was found on one store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Closing {
    pub(crate) store: Kind,
    /// Seconds from the start of the program until the hour was closed.
    pub(crate) seconds: f64,
    /// How late checks began until then, and for as long afterwards.
    pub(crate) late_meanwhile: Lateness,
    pub(crate) late_afterwards: Lateness,
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    let (load, mut closings) = (load(size), Vec::new());
    for store in Kind::BOTH {
        // The one before the last hour, which may still get checks.
        let hour = hour_of(Timestamp::from_micros(now())).minus(HOUR * 2);
        let stage = Stage::set_after(props, store, load, Crew::Serving, Some(hour)).await?;
        let (seconds, [late_meanwhile, late_afterwards]) = stage.close_hours(hour.plus(HOUR)).await?;
        tell(&format!("    closed after {seconds:.1} s, p99 {:.1} ms late meanwhile", late_meanwhile.ms[2]));
        closings.push(Closing { store, seconds, late_meanwhile, late_afterwards });
        stage.clear().await?;
    }
    Ok(Found { load, checks: checks_an_hour(load), closings })
}
