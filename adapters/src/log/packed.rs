//! Reading packed days: the newest first, few at first, since one often holds all that is wanted.

use std::collections::BTreeMap;

use watchkeeper_domain::check::Check;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{CheckPage, CheckQuery};
use watchkeeper_domain::rollup::{DAY, day_of};
use watchkeeper_domain::time::{Timestamp, Window};

use super::history::MAX_STRETCHES;
use super::{Figure, PackedDay, Reader};
use crate::row::Fault;

/// How many days of a monitor are read at first, by how much more each time that it was not enough, and at the most.
const FEW_DAYS: usize = 1;
const MORE_DAYS: usize = 4;
const MAX_DAYS: usize = 64;

/// The packed checks of a window that a question asks for, the newest first.
pub(super) async fn page(
    reader: &mut impl Reader,
    query: &CheckQuery,
    window: Window,
    limit: usize,
) -> Result<CheckPage, Fault> {
    let (mut rest, mut most, mut checks) = (window, FEW_DAYS, Vec::new());
    for _ in 0..MAX_STRETCHES {
        let days = reader.packs(&[(query.monitor, days_of(rest))], most).await?;
        let is_last = days.len() < most;
        for day in days {
            let of_day = day.pack.checks(query.monitor, &query.region, rest).into_iter().rev();
            checks.extend(of_day.filter(|check| query.verdict.is_none_or(|verdict| check.verdict == verdict)));
            rest = rest.before(day.began_at);
        }
        if checks.len() > limit {
            checks.truncate(limit);
            let more_before = checks.last().map(|check: &Check| check.slot);
            return Ok(CheckPage { checks, more_before });
        }
        if is_last || rest.is_empty() {
            return Ok(CheckPage { checks, more_before: None });
        }
        most = more(most);
    }
    Ok(CheckPage { checks, more_before: Some(rest.to()) })
}

/// The newest packed checks of monitors, so many of each, in a window, each monitor's newest first.
pub(super) async fn newest(
    reader: &mut impl Reader,
    wanted: BTreeMap<MonitorId, usize>,
    window: Window,
) -> Result<Vec<Check>, Fault> {
    let mut searches: BTreeMap<MonitorId, (usize, Window)> =
        wanted.into_iter().map(|(monitor, count)| (monitor, (count, window))).collect();
    let (region, mut most, mut found) = (reader.region().clone(), FEW_DAYS, Vec::new());
    while !searches.is_empty() && !window.is_empty() {
        let asked: Vec<_> = searches.iter().map(|(monitor, (_, rest))| (*monitor, days_of(*rest))).collect();
        let mut days: BTreeMap<MonitorId, Vec<PackedDay>> = BTreeMap::new();
        for day in reader.packs(&asked, most).await? {
            days.entry(day.monitor).or_default().push(day);
        }
        searches.retain(|monitor, (count, rest)| {
            let days = days.remove(monitor).unwrap_or_default();
            let is_last = days.len() < most;
            for day in days {
                let checks = day.pack.checks(*monitor, &region, *rest).into_iter().rev().take(*count);
                let before = found.len();
                found.extend(checks);
                *count -= found.len() - before;
                *rest = rest.before(day.began_at);
            }
            *count > 0 && !is_last && !rest.is_empty()
        });
        most = more(most);
    }
    Ok(found)
}

/// Shows the packed checks that lie in some windows, which are apart and in order, as figures.
pub(super) async fn figures(
    reader: &mut impl Reader,
    monitor: MonitorId,
    windows: &[Window],
    mut see: impl FnMut(Figure),
) -> Result<(), Fault> {
    let mut days: Vec<Timestamp> = windows.iter().flat_map(|window| days_in(*window)).collect();
    days.dedup();
    let region = reader.region().clone();
    for chunk in days.chunks(MAX_DAYS) {
        let asked: Vec<_> = chunk.iter().map(|day| (monitor, Window::last(DAY, day.plus(DAY)))).collect();
        for day in reader.packs(&asked, 1).await? {
            let end = day.began_at.plus(DAY);
            let first = windows.partition_point(|window| window.to() <= day.began_at);
            for window in windows.iter().skip(first).take_while(|window| window.from() < end) {
                day.pack.checks(monitor, &region, *window).iter().for_each(|check| see(Figure::from(check)));
            }
        }
    }
    Ok(())
}

fn more(days: usize) -> usize {
    days.saturating_mul(MORE_DAYS).min(MAX_DAYS)
}

/// The window in which those days began that touch a window.
fn days_of(window: Window) -> Window {
    Window::new(day_of(window.from()), window.to()).unwrap_or(window)
}

/// The days that touch a window, the oldest first.
pub(super) fn days_in(window: Window) -> impl Iterator<Item = Timestamp> {
    let days = std::iter::successors(Some(day_of(window.from())), |day| Some(day.plus(DAY)));
    days.take_while(move |day| *day < window.to())
}
