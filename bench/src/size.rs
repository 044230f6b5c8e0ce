//! How much is measured.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How much is measured. What that means for a part stands with the part.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
pub(crate) enum Size {
    /// Hardly anything: tries out whether all of it works.
    Tiny,
    /// All parts within ten minutes.
    Small,
    /// What the promises speak of: a million monitors, every rung of the ladder, a list of 2,000 monitors with a year each.
    Full,
}

impl Size {
    /// About how many checks are packed to see how much room they take.
    pub(crate) const fn room_checks(self) -> u32 {
        match self {
            Self::Tiny => 500,
            Self::Small => 15_000,
            Self::Full => 60_000,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Full => "full",
        })
    }
}

/// How much time is given to one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How long the program runs before.
    pub(crate) warm_up: Duration,
    /// How many stretches are measured, one after the other.
    pub(crate) windows: u32,
    /// How long each of them is, in seconds.
    pub(crate) window_seconds: u32,
}

impl Effort {
    const fn new(warm_up_seconds: u64, windows: u32, window_seconds: u32) -> Self {
        Self { warm_up: Duration::from_secs(warm_up_seconds), windows, window_seconds }
    }

    /// What is usual at a size.
    pub(crate) const fn of(size: Size) -> Self {
        match size {
            Size::Tiny => Self::new(1, 2, 1),
            Size::Small => Self::new(2, 3, 2),
            Size::Full => Self::new(10, 5, 10),
        }
    }

    /// While people look on and come back after some seconds, which a measurement is to hold.
    pub(crate) const fn of_onlookers(size: Size) -> Self {
        match size {
            Size::Small => Self::new(2, 3, 3),
            Size::Tiny | Size::Full => Self::of(size),
        }
    }

    /// For loads whose first seconds are busy with reading all members of all cohorts.
    pub(crate) const fn of_crowd(size: Size) -> Self {
        match size {
            Size::Tiny => Self::new(1, 2, 1),
            Size::Small => Self::new(4, 3, 2),
            Size::Full => Self::new(15, 3, 20),
        }
    }

    /// The same, at full size for a whole interval at least, in which every monitor is checked.
    pub(crate) fn of_whole_crowd(size: Size, interval_seconds: u32) -> Self {
        let effort = Self::of_crowd(size);
        match size {
            Size::Full => {
                Self { window_seconds: effort.window_seconds.max(interval_seconds / effort.windows), ..effort }
            }
            Size::Tiny | Size::Small => effort,
        }
    }

    /// The same for a program that has run for a while.
    pub(crate) fn warmed_up(self) -> Self {
        Self { warm_up: Duration::from_secs(1), ..self }
    }

    /// For how a program begins, where that is not all that is measured.
    pub(crate) const fn of_start(size: Size) -> Self {
        match size {
            Size::Tiny => Self::new(1, 1, 1),
            Size::Small => Self::new(1, 1, 4),
            Size::Full => Self::new(15, 1, 30),
        }
    }

    pub(crate) fn window(self) -> Duration {
        Duration::from_secs(self.window_seconds.into())
    }
}
