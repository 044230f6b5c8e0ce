//! Surveying the log of one monitor over a long window: whole hours that are rolled up are read from there, everything
//! else by look-ups in bounded chunks.

use std::time::Duration;

use watchkeeper_domain::audit::{AuditFacts, SlotAccount, account};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::LatencyBucket;
use watchkeeper_domain::rollup::{HourSum, LatencyStretches, whole_hours};
use watchkeeper_domain::time::{Timestamp, Window};

use super::{Figure, MAX_FACTS, Reader};
use crate::row::Fault;

/// How many slots are looked up at once.
const CHUNK: usize = 2_000;
/// How many hours are read at once.
const HOURS_AT_ONCE: usize = 500;

/// What a survey finds.
enum Finding {
    Hour(Timestamp, HourSum),
    Check(Figure),
}

/// The account of a monitor's slots.
pub(crate) async fn audit(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    now: Timestamp,
) -> Result<SlotAccount, Fault> {
    let open = reader.open_slots(&[monitor]).await?.remove(&monitor).unwrap_or_default();
    let (mut sum, mut settled, mut rest) = (SlotAccount::default(), None, Some(window));
    while let Some(part) = rest {
        let Some(facts) = reader.facts(&[(monitor, part)], MAX_FACTS).await?.remove(&monitor) else { break };
        let (whole, before) = facts.whole_part(part, MAX_FACTS);
        let (epochs, gaps, next_due_at) = (facts.epochs, facts.gaps, facts.next_due_at);
        let facts = AuditFacts { epochs, gaps, open: open.clone(), next_due_at, ..AuditFacts::default() };
        settled.get_or_insert(facts.settled(window, now));
        sum.add(&account(&facts, whole, now));
        rest = before;
    }
    let Some(settled) = settled else { return Ok(sum) };
    let mut checked = HourSum::default();
    let see = |finding| match finding {
        Finding::Hour(_, hour) => {
            checked.up += hour.up;
            checked.degraded += hour.degraded;
            checked.down += hour.down;
        }
        Finding::Check(check) => checked.add(check.origin, check.verdict, check.latency),
    };
    survey(reader, monitor, settled, |_| true, see).await?;
    let HourSum { up, degraded, down, .. } = checked;
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
        Finding::Hour(began_at, hour) => stretches.add_hour(began_at, &hour.latencies),
        Finding::Check(check) => stretches.add(check.slot, check.verdict, check.latency),
    };
    survey(reader, monitor, window, |hour| empty.hold_whole(hour), see).await?;
    Ok(stretches.into_stretches().map(|(at, latencies)| LatencyBucket { at, latencies }).collect())
}

/// Shows everything that the log holds of a monitor in a window, each check once: whole hours that may be taken rolled
/// up, and the other checks one by one, in no order.
async fn survey(
    reader: &mut impl Reader,
    monitor: MonitorId,
    window: Window,
    may_take: impl Fn(Window) -> bool,
    mut see: impl FnMut(Finding),
) -> Result<(), Fault> {
    let mut rest = Some(window);
    let mut hours: Option<Vec<Window>> = None;
    while let Some(part) = rest {
        let Some(facts) = reader.facts(&[(monitor, part)], MAX_FACTS).await?.remove(&monitor) else { return Ok(()) };
        let hours = match &hours {
            Some(hours) => hours,
            None => {
                let rolled_to = reader.rolled_to().await?.unwrap_or(window.from());
                let taken: Vec<Window> = whole_hours(window, rolled_to).filter(|hour| may_take(*hour)).collect();
                for piece in taken.chunks(HOURS_AT_ONCE) {
                    for (began_at, hour) in reader.hours(monitor, piece).await? {
                        see(Finding::Hour(began_at, hour));
                    }
                }
                hours.insert(taken)
            }
        };
        let (whole, before) = facts.whole_part(part, MAX_FACTS);
        let last = |hour: &Window| hour.to().minus(Duration::from_micros(1));
        let mut walk = facts.walk_past(whole, hours.iter().map(|hour| (hour.from(), last(hour))));
        loop {
            let stretch = walk.next(CHUNK);
            let windows = outside(stretch.window, hours);
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

/// The parts of a window that lie in none of the hours, which are in order.
fn outside(window: Window, hours: &[Window]) -> Vec<Window> {
    let first = hours.partition_point(|hour| hour.to() <= window.from());
    let mut parts = Vec::new();
    let mut from = window.from();
    for hour in hours.iter().skip(first).take_while(|hour| hour.from() < window.to()) {
        parts.extend(Window::new(from, hour.from()));
        from = hour.to();
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
