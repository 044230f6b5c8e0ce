//! The program on one store, from its start to its end, and what was found.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use watchkeeper_rig::process::Memory;
use watchkeeper_rig::tell;
use watchkeeper_rig::watchkeeper::{Node, Role, Start};
use watchkeeper_testdb::Database;

use crate::crowd::{self, Account};
use crate::curve::Curve;
use crate::log::Said;
use crate::people::{CHANGED, People, Stopped};
use crate::store::{self, Notices, Record};

/// How often the memory is looked at.
const SAMPLED_EVERY: Duration = Duration::from_secs(1);
/// How many passwords the program hashes at once.
const PASSWORDS_AT_ONCE: usize = 4;
/// The share of the slots that may be missed or come to nothing on a machine that has much else to do.
const MOST_LOST: f64 = 0.01;
/// So much memory is too much, however flat: with so few monitors the program takes less than two thirds of it.
const MOST_MB: f64 = 512.0;
/// How long people may take to leave once they are told to: as long as a request may take.
const LEAVING: Duration = Duration::from_secs(90);

/// On what the program stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereon {
    Sqlite,
    Postgres,
}

impl fmt::Display for Whereon {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// What is run.
pub(crate) struct Run<'a> {
    pub(crate) whereon: Whereon,
    pub(crate) binary: &'a Path,
    /// Where the targets answer.
    pub(crate) target: &'a str,
    pub(crate) monitors: u32,
    pub(crate) lasts: Duration,
}

/// What was found.
pub(crate) struct Found {
    pub(crate) whereon: Whereon,
    pub(crate) monitors: u32,
    pub(crate) lasted: Duration,
    pub(crate) account: Account,
    pub(crate) record: Record,
    pub(crate) said: Said,
    /// How often somebody was told that the program is too busy.
    pub(crate) turned_away: u64,
    pub(crate) memory: Curve,
}

impl Run<'_> {
    /// Starts the program, lets people at it, and looks at what is left when they have gone.
    pub(crate) async fn through(self) -> anyhow::Result<Found> {
        let whereon = self.whereon;
        self.all().await.with_context(|| format!("on {whereon}"))
    }

    async fn all(self) -> anyhow::Result<Found> {
        let directory = tempfile::tempdir()?;
        let database = match self.whereon {
            Whereon::Sqlite => None,
            Whereon::Postgres => Some(Database::fresh().await),
        };
        let url = database.as_ref().map(Database::url);
        let log = directory.path().join("log");
        let node = Node::start(Start {
            role: Role::Serve,
            binary: self.binary,
            directory: directory.path(),
            database: url,
            log: Stdio::from(File::create(&log)?),
        })
        .await?;
        let door = node.door();
        let owner = door.sign_up_owner().await?;
        let mut monitors = crowd::make(&owner, self.target, self.monitors).await?;
        tell(&format!("  {}: all monitors are made", self.whereon));
        // Memory to hash so many passwords at once is kept, and would else be taken by and by.
        try_join_all((0..PASSWORDS_AT_ONCE).map(|_| door.log_in())).await?;

        let (stop, stopped) = watch::channel(false);
        let mut people = People::come(&door, &owner, self.target, &monitors, &stopped)?;
        let began = Instant::now();
        let watching = tokio::spawn(watch(node.process(), began, stopped));
        // Who cannot do what they want ends it before its time.
        if let Ok(left) = timeout(self.lasts, people.leave()).await {
            left.context("somebody could not do what they wanted")?;
            bail!("everybody left before it was over");
        }
        let lasted = began.elapsed();
        stop.send_replace(true);
        let changed = timeout(LEAVING, people.leave()).await.context("somebody waits for an answer")??;
        let memory = watching.await??;

        monitors.truncate(monitors.len().saturating_sub(CHANGED));
        monitors.extend(changed);
        let account = crowd::account(&door.log_in().await?, &monitors).await?;
        node.stop().await?;
        let record = store::read(directory.path(), url).await.context("reading the record")?;
        let said = Said::read(&log)?;
        Ok(Found {
            whereon: self.whereon,
            monitors: self.monitors,
            lasted,
            account,
            record,
            said,
            turned_away: people.turned_away(),
            memory,
        })
    }
}

/// Looks at the memory of a process until told to stop.
async fn watch(process: u32, began: Instant, mut stopped: Stopped) -> anyhow::Result<Curve> {
    let mut curve = Curve::default();
    let mut ticks = interval(SAMPLED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => curve.add(began.elapsed().as_secs_f64(), Memory::of(process)?.now_kb),
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(curve),
        }
    }
}

impl Found {
    /// What is not in order.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let account @ Account { up, down, unaccounted, .. } = self.account;
        let lost = (account.missed + account.unknown) as f64;
        if up == 0 || down == 0 {
            complaints.push(format!("nothing was put to the test: {up} slots up, {down} down"));
        }
        if unaccounted != 0 {
            complaints.push(format!("{unaccounted} slots are unaccounted for"));
        }
        if lost > MOST_LOST * account.due as f64 {
            complaints.push(format!("{lost} of {} slots were not checked", account.due));
        }
        let (_, most_mb) = self.memory.range();
        if most_mb > MOST_MB {
            complaints.push(format!("{most_mb:.0} MB of memory are more than {MOST_MB:.0}"));
        }
        let Record { slots_twice, notices: Notices { told, given_up, overdue } } = self.record;
        if slots_twice != 0 {
            complaints.push(format!("{slots_twice} slots are in the record twice"));
        }
        if told == 0 || given_up != 0 || overdue != 0 {
            complaints.push(format!("notices: {told} told, {given_up} given up, {overdue} overdue"));
        }
        let growth = self.memory.growth();
        if !growth.is_flat() {
            complaints.push(format!(
                "memory grows by {:.0} MB an hour, and {:.0} is the most that counts as flat after {:.0} s",
                growth.mb_an_hour,
                growth.most_mb_an_hour,
                self.lasted.as_secs_f64()
            ));
        }
        complaints.extend(self.said.complaint());
        complaints.into_iter().map(|complaint| format!("{}: {complaint}", self.whereon)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_ORDER: Record = Record { slots_twice: 0, notices: Notices { told: 4, given_up: 0, overdue: 0 } };

    fn found() -> Found {
        let mut memory = Curve::default();
        (0..60).for_each(|second| memory.add(f64::from(second), 50_000));
        Found {
            whereon: Whereon::Sqlite,
            monitors: 2_000,
            lasted: Duration::from_secs(60),
            account: Account { due: 10, up: 8, down: 2, ..Account::default() },
            record: IN_ORDER,
            said: Said::default(),
            turned_away: 0,
            memory,
        }
    }

    #[test]
    fn what_is_in_order_gives_no_reason_to_complain() {
        assert_eq!(found().complaints(), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_complained_about_by_itself() {
        let mut growing = Curve::default();
        (0..60).for_each(|second| growing.add(f64::from(second), 50_000 + 2_000 * second as u64));
        let mut large = Curve::default();
        (0..60).for_each(|second| large.add(f64::from(second), 600_000));
        let (account, told) = (found().account, IN_ORDER.notices);
        for (faulty, word) in [
            (Found { account: Account { unaccounted: 1, ..account }, ..found() }, "unaccounted"),
            (Found { account: Account { down: 0, ..account }, ..found() }, "put to the test"),
            (Found { record: Record { slots_twice: 1, ..IN_ORDER }, ..found() }, "twice"),
            (Found { record: Record { notices: Notices { told: 0, ..told }, ..IN_ORDER }, ..found() }, "0 told"),
            (
                Found { record: Record { notices: Notices { given_up: 1, ..told }, ..IN_ORDER }, ..found() },
                "1 given up",
            ),
            (Found { record: Record { notices: Notices { overdue: 1, ..told }, ..IN_ORDER }, ..found() }, "1 overdue"),
            (Found { said: Said { errors: vec!["gone".to_owned()], ..Said::default() }, ..found() }, "gone"),
            (Found { account: Account { missed: 1, ..account }, ..found() }, "not checked"),
            (Found { account: Account { unknown: 1, ..account }, ..found() }, "not checked"),
            (Found { memory: growing, ..found() }, "memory grows"),
            (Found { memory: large, ..found() }, "586 MB"),
        ] {
            let complaints = faulty.complaints();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints[0].contains(word) && complaints[0].starts_with("SQLite: "), "{complaints:?}");
        }
    }
}
