//! What a check costs with one node and with several, on one PostgreSQL, where each more brings as many monitors more.
//!
//! All of them share the cores of one machine with the database and the target: this shows what it costs that they share
//! the work, as far as these cores reach, and not how much more several machines carry.

use serde::{Deserialize, Serialize};

use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Crew, Measured, Props, Stage};
use crate::store::Kind;

/// How many there are, each time.
const COUNTS: [u32; 3] = [1, 2, 4];

/// What there is to watch for each node.
fn load_of_a_node(size: Size) -> Load {
    match size {
        Size::Tiny => Load::new(100, 1),
        Size::Small | Size::Full => Load::new(4_000, 4),
    }
}

/// What was found, with more nodes each time.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) points: Vec<Measured>,
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    let mut points = Vec::new();
    for count in COUNTS {
        let load = load_of_a_node(size);
        let load = Load { monitors: load.monitors * count, ..load };
        let stage = Stage::set(props, Kind::Postgres, load, Crew::Working(count)).await?;
        points.push(stage.watch_and_clear(Effort::of(size)).await?);
    }
    Ok(Found { points })
}
