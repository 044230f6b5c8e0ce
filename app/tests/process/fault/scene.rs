//! What is watched while something fails.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use watchkeeper_adapters::rfc3339;
use watchkeeper_domain::time::Timestamp;

use super::Node;
use crate::client::User;
use crate::console::{Console, Unread};
use crate::eventually;
use crate::program::Program;
use crate::target::Target;

/// How long each check takes.
const TAKES: Duration = Duration::from_millis(200);

/// In how many intervals nothing may be begun before it is taken for the end: every monitor has had slots meanwhile.
const SEVERAL_SLOTS: u32 = 3;

/// What is watched, besides two targets that go down.
#[derive(Clone, Copy)]
pub(crate) struct Watched<'a> {
    /// The address of this machine that targets are on.
    pub(crate) address: &'a str,
    /// The time between two checks of a monitor, and what its target is given.
    pub(crate) interval_seconds: u32,
    /// How many monitors have a target that is up all the while.
    pub(crate) steady: usize,
}

impl Default for Watched<'_> {
    /// Enough that some check is under way at any moment; often, and not so often that a machine which stands still for a
    /// second takes a target for down, which is given as long as its interval.
    fn default() -> Self {
        Self { address: "127.0.0.1", interval_seconds: 2, steady: 40 }
    }
}

/// A target of its own, and the monitor that watches it.
pub(super) struct Shaky {
    pub(super) target: Target,
    pub(super) monitor: String,
}

impl Shaky {
    async fn watched_by(user: &User, watched: Watched<'_>) -> Self {
        let target = Target::start_on(watched.address).await;
        let monitor = user.watch(target.url(), watched.interval_seconds).await;
        Self { target, monitor }
    }
}

/// A user with monitors, all of which were up when it began, and the consoles of the nodes that watch.
pub(crate) struct Scene {
    pub(super) user: User,
    interval_seconds: u32,
    pub(super) steady: Vec<String>,
    /// Goes down before anything fails.
    pub(super) owed: Shaky,
    /// Goes down while something fails.
    pub(super) shaky: Shaky,
    pub(super) consoles: Vec<Console>,
    target: Target,
    unread: Vec<(u32, Unread)>,
}

/// Something that has failed, since when.
pub(crate) struct Failure {
    what: &'static str,
    began: Instant,
    carried_on_after: Option<Duration>,
}

/// Something that works again.
pub(crate) struct Repair {
    pub(super) what: &'static str,
    pub(super) lasted: Duration,
    pub(super) carried_on_after: Option<Duration>,
    pub(super) ended: Instant,
}

impl Failure {
    /// Notes that something fails from now on.
    pub(crate) fn begins(what: &'static str) -> Self {
        Self { what, began: Instant::now(), carried_on_after: None }
    }

    /// Notes that it works again.
    pub(crate) fn ends(self) -> Repair {
        let Self { what, began, carried_on_after } = self;
        Repair { what, lasted: began.elapsed(), carried_on_after, ended: Instant::now() }
    }
}

impl Scene {
    /// Signs up at the first of these nodes and waits until all is well.
    pub(crate) async fn open(nodes: &[&Node]) -> Self {
        Self::open_with(nodes, Watched::default()).await
    }

    /// The same, with so much to watch.
    pub(crate) async fn open_with(nodes: &[&Node], watched: Watched<'_>) -> Self {
        let target = Target::start_on(watched.address).await;
        target.take(TAKES);
        let user = User::sign_up(&nodes[0].url).await;
        let mut steady = Vec::new();
        for _ in 0..watched.steady {
            steady.push(user.watch(target.url(), watched.interval_seconds).await);
        }
        let (owed, shaky) = (Shaky::watched_by(&user, watched).await, Shaky::watched_by(&user, watched).await);
        let consoles = nodes.iter().map(|node| node.program.console().clone()).collect();
        let interval_seconds = watched.interval_seconds;
        let scene = Self { user, interval_seconds, steady, owed, shaky, consoles, target, unread: Vec::new() };
        for monitor in scene.monitors() {
            scene.user.sees_checks(monitor, 2).await;
        }
        scene
    }

    /// The time between two checks of a monitor.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.into())
    }

    pub(super) fn monitors(&self) -> impl Iterator<Item = &String> {
        self.steady.iter().chain([&self.owed.monitor, &self.shaky.monitor])
    }

    /// Whoever watches.
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    /// Hears what one more node prints.
    pub(crate) fn hears(&mut self, node: &Program) {
        self.consoles.push(node.console().clone());
    }

    /// Goes on at another node.
    pub(crate) async fn moves_to(&mut self, node: &Node) {
        self.hears(&node.program);
        self.user.refresh_at(&node.url).await;
    }

    /// Watches more, until each has a seat in a cohort, and does not count on the record to keep them.
    pub(crate) async fn watches_in_vain(&self, count: usize) {
        self.watch(count).await;
    }

    /// Watches more.
    pub(crate) async fn watches_more(&mut self, count: usize) {
        let more = self.watch(count).await;
        self.steady.extend(more);
    }

    async fn watch(&self, count: usize) -> Vec<String> {
        let mut monitors = Vec::new();
        for _ in 0..count {
            monitors.push(self.user.watch(self.target.url(), self.interval_seconds).await);
        }
        for monitor in &monitors {
            self.user.sees_checks(monitor, 3).await;
        }
        monitors
    }

    /// The slots of all monitors that ended so.
    pub(crate) async fn slots_that_are(&self, outcome: &str) -> u64 {
        let mut slots = 0;
        for monitor in self.monitors() {
            slots += self.user.slots(monitor).await[outcome].as_u64().unwrap();
        }
        slots
    }

    /// Stops reading what these nodes, who are all that deliver, print, and lets a target go down. Its notice is then owed
    /// and under way at one of them: in its hands and not through, until it gives that attempt up. Answers which has it.
    pub(crate) async fn is_owed_a_notice(&mut self, nodes: &[&Node]) -> usize {
        for node in nodes {
            self.unread.push((node.program.id(), node.program.console().is_left_unread().await));
        }
        self.owed.target.answer(503);
        self.user.sees(&self.owed.monitor, "DOWN").await;
        eventually("the notice is under way", async || {
            for (position, node) in nodes.iter().enumerate() {
                if node.shows("watchkeeper_deliveries_in_flight").await >= 1.0 {
                    return Some(position);
                }
            }
            None
        })
        .await
    }

    /// Reads again what a node prints.
    pub(crate) fn reads(&mut self, node: &Node) {
        self.unread.retain(|(id, _)| *id != node.program.id());
    }

    /// Reads again what all nodes print.
    pub(crate) fn reads_all(&mut self) {
        self.unread.clear();
    }

    /// Lets one of the targets go down, so that a notice is owed as soon as it can be known.
    pub(crate) fn a_target_goes_down(&self) {
        self.shaky.target.answer(503);
    }

    /// Waits until that is known.
    pub(crate) async fn sees_the_target_down(&self) {
        self.user.sees(&self.shaky.monitor, "DOWN").await;
    }

    /// Waits until more checks are begun than were before.
    pub(crate) async fn checks_go_on(&self) {
        self.checks_go_on_for(1).await;
    }

    /// Waits until as many more checks are begun as all monitors make in so many slots.
    pub(crate) async fn checks_go_on_for(&self, slots: usize) {
        let enough = self.target.asked() + (slots * self.steady.len()) as u64;
        eventually("checks are begun", async || (self.target.asked() > enough).then_some(())).await;
    }

    /// Waits until no check is begun any more: all that could be claimed is finished, and nothing can be claimed.
    pub(crate) async fn checks_cease(&self) {
        let mut asked = (self.target.asked(), Instant::now());
        eventually("no check is begun any more", async || {
            if self.target.asked() != asked.0 {
                asked = (self.target.asked(), Instant::now());
            }
            (asked.1.elapsed() > self.interval() * SEVERAL_SLOTS).then_some(())
        })
        .await;
    }

    /// Waits until others have checked every monitor since something failed that is still broken, and notes how long that
    /// took.
    pub(crate) async fn is_carried_on_during(&self, failure: &mut Failure) {
        self.is_checked_since(self.time_of(failure.began).await).await;
        failure.carried_on_after = Some(failure.began.elapsed());
    }

    /// Waits until every monitor has a check whose slot is not before this.
    pub(super) async fn is_checked_since(&self, since: Timestamp) {
        eventually("every monitor is checked again", async || {
            let newest = self.newest_slots().await;
            let is_checked = |monitor: &String| newest.get(monitor).is_some_and(|slot| *slot >= since);
            self.monitors().all(is_checked).then_some(())
        })
        .await;
    }

    /// The newest slot of each monitor that has a check.
    pub(super) async fn newest_slots(&self) -> BTreeMap<String, Timestamp> {
        let page = self.user.get("/monitors?limit=500").await;
        assert_eq!(page["next_cursor"], Value::Null, "the tests have no more monitors than that");
        let newest = |monitor: &Value| {
            let slot = rfc3339::parse(monitor["last_check"]["slot"].as_str()?).unwrap();
            Some((monitor["id"].as_str().unwrap().to_owned(), slot))
        };
        page["items"].as_array().unwrap().iter().filter_map(newest).collect()
    }

    /// What the clock that the record goes by says.
    pub(crate) async fn now(&self) -> Timestamp {
        self.time_of(Instant::now()).await
    }

    /// What the clock that the record goes by said at an instant of ours, or a little later.
    pub(super) async fn time_of(&self, instant: Instant) -> Timestamp {
        let ago = instant.elapsed();
        let uptime = self.user.get(&format!("/monitors/{}/uptime", self.shaky.monitor)).await;
        rfc3339::parse(uptime["to"].as_str().unwrap()).unwrap().minus(ago)
    }
}
