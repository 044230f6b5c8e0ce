//! What people do meanwhile: some look on, one changes things, some sign up.
//!
//! All of them together stay below what the program lets one address do (one sign-in in two seconds).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;
use watchkeeper_rig::browser::{Browser, pages_of_the_list};
use watchkeeper_rig::watchkeeper::{Door, Session};

use crate::busy::is_busy;
use crate::crowd;

/// How many look on.
const LOOKERS: usize = 3;
/// How long each of them stays before signing in anew, so that passwords are hashed all the time.
const VISIT: Duration = Duration::from_secs(12);
/// How long a looker rests between two loads of the dashboard.
const LOOKING: Duration = Duration::from_secs(2);
/// How long it takes until somebody else signs up.
const UNTIL_NEWCOMER: Duration = Duration::from_secs(20);
/// How long the one who changes things thinks about each.
const THINKING: Duration = Duration::from_millis(250);
/// How many monitors are there to be changed. Nobody else opens these.
pub(crate) const CHANGED: usize = 200;

/// A number that no monitor was made with yet.
const NEXT_NUMBER: u32 = 100_000;

/// Turns true when everybody is to leave.
pub(crate) type Stopped = watch::Receiver<bool>;

/// Everybody, until they are told to leave. What the one who changes things leaves behind, besides what there was, is
/// among what comes back.
pub(crate) struct People {
    tasks: JoinSet<anyhow::Result<Vec<Uuid>>>,
    turned_away: TurnedAway,
}

/// How often somebody was told that the program is too busy just now: that is no fault of it, and they try again.
#[derive(Clone, Default)]
struct TurnedAway(Arc<AtomicU64>);

impl TurnedAway {
    fn unless<T>(&self, done: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        match done {
            Err(error) if is_busy(&error) => {
                self.0.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            done => done.map(Some),
        }
    }
}

impl People {
    /// Lets them in.
    pub(crate) fn come(
        door: &Door,
        owner: &Session,
        target: &str,
        monitors: &[Uuid],
        stopped: &Stopped,
    ) -> anyhow::Result<Self> {
        let (looked_at, changed) = monitors.split_at(monitors.len().saturating_sub(CHANGED));
        let turned_away = TurnedAway::default();
        let mut tasks = JoinSet::new();
        for share in looked_at.chunks(looked_at.len().div_ceil(LOOKERS).max(1)) {
            tasks.spawn(look_on(door.clone(), share.to_vec(), turned_away.clone(), stopped.clone()));
        }
        tasks.spawn(sign_up(door.clone(), turned_away.clone(), stopped.clone()));
        let changing = Changing {
            session: owner.elsewhere()?,
            door: door.clone(),
            target: target.to_owned(),
            turned_away: turned_away.clone(),
        };
        tasks.spawn(changing.all(changed.to_vec(), stopped.clone()));
        Ok(Self { tasks, turned_away })
    }

    /// How often somebody was told that the program is too busy.
    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.0.load(Ordering::Relaxed)
    }

    /// Waits until all have left after they were told to, or until the first who could not do what they wanted. Says
    /// which of the monitors that are changed there are now.
    pub(crate) async fn leave(&mut self) -> anyhow::Result<Vec<Uuid>> {
        let mut changed = Vec::new();
        while let Some(left) = self.tasks.join_next().await {
            changed.extend(left??);
        }
        Ok(changed)
    }
}

/// Visits over and over.
async fn look_on(
    door: Door,
    opens: Vec<Uuid>,
    turned_away: TurnedAway,
    mut stopped: Stopped,
) -> anyhow::Result<Vec<Uuid>> {
    while !*stopped.borrow() {
        if turned_away.unless(visit(&door, &opens, &mut stopped).await)?.is_none() {
            let _ = timeout(LOOKING, stopped.wait_for(|stopped| *stopped)).await;
        }
    }
    Ok(Vec::new())
}

/// Signs in, and looks for a while.
async fn visit(door: &Door, opens: &[Uuid], stopped: &mut Stopped) -> anyhow::Result<()> {
    let session = door.log_in().await?;
    let pages = pages_of_the_list(&session).await?;
    let (end, ended) = watch::channel(false);
    let browser = Browser { session, pages, opens: opens.to_vec(), interval_seconds: 5, pause: LOOKING };
    let browsing = tokio::spawn(browser.browse(ended));
    // Whether time is up or all is over: the visit ends.
    let _ = timeout(VISIT, stopped.wait_for(|stopped| *stopped)).await;
    end.send_replace(true);
    browsing.await??;
    Ok(())
}

async fn sign_up(door: Door, turned_away: TurnedAway, mut stopped: Stopped) -> anyhow::Result<Vec<Uuid>> {
    for number in 0_u64.. {
        if timeout(UNTIL_NEWCOMER, stopped.wait_for(|stopped| *stopped)).await.is_ok() {
            break;
        }
        turned_away.unless(door.sign_up(&format!("newcomer{number}@example.org")).await)?;
    }
    Ok(Vec::new())
}

/// The one who changes things.
struct Changing {
    session: Session,
    door: Door,
    target: String,
    turned_away: TurnedAway,
}

impl Changing {
    /// Changes one monitor after the other, each in another way, until told to stop.
    async fn all(mut self, mut monitors: Vec<Uuid>, mut stopped: Stopped) -> anyhow::Result<Vec<Uuid>> {
        for (place, round) in (0..monitors.len()).cycle().zip(0_u32..) {
            if timeout(THINKING, stopped.wait_for(|stopped| *stopped)).await.is_ok() {
                break;
            }
            // An access token works for a quarter of an hour: this one is renewed in time.
            if round % 500 == 499 {
                let session = self.turned_away.unless(self.door.log_in().await)?;
                self.session = session.unwrap_or(self.session);
            }
            let Some(monitor) = monitors.get_mut(place) else { break };
            let done = self.turned_away.unless(self.one(*monitor, round).await)?;
            *monitor = done.unwrap_or(*monitor);
        }
        Ok(monitors)
    }

    /// Does one thing to a monitor, and says which there is in its place.
    async fn one(&self, monitor: Uuid, round: u32) -> anyhow::Result<Uuid> {
        let one = format!("/monitors/{monitor}");
        match round % 7 {
            0 => self.change(&one, json!({"name": format!("renamed in round {round}")})).await?,
            1 => self.change(&one, json!({"interval_seconds": 1 + round % 4})).await?,
            2 => self.change(&one, json!({"is_active": round.is_multiple_of(2)})).await?,
            3 => {
                self.change(&one, json!({"is_active": false})).await?;
                self.change(&one, json!({"is_active": true})).await?;
            }
            4 => {
                self.change(&one, json!({"is_active": true})).await?;
                self.session.send(Method::POST, &format!("{one}/check"), None).await?;
            }
            5 => {
                let url = format!("{}{}", self.target, crate::target::path(round));
                self.change(&one, json!({"target": {"type": "http", "url": url}})).await?;
            }
            _ => {
                let made = crowd::make_one(&self.session, &self.target, NEXT_NUMBER + round).await?;
                self.turned_away.unless(self.session.send(Method::DELETE, &one, None).await)?;
                return Ok(made);
            }
        }
        Ok(monitor)
    }

    async fn change(&self, one: &str, change: serde_json::Value) -> anyhow::Result<()> {
        self.session.send(Method::PATCH, one, Some(&change)).await?;
        Ok(())
    }
}
