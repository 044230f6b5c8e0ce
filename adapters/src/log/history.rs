//! Pages of checks, the newest checks, and how time was spent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use watchkeeper_domain::check::{Check, Origin};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{CheckPage, CheckQuery, Glance};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::TimeFacts;
use watchkeeper_domain::verdict::Verdict;

use super::{Depth, MAX_FACTS, Reader, Stretch, Walk, packed};
use crate::row::Fault;

/// The most checks of one page.
const MAX_PAGE: usize = 1_000;
/// How many stretches of slots one question looks into before it answers with what it has.
pub(super) const MAX_STRETCHES: usize = 8;
/// How many checks that are not healthy scheduled ones are read at least to find those of one verdict among them.
const NOTABLE_AT_ONCE: usize = 100;
/// How many epochs and gaps of each of many monitors are read at first, and by how much more each time that it was not
/// enough.
const FEW_FACTS: usize = 4;
const MORE_FACTS: usize = 4;

/// A page of the log: first of what is kept whole, then of what is packed.
pub(crate) async fn page(reader: &mut impl Reader, query: &CheckQuery) -> Result<CheckPage, Fault> {
    let (raw, packed) = reader.progress().await?.split(query.window);
    let limit = usize::try_from(query.limit).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let known = reader.facts(&[(query.monitor, raw)], MAX_FACTS, Depth::Slots).await?;
    let Some(known) = known.get(&query.monitor) else { return Ok(CheckPage::default()) };
    let mut page = raw_page(reader, query, known, raw, limit).await?;
    if page.more_before.is_none() && !packed.is_empty() {
        let room = limit.saturating_sub(page.checks.len());
        if room == 0 {
            page.more_before = Some(packed.to());
        } else {
            let older = packed::page(reader, query, packed, room).await?;
            page.checks.extend(older.checks);
            page.more_before = older.more_before;
        }
    }
    Ok(page)
}

/// A page of the log of whole checks: stretches of slots are looked into until it is full, the window is through, or it has
/// been enough.
///
/// Where one verdict is asked for, checks of others are read and left out here, so that what is read stays bounded however
/// rare it is.
async fn raw_page(
    reader: &mut impl Reader,
    query: &CheckQuery,
    known: &TimeFacts,
    window: Window,
    limit: usize,
) -> Result<CheckPage, Fault> {
    let CheckQuery { monitor, verdict, .. } = query;
    let (whole, before) = known.whole_part(window, MAX_FACTS);
    let walk_through = |window: Window| match verdict {
        None | Some(Verdict::Up) => Walk::over(known, window),
        Some(_) => Walk::new(Vec::new(), [], window, None),
    };
    let most = if verdict.is_none() { limit + 1 } else { NOTABLE_AT_ONCE.max(limit + 1) };
    let mut walk = walk_through(whole);
    let mut checks: Vec<Check> = Vec::new();
    let mut more_before = None;
    for _ in 0..MAX_STRETCHES {
        let stretch = walk.next(limit + 1);
        let (mut is_last, mut from) = (stretch.is_last, stretch.window.from());
        let mut found = reader.checks_in(&[(*monitor, stretch)], most).await?;
        if let Some(oldest) = oldest_of_too_many(&found, most) {
            found.retain(|check| check.slot >= oldest);
            (is_last, from) = (false, oldest);
            walk = walk_through(whole.before(oldest));
        }
        checks.extend(found.into_iter().filter(|check| verdict.is_none_or(|verdict| check.verdict == verdict)));
        more_before = (!is_last || before.is_some()).then_some(from);
        if checks.len() > limit {
            checks.truncate(limit);
            more_before = checks.last().map(|check| check.slot);
            break;
        }
        if is_last {
            break;
        }
    }
    Ok(CheckPage { checks, more_before })
}

/// Where the oldest lies of those that are not healthy scheduled checks, if there may be more of them than were read.
fn oldest_of_too_many(found: &[Check], most: usize) -> Option<Timestamp> {
    let notable = found.iter().filter(|check| check.verdict != Verdict::Up || check.origin != Origin::Scheduled);
    notable.map(|check| check.slot).nth(most.saturating_sub(1))
}

/// Where the search for the newest checks of a monitor has come to.
struct Search {
    /// What has not been looked into.
    rest: Window,
    /// The walk through the newest part of it, and what lies before that part; `None` where no facts are known of it.
    walk: Option<(Walk, Option<Window>)>,
}

/// What is known of many monitors from an instant on, and their newest checks, in the order of the monitors: all take each
/// step together. Where the newest checks lie is often known with it.
pub(crate) async fn glances(
    reader: &mut impl Reader,
    asked: &[(MonitorId, Timestamp)],
    most: u32,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Glance>, Fault> {
    let end = now.next();
    let (life, packed) = reader.progress().await?.split(between(Timestamp::EPOCH, end));
    let since = |(monitor, from): &_| (*monitor, between(*from, end));
    let asked: Vec<(MonitorId, Window)> = asked.iter().map(since).collect();
    let mut known = reader.facts(&asked, many(most), Depth::Time).await?;
    let begun = |(monitor, window): &(MonitorId, Window)| {
        let facts = known.get(monitor)?;
        let (whole, _) = facts.whole_part(*window, many(most));
        let whole = whole.not_before(life.from());
        let before = Window::new(life.from(), whole.from()).filter(|before| !before.is_empty());
        // What is under way is in no log yet.
        let open = facts.open.iter().map(|open| (open.slot, open.slot));
        Some((*monitor, Search { rest: life, walk: Some((Walk::past(facts, whole, open), before)) }))
    };
    let searches = asked.iter().filter_map(begun).collect();
    let limit = usize::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let mut recent = newest(reader, searches, packed, limit).await?;
    let glance = |(monitor, _): &(MonitorId, Window)| Glance {
        facts: known.remove(monitor).unwrap_or_default(),
        recent: recent.remove(monitor).unwrap_or_default(),
    };
    Ok(asked.iter().map(glance).collect())
}

/// The newest checks of monitors, the newest first: of what searches find, and of what is packed.
async fn newest(
    reader: &mut impl Reader,
    mut searches: BTreeMap<MonitorId, Search>,
    packed: Window,
    limit: usize,
) -> Result<HashMap<MonitorId, Vec<Check>>, Fault> {
    let mut found: HashMap<MonitorId, Vec<Check>> = HashMap::with_capacity(searches.len());
    let mut known: BTreeSet<MonitorId> = searches.keys().copied().collect();
    let mut most = FEW_FACTS;
    for _ in 0..MAX_STRETCHES {
        if searches.is_empty() {
            break;
        }
        begin_walks(reader, &mut searches, most).await?;
        known.extend(searches.keys().copied());
        most = most.saturating_mul(MORE_FACTS).min(MAX_FACTS);
        let next = |(monitor, search): (&MonitorId, &mut Search)| Some((*monitor, search.walk.as_mut()?.0.next(limit)));
        let stretches: Vec<(MonitorId, Stretch)> = searches.iter_mut().filter_map(next).collect();
        for check in reader.checks_in(&stretches, limit).await? {
            found.entry(check.monitor).or_default().push(check);
        }
        for (monitor, stretch) in stretches {
            let Some(search) = searches.get_mut(&monitor) else { continue };
            let before = search.walk.as_ref().and_then(|(_, before)| *before).filter(|_| stretch.is_last);
            let is_over = stretch.is_last && before.is_none();
            if is_over || found.get(&monitor).is_some_and(|checks| checks.len() >= limit) {
                searches.remove(&monitor);
            } else if let Some(before) = before {
                *search = Search { rest: before, walk: None };
            }
        }
    }
    let room = |monitor: &MonitorId| limit.saturating_sub(found.get(monitor).map_or(0, Vec::len));
    let short = known.into_iter().map(|monitor| (monitor, room(&monitor))).filter(|(_, room)| *room > 0);
    for check in packed::newest(reader, short.collect(), packed).await? {
        found.entry(check.monitor).or_default().push(check);
    }
    found.values_mut().for_each(|checks| checks.truncate(limit));
    Ok(found)
}

/// Finds out where to look of those that have not been looked into; what is not there is not looked for.
async fn begin_walks(
    reader: &mut impl Reader,
    searches: &mut BTreeMap<MonitorId, Search>,
    most: usize,
) -> Result<(), Fault> {
    let idle = searches.iter().filter(|(_, search)| search.walk.is_none());
    let asked: Vec<(MonitorId, Window)> = idle.map(|(monitor, search)| (*monitor, search.rest)).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let known = reader.facts(&asked, most, Depth::Slots).await?;
    for (monitor, window) in asked {
        match (known.get(&monitor), searches.get_mut(&monitor)) {
            (Some(facts), Some(search)) => {
                let (whole, before) = facts.whole_part(window, most);
                search.walk = Some((Walk::over(facts, whole), before));
            }
            _ => drop(searches.remove(&monitor)),
        }
    }
    Ok(())
}

/// The window between two instants; an empty one where the second is not the later one.
fn between(from: Timestamp, to: Timestamp) -> Window {
    Window::new(from, to).unwrap_or(Window::last(Duration::ZERO, from))
}

fn many(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX).max(1)
}

/// What is needed for the uptime of monitors, in the order asked for.
pub(crate) async fn time_facts(
    reader: &mut impl Reader,
    asked: &[(MonitorId, Window)],
    most: u32,
) -> Result<Vec<TimeFacts>, Fault> {
    let mut known = reader.facts(asked, many(most), Depth::Time).await?;
    Ok(asked.iter().map(|(monitor, _)| known.remove(monitor).unwrap_or_default()).collect())
}
