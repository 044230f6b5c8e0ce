//! What a check costs beside the bare request, and how many checks a second two cores carry.

use serde::{Deserialize, Serialize};

use super::Beside;
use crate::bare::Bare;
use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Crew, Measured, Props, Stage};
use crate::store::Kind;

/// A stretch of time cuts off some checks at its ends.
const ALL_BUT: f64 = 0.99;

/// No check is later than this, p99, where a rate counts as carried.
pub(crate) const CARRIED_LATE_MS: f64 = 1_000.0;

/// The load at which the cost of a check is compared.
fn busy(size: Size) -> Load {
    match size {
        Size::Tiny => Load::new(200, 2),
        Size::Small | Size::Full => Load::new(10_000, 5),
    }
}

/// Rates that are tried one after the other until one is not carried.
fn ladder(size: Size) -> &'static [u32] {
    match size {
        Size::Tiny => &[300],
        Size::Small => &[6_000],
        Size::Full => &[6_000, 8_000, 10_000, 12_000],
    }
}

/// What is tried where not even the first is carried.
const LEAST_RATE: u32 = 4_000;

/// What was found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    /// The bare request at the rate of the busy load.
    pub(crate) bare_busy: Bare,
    /// With nothing to hold it back.
    pub(crate) bare_flat_out: Bare,
    pub(crate) stores: Vec<OnStore>,
}

/// What was found on one store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct OnStore {
    pub(crate) busy: Measured,
    /// One load for each rate that was tried.
    pub(crate) ladder: Vec<Measured>,
}

impl OnStore {
    /// The highest rate that was carried, and how it was.
    pub(crate) fn carried(&self) -> Option<&Measured> {
        let highest = |one: &&Measured, other: &&Measured| one.load.rate().total_cmp(&other.load.rate());
        self.ladder.iter().filter(|measured| is_carried(measured)).max_by(highest)
    }
}

/// Whether all that was due was checked, and in time. What is still waited for is in no percentile, so that it is looked at
/// how much was recorded as well.
pub(crate) fn is_carried(measured: &Measured) -> bool {
    let is_all = measured.rate.median > ALL_BUT * measured.load.rate();
    is_all && measured.is_whole() && measured.late.ms[2] < CARRIED_LATE_MS
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    let effort = Effort::of(size);
    let mut beside_busy = Beside::new(Some(busy(size).rate() as u32), effort);
    let mut flat_out = Beside::new(None, effort);
    // A machine does not stay as fast as it is: what is set against each other is measured side by side.
    beside_busy.ask(props.target).await?;
    let mut at_busy = Vec::new();
    for kind in Kind::BOTH {
        at_busy.push(one(props, kind, busy(size), effort).await?);
    }
    beside_busy.ask(props.target).await?;
    flat_out.ask(props.target).await?;
    let mut stores = Vec::new();
    for (kind, busy) in Kind::BOTH.into_iter().zip(at_busy) {
        let ladder = climb(props, kind, size, effort).await?;
        stores.push(OnStore { busy, ladder });
        flat_out.ask(props.target).await?;
    }
    Ok(Found { bare_busy: beside_busy.found(), bare_flat_out: flat_out.found(), stores })
}

async fn climb(props: Props<'_>, kind: Kind, size: Size, effort: Effort) -> anyhow::Result<Vec<Measured>> {
    let mut tried = Vec::new();
    for rate in ladder(size) {
        let measured = one(props, kind, Load::new(*rate, 1), effort).await?;
        let is_end = !is_carried(&measured);
        tried.push(measured);
        if is_end {
            break;
        }
    }
    if !tried.iter().any(is_carried) && size != Size::Tiny {
        tried.push(one(props, kind, Load::new(LEAST_RATE, 1), effort).await?);
    }
    Ok(tried)
}

async fn one(props: Props<'_>, kind: Kind, load: Load, effort: Effort) -> anyhow::Result<Measured> {
    Stage::set(props, kind, load, Crew::Serving).await?.watch_and_clear(effort).await
}
