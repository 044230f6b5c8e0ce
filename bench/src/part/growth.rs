//! What a check costs with few monitors and with many, at the same rate of checks. The largest crowd is watched here again: a
//! machine does not stay as fast as it is, and what is held against each other is to be measured side by side.

use serde::{Deserialize, Serialize};

use super::crowd;
use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Measured, Props};
use crate::store::Kind;

fn loads(size: Size) -> Vec<Load> {
    match size {
        Size::Tiny => vec![Load::new(100, 1)],
        Size::Small => vec![Load::new(1_667, 1), Load::new(16_667, 10), Load::new(100_000, 60)],
        Size::Full => {
            vec![Load::new(3_333, 1), Load::new(33_333, 10), Load::new(333_333, 100), Load::new(1_000_000, 300)]
        }
    }
}

/// What was found: each load on each store, the fewest monitors first.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) points: Vec<Measured>,
}

impl Found {
    /// The points of one store.
    pub(crate) fn on(&self, kind: Kind) -> Vec<&Measured> {
        self.points.iter().filter(|point| point.store == kind).collect()
    }
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    // What is remembered of a monitor comes with its first check: memory is that of all only where each was checked.
    let effort = |load: &Load| Effort::of_whole_crowd(size, load.interval_seconds);
    Ok(Found { points: crowd::each(props, &loads(size), effort).await? })
}
