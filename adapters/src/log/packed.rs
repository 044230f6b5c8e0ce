//! Reading packs: the newest first, few at first, since one often holds all that is wanted.

use std::collections::BTreeMap;

use watchkeeper_domain::check::Check;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::pack::PackRun;
use watchkeeper_domain::port::{CheckPage, CheckQuery};
use watchkeeper_domain::rollup::{DAY, day_of};
use watchkeeper_domain::time::{Timestamp, Window};

use super::history::MAX_STRETCHES;
use super::{Figure, Packed, Reader};
use crate::row::Fault;

/// How many packs of a monitor are read at first, by how much more each time that it was not enough, and at the most.
const FEW: usize = 1;
const MORE: usize = 4;
const MOST: usize = 64;

/// The packed checks of a window that a question asks for, the newest first.
pub(super) async fn page(
    reader: &mut impl Reader,
    query: &CheckQuery,
    window: Window,
    limit: usize,
) -> Result<CheckPage, Fault> {
    let (mut rest, mut most, mut checks) = (window, FEW, Vec::new());
    for _ in 0..MAX_STRETCHES {
        let packs = reader.packs(&[(query.monitor, rest)], most).await?;
        let is_last = packs.len() < most;
        for Packed { pack, began_at, .. } in packs {
            let found = pack.checks(query.monitor, &query.region, rest).into_iter().rev();
            checks.extend(found.filter(|check| query.verdict.is_none_or(|verdict| check.verdict == verdict)));
            rest = rest.before(began_at);
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
    let (region, mut most, mut found) = (reader.region().clone(), FEW, Vec::new());
    while !searches.is_empty() && !window.is_empty() {
        let asked: Vec<_> = searches.iter().map(|(monitor, (_, rest))| (*monitor, *rest)).collect();
        let mut packs: BTreeMap<MonitorId, Vec<Packed>> = BTreeMap::new();
        for packed in reader.packs(&asked, most).await? {
            packs.entry(packed.monitor).or_default().push(packed);
        }
        searches.retain(|monitor, (count, rest)| {
            let packs = packs.remove(monitor).unwrap_or_default();
            let is_last = packs.len() < most;
            for Packed { pack, began_at, .. } in packs {
                let checks = pack.checks(*monitor, &region, *rest).into_iter().rev().take(*count);
                let before = found.len();
                found.extend(checks);
                *count -= found.len() - before;
                *rest = rest.before(began_at);
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
    let mut seen_to = None;
    for chunk in days.chunks(MOST) {
        let asked: Vec<_> = chunk.iter().map(|day| (monitor, Window::last(DAY, day.plus(DAY)))).collect();
        for Packed { pack, began_at, .. } in reader.packs(&asked, 1).await? {
            // Days that share a pack come with the same one, one after the other.
            if seen_to.replace(began_at) == Some(began_at) {
                continue;
            }
            let first = windows.partition_point(|window| window.to() <= began_at);
            let last = pack.runs().last().map(PackRun::last);
            for window in windows.iter().skip(first).take_while(|window| last.is_some_and(|last| window.from() <= last))
            {
                pack.checks(monitor, &region, *window).iter().for_each(|check| see(Figure::from(check)));
            }
        }
    }
    Ok(())
}

fn more(packs: usize) -> usize {
    packs.saturating_mul(MORE).min(MOST)
}

/// The days that touch a window, the oldest first.
pub(super) fn days_in(window: Window) -> impl Iterator<Item = Timestamp> {
    let days = std::iter::successors(Some(day_of(window.from())), |day| Some(day.plus(DAY)));
    days.take_while(move |day| *day < window.to())
}
