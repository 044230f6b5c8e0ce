//! Very many monitors on one node, from its start on.

use serde::{Deserialize, Serialize};

use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Crew, Measured, Props, Stage};
use crate::store::Kind;

fn loads(size: Size) -> Vec<Load> {
    match size {
        Size::Tiny => vec![Load::new(3_000, 30)],
        Size::Small => vec![Load::new(100_000, 60)],
        Size::Full => vec![Load::new(100_000, 60), Load::new(1_000_000, 300)],
    }
}

/// What was found: each load on each store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) crowds: Vec<Measured>,
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    let effort = |load: &Load| Effort::of_whole_crowd(size, load.interval_seconds);
    Ok(Found { crowds: each(props, &loads(size), effort).await? })
}

/// Measures each load on each store.
pub(super) async fn each(
    props: Props<'_>,
    loads: &[Load],
    effort: impl Fn(&Load) -> Effort,
) -> anyhow::Result<Vec<Measured>> {
    let mut all = Vec::new();
    for load in loads {
        for kind in Kind::BOTH {
            let stage = Stage::set(props, kind, *load, Crew::Serving).await?;
            all.push(stage.watch_and_clear(effort(load)).await?);
        }
    }
    Ok(all)
}
