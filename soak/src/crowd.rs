//! The monitors: made through the API, and asked for their accounts in the end.

use anyhow::Context;
use reqwest::Method;
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;
use watchkeeper_rig::watchkeeper::Session;

use crate::busy::patiently;
use crate::target;

/// Intervals that there are, in seconds: by turns.
const INTERVALS: [u32; 3] = [3, 5, 8];
/// So many requests are under way at the same time.
const AT_ONCE: u32 = 8;

/// What people agree on when they ask for a monitor: its number decides on interval and target.
pub(crate) async fn make_one(session: &Session, target: &str, number: u32) -> anyhow::Result<Uuid> {
    let interval = INTERVALS[number as usize % INTERVALS.len()];
    let wanted = json!({
        "name": format!("number {number}"),
        "target": {"type": "http", "url": format!("{target}{}", target::path(number))},
        "interval_seconds": interval,
    });
    let made = session.send(Method::POST, "/monitors", Some(&wanted)).await?;
    made["id"].as_str().context("a monitor without an identifier")?.parse().context("an odd identifier")
}

/// Makes many, and says which they are.
pub(crate) async fn make(session: &Session, target: &str, monitors: u32) -> anyhow::Result<Vec<Uuid>> {
    let mut making = JoinSet::new();
    for first in 0..AT_ONCE {
        let (session, target) = (session.elsewhere()?, target.to_owned());
        making.spawn(async move {
            let mut made = Vec::new();
            for number in (first..monitors).step_by(AT_ONCE as usize) {
                made.push(patiently(|| make_one(&session, &target, number)).await?);
            }
            anyhow::Ok(made)
        });
    }
    gathered(making).await
}

/// What became of the slots of all monitors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    pub(crate) due: i64,
    pub(crate) up: i64,
    pub(crate) down: i64,
    pub(crate) missed: i64,
    pub(crate) unknown: i64,
    /// Of each monitor by itself without its sign, so that one's lack is not made up for by another's excess.
    pub(crate) unaccounted: i64,
}

/// Asks every monitor for its account.
pub(crate) async fn account(session: &Session, monitors: &[Uuid]) -> anyhow::Result<Account> {
    let mut asking = JoinSet::new();
    for share in monitors.chunks(monitors.len().div_ceil(AT_ONCE as usize).max(1)) {
        let (session, share) = (session.elsewhere()?, share.to_vec());
        asking.spawn(async move {
            let mut accounts = Vec::new();
            for monitor in share {
                let path = format!("/monitors/{monitor}/slots");
                let shown = patiently(|| session.get(&path)).await?;
                let of =
                    |name: &str| shown[name].as_i64().with_context(|| format!("an account without {name}: {shown}"));
                accounts.push(Account {
                    due: of("due")?,
                    up: of("up")?,
                    down: of("down")?,
                    missed: of("missed")?,
                    unknown: of("unknown")?,
                    unaccounted: of("unaccounted")?.abs(),
                });
            }
            anyhow::Ok(accounts)
        });
    }
    let sum = |all: Account, one: Account| Account {
        due: all.due + one.due,
        up: all.up + one.up,
        down: all.down + one.down,
        missed: all.missed + one.missed,
        unknown: all.unknown + one.unknown,
        unaccounted: all.unaccounted + one.unaccounted,
    };
    Ok(gathered(asking).await?.into_iter().fold(Account::default(), sum))
}

async fn gathered<T: 'static>(mut tasks: JoinSet<anyhow::Result<Vec<T>>>) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}
