//! What a check costs with few monitors and with many, at the same rate of checks: that of the largest crowd of the same
//! size, which the report puts beside these.

use serde::{Deserialize, Serialize};

use super::crowd;
use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Measured, Props};

fn loads(size: Size) -> Vec<Load> {
    match size {
        Size::Tiny => vec![Load::new(100, 1)],
        Size::Small => vec![Load::new(1_667, 1), Load::new(16_667, 10)],
        Size::Full => vec![Load::new(3_333, 1), Load::new(33_333, 10), Load::new(333_333, 100)],
    }
}

/// What was found: each load on each store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) points: Vec<Measured>,
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    Ok(Found { points: crowd::each(props, &loads(size), |_| Effort::of_crowd(size)).await? })
}
