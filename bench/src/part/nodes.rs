//! What a check costs with one node and with several, on one PostgreSQL.
//!
//! All of them share the cores of one machine with the database and the target: this shows what it costs that they share
//! the work, and not how much more several machines carry.

use serde::{Deserialize, Serialize};

use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Crew, Measured, Props, Stage};
use crate::store::Kind;

/// How many there are, each time.
const COUNTS: [u32; 3] = [1, 2, 4];

fn load(size: Size) -> Load {
    match size {
        Size::Tiny => Load::new(200, 1),
        Size::Small | Size::Full => Load::new(16_000, 4),
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
        let stage = Stage::set(props, Kind::Postgres, load(size), Crew::Working(count)).await?;
        points.push(stage.watch_and_clear(Effort::of(size)).await?);
    }
    Ok(Found { points })
}
