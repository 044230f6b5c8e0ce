//! A year of history: how much room it takes, and how quickly the store answers from it.
//!
//! One day is watched through the store's own ports, rolled up, folded and packed as the program does it. What that left is
//! then copied into the days before: first into a tenth of them, and after the questions into all, so that the same questions
//! are asked of a young store and of an old one. Where days share a pack, several of them are watched.

mod aging;
mod question;

pub(crate) use question::{LIST_OF_100, PAGE, WARM_UP, list_of};

use serde::{Deserialize, Serialize};
use watchkeeper_domain::pack::{JOINED_CHECKS, JOINED_DAYS};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::dashboards::Asked;
use crate::size::Size;
use crate::statistics::whole;
use crate::store::Kind;
use crate::tell;
use aging::Aging;

/// How much history.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Extent {
    pub(crate) monitors: u32,
    pub(crate) interval_seconds: u32,
    pub(crate) days: u32,
    /// One check in so many fails.
    #[serde(default = "seldom")]
    pub(crate) fails_one_in: u32,
    /// How often each question is asked, each time of other monitors.
    pub(crate) questions: u32,
}

/// One check in so many fails where nothing is said.
pub(crate) const fn seldom() -> u32 {
    200
}

/// Intervals whose days are packed beside those of the history that is asked, and how often a check fails.
const ROOMS: [(u32, u32); 8] = [
    (60, seldom()),
    (1_800, seldom()),
    (3_600, seldom()),
    (86_400, seldom()),
    (300, 2),
    (1_800, 2),
    (3_600, 2),
    (86_400, 2),
];
/// Those for which there is time below full size: a pack of a day, one of several days, and one that changes all the time.
const QUICK_ROOMS: [(u32, u32); 3] = [(60, seldom()), (3_600, seldom()), (300, 2)];

/// What is packed at a size.
fn rooms(size: Size) -> impl Iterator<Item = (u32, u32)> {
    ROOMS.into_iter().filter(move |room| size == Size::Full || QUICK_ROOMS.contains(room))
}

impl Extent {
    /// Some time of which only the room is looked at, and how many days of it are watched: one, and where days share a pack
    /// as many as make two packs, or one that reaches over as many days as it may, since those are written anew as they grow.
    /// What was watched is copied into the rest.
    fn of_room(size: Size, interval_seconds: u32, fails_one_in: u32) -> (Self, u32) {
        let a_day = 86_400 / interval_seconds;
        // The first pack holds a check of the day before as well: the last slot before midnight is settled after it.
        let days_a_pack = (JOINED_CHECKS as u32 - 1) / a_day;
        let are_joined = days_a_pack > 1;
        let watched_days = if are_joined { (2 * days_a_pack).min(JOINED_DAYS - 1) } else { 1 };
        let days = if are_joined { watched_days * (1 + times_over(watched_days)) } else { 60 };
        let monitors = match size {
            _ if are_joined => (size.room_checks() / (watched_days * a_day)).max(1),
            Size::Tiny => 5,
            Size::Small => 10,
            Size::Full => 200,
        };
        (Self { monitors, days, interval_seconds, fails_one_in, ..Self::of(size) }, watched_days)
    }

    const fn of(size: Size) -> Self {
        match size {
            Size::Tiny => Self { monitors: 20, interval_seconds: 300, days: 70, fails_one_in: seldom(), questions: 5 },
            Size::Small => {
                Self { monitors: 500, interval_seconds: 300, days: 365, fails_one_in: seldom(), questions: 120 }
            }
            Size::Full => {
                Self { monitors: 2_000, interval_seconds: 300, days: 365, fails_one_in: seldom(), questions: 500 }
            }
        }
    }

    /// Whether results change all the time.
    fn often_fails(self) -> bool {
        self.fails_one_in < seldom()
    }

    /// How many days the young store is old.
    pub(crate) fn young_days(self) -> u32 {
        self.days / 10
    }

    pub(crate) fn checks(self) -> u64 {
        u64::from(self.monitors) * u64::from(self.days) * u64::from(86_400 / self.interval_seconds)
    }
}

/// What was found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) extent: Extent,
    pub(crate) stores: Vec<Aged>,
    /// What a check takes where there are more or fewer of them in a day; nothing where that was not measured yet.
    #[serde(default)]
    pub(crate) by_interval: Vec<Room>,
}

/// Bytes on disk for each packed check of monitors with an interval, confirmations too, indexes included, on each store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Room {
    pub(crate) interval_seconds: u32,
    #[serde(default = "seldom")]
    pub(crate) fails_one_in: u32,
    pub(crate) packed_bytes: Vec<f64>,
    pub(crate) sums_bytes: Vec<f64>,
}

/// What was found on one store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Aged {
    pub(crate) store: Kind,
    /// Bytes on disk, indexes included, for each check: whole, packed, and its share of the sums of its day.
    pub(crate) whole_bytes: f64,
    pub(crate) packed_bytes: f64,
    pub(crate) sums_bytes: f64,
    /// Microseconds for each check: rolling its hour up, and folding its day.
    pub(crate) roll_up_us: f64,
    pub(crate) fold_us: f64,
    pub(crate) answers: Vec<Answered>,
}

/// How long the answers to a question took: of the young store, where it is as old as what is asked for, and of the old one.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Answered {
    pub(crate) young: Option<Asked>,
    pub(crate) old: Asked,
}

pub(crate) async fn measure(size: Size) -> anyhow::Result<Found> {
    let extent = Extent::of(size);
    let mut stores = Vec::new();
    for kind in Kind::BOTH {
        tell(&format!("  {kind}: {} checks of {} days", whole(extent.checks() as f64), extent.days));
        stores.push(on_store(kind, extent).await?);
    }
    let mut by_interval = Vec::new();
    for (interval_seconds, fails_one_in) in rooms(size) {
        let (extent, watched_days) = Extent::of_room(size, interval_seconds, fails_one_in);
        by_interval.push(room(extent, watched_days).await?);
    }
    Ok(Found { extent, stores, by_interval })
}

/// How often so many days are copied, until all of them are as many as packed checks are kept for by default. One more is watched
/// in part, that of the last slot before the first midnight.
fn times_over(watched_days: u32) -> u32 {
    Retention::DEFAULT.packed_days() / (watched_days + 1)
}

/// How much room packed checks take on each store, where all days are alike.
async fn room(extent: Extent, watched_days: u32) -> anyhow::Result<Room> {
    let Extent { interval_seconds, fails_one_in, .. } = extent;
    tell(&format!("  room of a check every {interval_seconds} s, of which one in {fails_one_in} fails"));
    let mut room = Room { interval_seconds, fails_one_in, packed_bytes: Vec::new(), sums_bytes: Vec::new() };
    for kind in Kind::BOTH {
        let mut aging = Aging::begin(kind, extent, watched_days).await?;
        aging.pack().await?;
        match watched_days {
            1 => aging.copy(1, extent.days).await?,
            _ => aging.copy_all(times_over(watched_days)).await?,
        }
        let checks = aging.packed_checks().await?;
        room.packed_bytes.push(aging.size("packed_checks").await? / checks);
        room.sums_bytes.push(aging.size("day_rollups").await? / checks);
    }
    Ok(room)
}

async fn on_store(kind: Kind, extent: Extent) -> anyhow::Result<Aged> {
    let mut aging = Aging::begin(kind, extent, 1).await?;
    let (whole_bytes, roll_up_us, fold_us) = aging.pack().await?;
    aging.copy(1, extent.young_days()).await?;
    let mut young = question::ask(&aging, extent, extent.young_days()).await?;
    aging.copy(extent.young_days(), extent.days).await?;
    let old = question::ask(&aging, extent, extent.days).await?;
    let checks = aging.packed_checks().await?;
    let packed_bytes = aging.size("packed_checks").await? / checks;
    let sums_bytes = aging.size("day_rollups").await? / checks;
    let answers: Vec<Answered> = old.into_iter().map(|old| beside(old, &mut young)).collect();
    for Answered { old, .. } in &answers {
        tell(&format!("    {}: p50 {:.2} ms, p99 {:.2} ms", old.what, old.p50_ms, old.p99_ms));
    }
    tell(&format!("    {packed_bytes:.2} bytes a packed check"));
    Ok(Aged { store: kind, whole_bytes, packed_bytes, sums_bytes, roll_up_us, fold_us, answers })
}

fn beside(old: Asked, young: &mut Vec<Asked>) -> Answered {
    let place = young.iter().position(|young| young.what == old.what);
    Answered { young: place.map(|place| young.swap_remove(place)), old }
}

/// The time of the day that is watched; any would do.
const NOON: Timestamp = watchkeeper_domain::testkit::fixture::T0;
