//! Monitors that are put into a store as they would lie there had the program been stopped just now.
//!
//! Making many through the API would take longer than measuring them. What is written is what the program writes itself:
//! settings, state, span, epoch, and a seat in a cohort.

mod postgres;
mod sqlite;

use std::time::Duration;

use anyhow::Context;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use watchkeeper_domain::cohort::{MAX_MEMBERS, MAX_SLOTS_A_DAY};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::monitor::Interval;
use watchkeeper_domain::rollup::HOUR;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use crate::clock::now;
use crate::load::Load;
use crate::store::{Kind, Store};
use crate::tell;

/// How many monitors travel in one statement.
const BATCH: usize = 2_000;
/// How many monitors a store takes in a second at least, on a machine that others use as well: the grids go on when all are
/// in.
const fn filled_a_second(kind: Kind) -> u32 {
    match kind {
        Kind::Sqlite => 12_000,
        Kind::Postgres => 6_000,
    }
}

/// And how many checks that are over.
const fn recorded_a_second(kind: Kind) -> u64 {
    match kind {
        Kind::Sqlite => 150_000,
        Kind::Postgres => 50_000,
    }
}

/// What is given to it beside that.
const AT_LEAST: Duration = Duration::from_secs(2);

/// Puts monitors in, all of one target, and waits until their grids go on: the program is to be started then. With an hour
/// that is over the checks that were made in it are put in as well, all of which were up, so that it is still to be closed.
pub(crate) async fn fill(store: &Store, load: Load, target: &str, hour: Option<Timestamp>) -> anyhow::Result<()> {
    let filling = Duration::from_secs((load.monitors / filled_a_second(store.kind())).into());
    let checks = hour.map_or(0, |_| checks_an_hour(load));
    let (began, given) =
        (Instant::now(), AT_LEAST + filling + Duration::from_secs(checks / recorded_a_second(store.kind())));
    let from = Timestamp::from_micros(now()).plus(given);
    match store {
        Store::Sqlite(file) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
            let mut connection = options.connect().await?;
            sqlite::fill(&mut connection, load, from, target).await?;
            if let Some(hour) = hour {
                sqlite::record(&mut connection, load, hour.plus(HOUR)).await?;
            }
        }
        Store::Postgres(url) => {
            let mut connection = PgConnection::connect(url).await?;
            postgres::fill(&mut connection, load, from, target).await?;
            if let Some(hour) = hour {
                postgres::record(&mut connection, load, hour.plus(HOUR)).await?;
            }
        }
    }
    let took = began.elapsed();
    tell(&format!("    put in within {:.1} of {} s", took.as_secs_f64(), given.as_secs()));
    anyhow::ensure!(took < given, "putting {load} in took {took:.1?}, longer than the {given:.1?} that it was given");
    sleep_until(began + given).await;
    Ok(())
}

/// How many checks of a load fall into an hour.
pub(crate) fn checks_an_hour(load: Load) -> u64 {
    u64::from(load.monitors) * u64::from(slots_an_hour(load))
}

fn slots_an_hour(load: Load) -> u32 {
    HOUR.as_secs() as u32 / load.interval_seconds
}

/// Which monitor is put in at a place. Version 7, as the program makes them: the time leads.
pub(crate) fn monitor(number: u32) -> Uuid {
    Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

/// A monitor and when it is due next: its grid goes on where it would have.
struct Waiting {
    id: Uuid,
    due_us: i64,
    phase_ms: i64,
}

fn waiting(load: Load, from: Timestamp) -> anyhow::Result<Vec<Waiting>> {
    let interval = Interval::from_secs(load.interval_seconds).context("no such interval")?;
    let one = |number| {
        let id = monitor(number);
        let schedule = Schedule::of(MonitorId::new(id), interval);
        Waiting { id, due_us: schedule.at_or_after(from).as_micros(), phase_ms: schedule.phase_ms() as i64 }
    };
    Ok((0..load.monitors).map(one).collect())
}

/// How many members each cohort has when they are seated as the program seats them.
fn cohorts(load: Load) -> Vec<u32> {
    let most = MAX_MEMBERS.min((MAX_SLOTS_A_DAY / slots_a_day(load).max(1)) as u32);
    let full = vec![most; (load.monitors / most) as usize];
    full.into_iter().chain(Some(load.monitors % most).filter(|rest| *rest > 0)).collect()
}

/// The cohort of each monitor, one after the other, out of the cohorts' numbers.
fn seats(load: Load, numbers: &[i64]) -> Vec<i64> {
    let sizes = cohorts(load).into_iter().zip(numbers);
    sizes.flat_map(|(size, number)| std::iter::repeat_n(*number, size as usize)).collect()
}

fn slots_a_day(load: Load) -> u64 {
    u64::from(86_400 / load.interval_seconds)
}

/// What a timeout is where nothing is said.
fn timeout_seconds(load: Load) -> u32 {
    load.interval_seconds.min(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_monitor_has_a_seat_and_no_cohort_has_more_slots_than_it_may() {
        for load in [Load::new(6_000, 1), Load::new(100_001, 60), Load::new(10, 20)] {
            let sizes = cohorts(load);
            assert_eq!(sizes.iter().sum::<u32>(), load.monitors);
            assert!(sizes.iter().all(|size| u64::from(*size) * slots_a_day(load) <= MAX_SLOTS_A_DAY));
            let numbers: Vec<i64> = (1..).take(sizes.len()).collect();
            assert_eq!(seats(load, &numbers).len(), load.monitors as usize);
        }
    }
}
