//! What is asked of a history, each time about other monitors.

use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::time::Instant;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::Clock;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::rollup::DAY;
use watchkeeper_domain::testkit::SteppingClock;
use watchkeeper_domain::usecase::{History, WindowRequest};

use super::Extent;
use super::aging::Aging;
use crate::part::dashboards::Asked;
use crate::statistics::whole;

/// How often each question is asked before it counts: a connection reads a statement, and makes up its mind how to go about
/// it, when it sees it for the first few times.
pub(crate) const WARM_UP: u32 = 30;

/// The questions that promises are about.
pub(crate) const PAGE: &str =
    "a monitor's page: uptime over 24 h, 7, 30, 90 and 365 days, a graph of one of them, the last 100 checks";
pub(crate) const LIST_OF_100: &str = "100 monitors with their last check and their 24 hours";

pub(crate) fn list_of(monitors: u32) -> String {
    format!("{} of them", whole(monitors.into()))
}

/// Asks everything that a store of so many days can answer.
pub(super) async fn ask(aging: &Aging, extent: Extent, days: u32) -> anyhow::Result<Vec<Asked>> {
    let history = History {
        workspaces: aging.store.clone(),
        repo: aging.store.clone(),
        incidents: aging.store.clone(),
        clock: Arc::new(SteppingClock::at(aging.now)) as Arc<dyn Clock>,
        retention: Retention::new(1, 400, 400)?,
        region: Region::default(),
    };
    let (workspace, monitors, now) = (aging.workspace, &aging.monitors, aging.now);
    let first = monitors.first().copied().context("nobody is watched")?;
    let any = |number: u32| monitors.get(number as usize * 7_919 % monitors.len()).copied().unwrap_or(first);
    let last = |days: u32| WindowRequest { from: Some(now.minus(DAY * days)), to: None };
    let mut answers = Vec::new();
    // A macro, since what is asked borrows all of the above across its waiting.
    macro_rules! question {
        ($reach:expr, $what:expr, $times:expr, |$number:ident| $answer:expr) => {
            if $reach <= days {
                let mut took = Vec::new();
                for $number in 0..WARM_UP + $times {
                    let began = Instant::now();
                    $answer;
                    if $number >= WARM_UP {
                        took.push(began.elapsed().as_secs_f64() * 1e3);
                    }
                }
                answers.push(Asked::of(&$what, took));
            }
        };
    }
    let (times, year) = (extent.questions, extent.days.min(365));
    // At once, as the dashboard asks for them.
    question!(year, PAGE, times, |n| {
        let days = [1, 7, 30, 90, year].get(n as usize % 5).copied().unwrap_or(1).min(year);
        let (uptimes, latencies, page) = tokio::try_join!(
            history.uptimes(workspace, any(n)),
            history.latency(workspace, any(n), last(days), None),
            history.checks(workspace, any(n), last(year), None, None, 100),
        )?;
        ensure!(uptimes.len() == 5 && !latencies.is_empty(), "not all uptimes, or no latencies");
        ensure!(page.checks.len() == 100, "{} checks", page.checks.len());
    });
    for reach in [1, 7, 30, year] {
        question!(reach, format!("uptime over {}", spelt(reach)), times, |n| {
            history.uptime(workspace, any(n), last(reach)).await?
        });
    }
    for reach in [1, 7, 30, 90, year] {
        question!(reach, format!("latencies over {}", spelt(reach)), times, |n| {
            history.latency(workspace, any(n), last(reach), None).await?
        });
    }
    for reach in [1, 30, year] {
        question!(reach, format!("account of slots over {}", spelt(reach)), times, |n| {
            history.slots(workspace, any(n), last(reach)).await?
        });
    }
    question!(1, "the last 100 checks", times, |n| {
        history.checks(workspace, any(n), last(year), None, None, 100).await?
    });
    question!(year, "100 checks of half a year ago", times, |n| {
        let window = WindowRequest { to: Some(now.minus(DAY * (year / 2))), ..last(year) };
        ensure!(history.checks(workspace, any(n), window, None, None, 100).await?.checks.len() == 100, "no old checks");
    });
    question!(1, LIST_OF_100, times, |n| {
        let after = (monitors.len() > 200).then(|| after(monitors, n));
        let views = aging.store.monitors(workspace, after, 100).await?;
        ensure!(history.glances(&views, 1).await?.iter().all(|(_, checks)| checks.len() == 1), "no last checks");
    });
    question!(1, list_of(extent.monitors), times.div_ceil(4), |_number| {
        let mut after = None;
        loop {
            let views = aging.store.monitors(workspace, after, 500).await?;
            let Some(last) = views.last() else { break };
            after = Some(last.monitor.id);
            ensure!(history.glances(&views, 1).await?.len() == views.len(), "not all of them");
        }
    });
    Ok(answers)
}

/// A monitor that at least a hundred others come after.
fn after(monitors: &[MonitorId], number: u32) -> MonitorId {
    let place = number as usize * 7_919 % (monitors.len() - 100);
    monitors.get(place).copied().unwrap_or_else(|| MonitorId::new(uuid::Uuid::nil()))
}

fn spelt(days: u32) -> String {
    if days == 1 { "24 hours".to_owned() } else { format!("{days} days") }
}
