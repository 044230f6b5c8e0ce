//! Surveying the log of one monitor over a long window: whole days and hours that are rolled up are read from there,
//! everything else from packs, or by look-ups in bounded chunks.

use std::collections::BTreeMap;
use std::time::Duration;

use watchkeeper_domain::audit::{AuditFacts, SlotAccount, account};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::LatencyBucket;
use watchkeeper_domain::rollup::{DAY, LatencyStretches, Tally, day_of, whole_hours};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::TimeFacts;

use super::{Depth, Figure, MAX_FACTS, Progress, Reader, Walk, packed};
use crate::row::{Fault, Instant};

/// How many slots are looked up at once.
const CHUNK: usize = 2_000;
/// How many hours are read at once.
const HOURS_AT_ONCE: usize = 500;

/// What a survey finds.
enum Finding {
    /// An hour or a day, whole, and where it begins.
    Whole(Timestamp, Tally),
    Check(Figure),
}

/// The account of a monitor's slots.
pub(crate) async fn audit(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    now: Timestamp,
) -> Result<SlotAccount, Fault> {
    let (mut sum, mut settled, mut rest) = (SlotAccount::default(), None, Some(window));
    while let Some(part) = rest {
        let asked = [(monitor, part)];
        let Some(facts) = reader.facts(&asked, MAX_FACTS, Depth::Account).await?.remove(&monitor) else { break };
        let (whole, before) = facts.whole_part(part, MAX_FACTS);
        let TimeFacts { epochs, gaps, open, next_due_at, .. } = facts;
        let facts = AuditFacts { epochs, gaps, open, next_due_at, ..AuditFacts::default() };
        settled.get_or_insert(facts.settled(window, now));
        sum.add(&account(&facts, whole, now));
        rest = before;
    }
    let Some(settled) = settled else { return Ok(sum) };
    let mut checked = Tally::default();
    let see = |finding| match finding {
        Finding::Whole(_, tally) => checked.merge(&tally),
        Finding::Check(check) => checked.add(check.origin, check.verdict, check.latency),
    };
    survey(reader, monitor, settled, |_| true, see).await?;
    let Tally { up, degraded, down, .. } = checked;
    sum.add(&account(&AuditFacts { up, degraded, down, ..AuditFacts::default() }, settled, now));
    Ok(sum)
}

/// The latencies of a monitor in stretches of a window.
pub(crate) async fn latencies(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    step: Duration,
) -> Result<Vec<LatencyBucket>, Fault> {
    let empty = LatencyStretches::new(window, step);
    let mut stretches = empty.clone();
    let see = |finding| match finding {
        Finding::Whole(began_at, tally) => stretches.add_whole(began_at, &tally.latencies),
        Finding::Check(check) => stretches.add(check.slot, check.verdict, check.latency),
    };
    survey(reader, monitor, window, |part| empty.hold_whole(part), see).await?;
    Ok(stretches.into_stretches().map(|(at, latencies)| LatencyBucket { at, latencies }).collect())
}

/// Shows everything that is known of a monitor's checks in a window, each check once: whole days and hours that may be taken
/// rolled up, and the other checks one by one, in no order.
async fn survey(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    may_take: impl Fn(Window) -> bool,
    mut see: impl FnMut(Finding),
) -> Result<(), Fault> {
    let progress = reader.progress().await?;
    let (raw, packed) = progress.split(window);
    let (mut rest, mut taken) = (Some(raw), None);
    while let Some(part) = rest {
        let asked = [(monitor, part)];
        let Some(facts) = reader.facts(&asked, MAX_FACTS, Depth::Slots).await?.remove(&monitor) else { return Ok(()) };
        let taken = match &taken {
            Some(taken) => taken,
            None => {
                let sums = sums(reader, monitor, window, &progress, &may_take, &mut see).await?;
                let windows = outside(packed, &sums);
                packed::figures(reader, monitor, &windows, |figure| see(Finding::Check(figure))).await?;
                taken.insert(sums)
            }
        };
        let (whole, before) = facts.whole_part(part, MAX_FACTS);
        let last = |part: &Window| part.to().minus(Duration::from_micros(1));
        let mut walk = Walk::past(&facts, whole, taken.iter().map(|part| (part.from(), last(part))));
        loop {
            let stretch = walk.next(CHUNK);
            let windows = outside(stretch.window, taken);
            for figure in reader.figures(monitor, &stretch.slots, &windows).await? {
                see(Finding::Check(figure));
            }
            if stretch.is_last {
                break;
            }
        }
        rest = before;
    }
    Ok(())
}

/// Shows the whole days and hours of a window that are rolled up and may be taken, and answers the parts of the window that
/// they cover, in order.
async fn sums(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    progress: &Progress,
    may_take: impl Fn(Window) -> bool,
    see: &mut impl FnMut(Finding),
) -> Result<Vec<Window>, Fault> {
    let days_to = progress.days_to.unwrap_or(window.from());
    let folded = window.before(days_to);
    let mut covered = days(reader, monitor, folded, &may_take, see).await?;
    let hours_to = progress.hours_to.unwrap_or(window.from());
    let hours: Vec<Window> = whole_hours(window.not_before(days_to), hours_to).filter(|hour| may_take(*hour)).collect();
    for piece in hours.chunks(HOURS_AT_ONCE) {
        for (began_at, tally) in reader.hours(monitor, piece).await? {
            see(Finding::Whole(began_at, tally));
        }
    }
    covered.extend(hours);
    Ok(covered)
}

/// The same of a window in which all days are folded.
async fn days(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    may_take: impl Fn(Window) -> bool,
    see: &mut impl FnMut(Finding),
) -> Result<Vec<Window>, Fault> {
    let mut covered = Vec::new();
    if window.is_empty() {
        return Ok(covered);
    }
    let whole = |began_at: Timestamp| Window::last(DAY, began_at.plus(DAY));
    let is_taken = |day: Window| window.clip(day) == day && may_take(day);
    let in_part: Vec<Timestamp> = packed::days_in(window).filter(|began_at| !is_taken(whole(*began_at))).collect();
    let (first, mut rows) = (day_of(window.from()), BTreeMap::new());
    for row in reader.days(monitor, Window::new(first, window.to()).unwrap_or(window), &in_part).await? {
        rows.insert(row.began_at, row);
    }
    for began_at in packed::days_in(window) {
        let day = whole(began_at);
        match rows.remove(&Instant(began_at)) {
            // Where nothing is left of a day, no part of it holds anything.
            None => covered.push(window.clip(day)),
            Some(row) if is_taken(day) => {
                see(Finding::Whole(began_at, row.total()?));
                covered.push(day);
            }
            Some(row) => {
                let day_tally = row.day()?;
                let tallies: BTreeMap<Timestamp, &Tally> = day_tally.hours(began_at).collect();
                for hour in whole_hours(window.clip(day), day.to()).filter(|hour| may_take(*hour)) {
                    if let Some(tally) = tallies.get(&hour.from()) {
                        see(Finding::Whole(hour.from(), (*tally).clone()));
                    }
                    covered.push(hour);
                }
            }
        }
    }
    Ok(covered)
}

/// The parts of a window that lie in none of some others, which are apart and in order.
fn outside(window: Window, others: &[Window]) -> Vec<Window> {
    let first = others.partition_point(|other| other.to() <= window.from());
    let mut parts = Vec::new();
    let mut from = window.from();
    for other in others.iter().skip(first).take_while(|other| other.from() < window.to()) {
        parts.extend(Window::new(from, other.from()));
        from = other.to();
    }
    parts.extend(Window::new(from, window.to()));
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window::new(Timestamp::from_secs(from), Timestamp::from_secs(to)).unwrap()
    }

    #[test]
    fn what_lies_outside_of_the_hours_is_read_from_the_log() {
        let hours = [3_600, 7_200, 14_400].map(|from| window(from, from + 3_600));
        assert_eq!(
            outside(window(1_800, 18_500), &hours),
            [(1_800, 3_600), (10_800, 14_400), (18_000, 18_500)].map(|(from, to)| window(from, to))
        );
        assert_eq!(outside(window(4_000, 7_500), &hours), []);
        assert_eq!(outside(window(9_000, 12_000), &hours), [window(10_800, 12_000)]);
        assert_eq!(outside(window(9, 10), &[]), [window(9, 10)]);
    }
}
