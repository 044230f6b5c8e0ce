//! What is watched while something fails, and the account of it afterwards.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::client::User;
use crate::eventually;
use crate::target::Target;

/// How many monitors are watched, each every second: enough that some check is under way at any moment.
const MONITORS: usize = 20;

/// How long each check takes.
const TAKES: Duration = Duration::from_millis(200);

/// How long nothing may be begun before it is taken for the end: every monitor has had slots meanwhile.
const SEVERAL_SLOTS: Duration = Duration::from_secs(3);

/// A user with monitors that are checked every second, all of which were up when it began.
pub(crate) struct Scene {
    user: User,
    steady: Vec<String>,
    shaky: String,
    target: Target,
    shaky_target: Target,
}

/// Something that has failed, since when.
pub(crate) struct Failure {
    what: &'static str,
    began: Instant,
}

/// Something that works again.
pub(crate) struct Repair {
    what: &'static str,
    lasted: Duration,
    ended: Instant,
}

impl Failure {
    /// Notes that something fails from now on.
    pub(crate) fn begins(what: &'static str) -> Self {
        Self { what, began: Instant::now() }
    }

    /// Notes that it works again.
    pub(crate) fn ends(self) -> Repair {
        Repair { what: self.what, lasted: self.began.elapsed(), ended: Instant::now() }
    }
}

impl Scene {
    /// Signs up at a node and waits until all is well.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_towards(url, "127.0.0.1", 1).await
    }

    /// The same, with targets on this address of the machine, and so many seconds between two checks.
    pub(crate) async fn open_towards(url: &str, address: &str, interval_seconds: u32) -> Self {
        let (target, shaky_target) = (Target::start_on(address).await, Target::start_on(address).await);
        target.take(TAKES);
        let user = User::sign_up(url).await;
        let mut steady = Vec::new();
        for _ in 0..MONITORS {
            steady.push(user.watch(target.url(), interval_seconds).await);
        }
        let shaky = user.watch(shaky_target.url(), interval_seconds).await;
        let scene = Self { user, steady, shaky, target, shaky_target };
        for monitor in scene.monitors() {
            scene.user.sees_checks(monitor, 2).await;
        }
        scene
    }

    fn monitors(&self) -> impl Iterator<Item = &String> {
        self.steady.iter().chain([&self.shaky])
    }

    /// Whoever watches.
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    /// Goes on at another node.
    pub(crate) async fn moves_to(&mut self, url: &str) {
        self.user.refresh_at(url).await;
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
            monitors.push(self.user.watch(self.target.url(), 1).await);
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

    /// Lets one of the targets go down, so that a notice is owed as soon as it can be known.
    pub(crate) fn a_target_goes_down(&self) {
        self.shaky_target.answer(503);
    }

    /// Waits until that is known.
    pub(crate) async fn sees_the_target_down(&self) {
        self.user.sees(&self.shaky, "DOWN").await;
    }

    /// Waits until more checks are begun than were before.
    pub(crate) async fn checks_go_on(&self) {
        let asked = self.target.asked();
        eventually("checks are begun", async || (self.target.asked() > asked + MONITORS as u64).then_some(())).await;
    }

    /// Waits until no check is begun any more: all that could be claimed is finished, and nothing can be claimed.
    pub(crate) async fn checks_cease(&self) {
        let mut asked = (self.target.asked(), Instant::now());
        eventually("no check is begun any more", async || {
            if self.target.asked() != asked.0 {
                asked = (self.target.asked(), Instant::now());
            }
            (asked.1.elapsed() > SEVERAL_SLOTS).then_some(())
        })
        .await;
    }

    /// Waits until every monitor has been checked again since a repair, and says how long that took; then holds the account
    /// against the record: the target that went down is known to be, it comes back, both were told, and every slot of every
    /// monitor is there once.
    pub(crate) async fn comes_back_after(&self, repair: Repair) {
        let mut before = Vec::new();
        for monitor in self.monitors() {
            before.push((monitor, self.newest_slot(monitor).await));
        }
        for (monitor, slot) in before {
            let is_newer = async || (self.newest_slot(monitor).await > slot).then_some(());
            eventually("the monitor is checked again", is_newer).await;
        }
        let back_after = repair.ended.elapsed();
        self.user.sees(&self.shaky, "DOWN").await;
        self.shaky_target.answer(200);
        self.user.sees(&self.shaky, "UP").await;
        self.balances().await;
        let missed = self.slots_that_are("missed").await;
        let (what, lasted) = (repair.what, repair.lasted.as_secs_f64());
        let line = format!(
            "{what}: lasted {lasted:.1} s; all {} monitors were checked again {:.1} s after it ended; slots missed: {missed}",
            self.monitors().count(),
            back_after.as_secs_f64(),
        );
        // Shown even where the test harness captures what passing tests print.
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    async fn newest_slot(&self, monitor: &str) -> Option<String> {
        let page = self.user.get(&format!("/monitors/{monitor}/checks?limit=1")).await;
        page["items"][0]["slot"].as_str().map(str::to_owned)
    }

    /// Nothing is lost and nothing is there twice.
    async fn balances(&self) {
        for monitor in self.monitors() {
            self.user.finds_every_slot_accounted_for(monitor).await;
        }
        for monitor in &self.steady {
            let incidents = self.user.get(&format!("/monitors/{monitor}/incidents")).await;
            assert_eq!(
                incidents["items"],
                Value::Array(Vec::new()),
                "nobody is told that a target is down which is up"
            );
        }
        let incidents = self.user.get(&format!("/monitors/{}/incidents", self.shaky)).await;
        let incidents = incidents["items"].as_array().unwrap().clone();
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        let incident = format!("/incidents/{}", incidents[0]["id"].as_str().unwrap());
        let told = async || {
            let incident = self.user.get(&incident).await;
            let timeline = incident["timeline"].as_array().unwrap();
            let of = |kind: &str| timeline.iter().filter(|entry| entry["type"] == kind).collect::<Vec<_>>();
            let owed: Vec<_> = of("notice_owed").iter().map(|entry| (&entry["notice_id"], &entry["about"])).collect();
            assert_eq!(owed.iter().map(|(_, about)| *about).collect::<Vec<_>>(), ["DOWN", "UP"], "{incident}");
            let delivered: Vec<_> = of("delivered").iter().map(|entry| &entry["notice_id"]).collect();
            assert!(delivered.len() <= owed.len(), "{incident}");
            owed.iter().all(|(notice, _)| delivered.contains(notice)).then_some(())
        };
        eventually("the channel is told of both changes, once each", told).await;
    }
}
