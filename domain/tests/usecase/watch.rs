//! Watching: claim, probe, judge, record.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::{Claim, Origin, Outcome, Region};
use watchkeeper_domain::event::Happening;
use watchkeeper_domain::id::{LeaseToken, MonitorId};
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::port::{
    Connectivity, IdGenerator, MockConnectivity, MockMonitorRepo, MonitorRepo, RepoError, Upkeep, UserRepo,
};
use watchkeeper_domain::report::{Ending, Evidence, Lack, Reason, ReasonKind, Report, Timings};
use watchkeeper_domain::status::Status;
use watchkeeper_domain::testkit::fixture::{self, T0, seconds};
use watchkeeper_domain::testkit::{CountingIds, FakeProber, MemoryFeed, MemoryStore, SteppingClock};
use watchkeeper_domain::usecase::{Assignment, Memory, Watch};
use watchkeeper_domain::verdict::Verdict;

const URL: &str = "https://example.org/health";

struct Scene {
    watch: Watch,
    store: Arc<MemoryStore>,
    prober: Arc<FakeProber>,
    clock: Arc<SteppingClock>,
    monitor: Monitor,
}

impl Scene {
    /// A store with one monitor of a minute's interval that is due at `T0`, and a target that answers 200.
    async fn new() -> Self {
        Self::with_connectivity(None).await
    }

    async fn with_connectivity(connectivity: Option<Arc<dyn Connectivity>>) -> Self {
        let ids = Arc::new(CountingIds::new());
        let store = Arc::new(MemoryStore::new(ids.clone()));
        let (prober, clock) = (Arc::new(FakeProber::new()), Arc::new(SteppingClock::at(T0)));
        prober.from_now_on(URL, fixture::answer(200));
        store.prepare(T0).await.unwrap();
        let account = fixture::account("ada@example.org");
        store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        let monitor = fixture::monitor(MonitorId::new(ids.uuid()), account.user.workspace, 60, T0);
        store.create_monitor(&monitor, 10).await.unwrap();
        let watch = Watch {
            checks: store.clone(),
            monitors: store.clone(),
            prober: prober.clone(),
            connectivity,
            feed: Arc::new(MemoryFeed::new()),
            clock: clock.clone(),
            ids,
            region: Region::default(),
            memory: Arc::new(Memory::default()),
        };
        Self { watch, store, prober, clock, monitor }
    }

    async fn claim(&self) -> Assignment {
        self.watch.claim(1, Duration::ZERO).await.unwrap().assignments.pop().expect("something is due")
    }

    /// One round: whatever is due now is probed and recorded.
    async fn round(&self) {
        for assignment in self.watch.claim(10, Duration::ZERO).await.unwrap().assignments {
            let settled = self.watch.probe(&assignment).await.expect("in time");
            self.watch.record(&[settled]).await.unwrap();
        }
    }

    async fn status(&self) -> Status {
        self.store.monitor(self.monitor.workspace, self.monitor.id).await.unwrap().unwrap().state.held
    }
}

fn failed(kind: ReasonKind) -> Report {
    let ending = Ending::Failed { http_status: None, reason: Reason::new(kind, "it did not work") };
    Report { ending, latency: seconds(1), timings: Timings::default(), evidence: Evidence::default() }
}

fn no_route() -> Report {
    cut_off(Lack::Network)
}

fn cut_off(lack: Lack) -> Report {
    Report { ending: Ending::CutOff { lack, detail: "no route".into() }, ..failed(ReasonKind::Connect) }
}

#[pollster::test]
async fn a_target_goes_down_and_comes_back() {
    let scene = Scene::new().await;
    scene.round().await;
    assert_eq!(scene.status().await, Status::Up);
    scene.prober.from_now_on(URL, fixture::answer(503));
    scene.clock.set(scene.monitor_slot(1));
    scene.round().await;
    assert_eq!(scene.status().await, Status::Up, "one failure is not confirmed");
    scene.clock.advance(seconds(11));
    scene.round().await;
    assert_eq!(scene.status().await, Status::Down);
    scene.prober.from_now_on(URL, fixture::answer(200));
    scene.clock.set(scene.monitor_slot(2));
    scene.round().await;
    assert_eq!(scene.status().await, Status::Up);
}

impl Scene {
    /// The grid slot of this number after the opening slot.
    fn monitor_slot(&self, number: u32) -> watchkeeper_domain::time::Timestamp {
        let schedule = watchkeeper_domain::schedule::Schedule::of(self.monitor.id, self.monitor.settings.interval);
        (0..number).fold(T0, |slot, _| schedule.after(slot))
    }
}

#[pollster::test]
async fn claims_are_not_lost_where_the_store_falters_between_claim_and_look_up() {
    let mut scene = Scene::new().await;
    let (mut faltering, monitor) = (MockMonitorRepo::new(), scene.monitor.clone());
    faltering.expect_monitors_by_id().times(1).returning(|_| Err(RepoError::Unavailable("away".into())));
    faltering.expect_monitors_by_id().times(1).returning(move |_| Ok(vec![monitor.clone()]));
    scene.watch.monitors = Arc::new(faltering);
    assert_eq!(scene.claim().await.claim.slot, T0);
}

#[pollster::test]
async fn a_probe_that_is_too_late_to_start_is_not_made() {
    let scene = Scene::new().await;
    let assignment = scene.claim().await;
    scene.clock.set(assignment.claim.start_before);
    assert_eq!(scene.watch.probe(&assignment).await, None);
}

#[pollster::test]
async fn a_probe_that_could_outlast_its_lease_is_not_begun() {
    let scene = Scene::new().await;
    let assignment = scene.claim().await;
    scene.clock.advance(seconds(2));
    assert!(scene.watch.probe(&assignment).await.is_some(), "the margin of the lease is its play");
    scene.clock.advance(Duration::from_micros(1));
    assert_eq!(scene.watch.probe(&assignment).await, None);
}

#[pollster::test]
async fn a_probe_that_outlasts_its_lease_says_nothing() {
    let scene = Scene::new().await;
    let assignment = scene.claim().await;
    scene.prober.from_now_on(URL, Report { latency: seconds(13), ..failed(ReasonKind::Timeout) });
    assert_eq!(scene.watch.probe(&assignment).await, None);
}

#[pollster::test]
async fn without_a_route_and_without_any_answer_lately_nothing_is_said_of_the_target() {
    let scene = Scene::new().await;
    scene.prober.from_now_on(URL, no_route());
    let settled = scene.watch.probe(&scene.claim().await).await.unwrap();
    assert_eq!(settled.outcome, Outcome::Unknown);
}

#[pollster::test]
async fn without_a_route_while_others_answer_the_target_is_down() {
    let scene = Scene::new().await;
    let assignment = scene.claim().await;
    scene.watch.probe(&assignment).await.unwrap();
    scene.prober.from_now_on(URL, no_route());
    let Outcome::Checked(check) = scene.watch.probe(&assignment).await.unwrap().outcome else { panic!("it is known") };
    assert_eq!((check.verdict, check.reason.unwrap().kind), (Verdict::Down, ReasonKind::Connect));
    scene.clock.advance(seconds(2));
    assert_eq!(scene.watch.probe(&assignment).await.unwrap().outcome, Outcome::Unknown, "that answer is too long ago");
}

#[pollster::test]
async fn without_room_for_a_connection_nothing_is_said_of_the_target_although_others_answer() {
    let scene = Scene::new().await;
    let assignment = scene.claim().await;
    scene.watch.probe(&assignment).await.unwrap();
    scene.prober.from_now_on(URL, cut_off(Lack::Room));
    assert_eq!(scene.watch.probe(&assignment).await.unwrap().outcome, Outcome::Unknown);
}

#[pollster::test]
async fn where_named_addresses_are_out_of_reach_too_a_failure_is_our_own() {
    let mut connectivity = MockConnectivity::new();
    connectivity.expect_has_network().return_const(false);
    let scene = Scene::with_connectivity(Some(Arc::new(connectivity))).await;
    let assignment = scene.claim().await;
    for kind in [ReasonKind::Dns, ReasonKind::Connect, ReasonKind::Timeout] {
        scene.prober.from_now_on(URL, failed(kind));
        assert_eq!(scene.watch.probe(&assignment).await.unwrap().outcome, Outcome::Unknown, "{kind:?}");
    }
    scene.prober.from_now_on(URL, failed(ReasonKind::Tls));
    assert!(matches!(scene.watch.probe(&assignment).await.unwrap().outcome, Outcome::Checked(_)), "it has answered");
}

#[pollster::test]
async fn where_named_addresses_answer_a_failure_is_the_targets() {
    let mut connectivity = MockConnectivity::new();
    connectivity.expect_has_network().return_const(true);
    let scene = Scene::with_connectivity(Some(Arc::new(connectivity))).await;
    scene.prober.from_now_on(URL, failed(ReasonKind::Dns));
    let settled = scene.watch.probe(&scene.claim().await).await.unwrap();
    assert!(matches!(settled.outcome, Outcome::Checked(check) if check.verdict == Verdict::Down));
}

#[pollster::test]
async fn a_failure_that_began_before_our_network_was_back_is_our_own() {
    let (mut connectivity, now) = (MockConnectivity::new(), Arc::new(OnceLock::<Arc<SteppingClock>>::new()));
    let clock = Arc::clone(&now);
    connectivity.expect_has_network().times(1).return_const(false);
    // It comes back while somebody looks.
    connectivity.expect_has_network().times(1).returning(move || {
        clock.get().unwrap().advance(seconds(1));
        true
    });
    connectivity.expect_has_network().return_const(true);
    let scene = Scene::with_connectivity(Some(Arc::new(connectivity))).await;
    now.set(Arc::clone(&scene.clock)).unwrap();
    let assignment = scene.claim().await;
    scene.prober.from_now_on(URL, failed(ReasonKind::Timeout));
    for what in ["it is lost", "it was lost when the probe began"] {
        assert_eq!(scene.watch.probe(&assignment).await.unwrap().outcome, Outcome::Unknown, "{what}");
    }
    let outcome = scene.watch.probe(&assignment).await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Checked(check) if check.verdict == Verdict::Down), "it was there all the while");
}

#[pollster::test]
async fn those_who_look_on_hear_of_the_check_and_of_the_flip() {
    let scene = Scene::new().await;
    let mut stream = scene.watch.feed.listen(scene.monitor.workspace).await;
    scene.round().await;
    let (first, second) = (stream.next().await.unwrap(), stream.next().await.unwrap());
    assert!(matches!(first.happening, Happening::Checked(check) if check.slot == T0));
    assert!(matches!(second.happening, Happening::Flipped(flip) if flip.to == Status::Up));
}

#[pollster::test]
async fn a_stale_result_is_counted_and_told_to_nobody() {
    let scene = Scene::new().await;
    let settled = scene.watch.probe(&scene.claim().await).await.unwrap();
    scene.watch.record(std::slice::from_ref(&settled)).await.unwrap();
    let recap = scene.watch.record(&[settled]).await.unwrap();
    assert_eq!((recap.recorded, recap.stale, recap.flips.len()), (0, vec![0], 0));
}

#[pollster::test]
async fn changed_settings_are_used_from_the_next_claim_on() {
    let scene = Scene::new().await;
    scene.round().await;
    let mut settings = scene.monitor.settings.clone();
    settings.target = fixture::target("https://example.org/moved");
    let change = watchkeeper_domain::port::Change { settings, is_active: true, version: 1 };
    let later = scene.clock.advance(seconds(5));
    scene.store.change_monitor(scene.monitor.workspace, scene.monitor.id, &change, later).await.unwrap();
    assert_eq!(scene.claim().await.monitor.settings.target.url(), "https://example.org/moved");
}

#[pollster::test]
async fn a_manual_check_works_on_a_paused_monitor_and_leaves_its_status() {
    let scene = Scene::new().await;
    let change =
        watchkeeper_domain::port::Change { settings: scene.monitor.settings.clone(), is_active: false, version: 1 };
    let later = scene.clock.advance(seconds(5));
    scene.store.change_monitor(scene.monitor.workspace, scene.monitor.id, &change, later).await.unwrap();
    let outcome = scene.watch.check_now(scene.monitor.workspace, scene.monitor.id).await.unwrap();
    assert!(
        matches!(outcome, Some(Outcome::Checked(check)) if check.origin == Origin::Manual && check.verdict == Verdict::Up)
    );
    assert_eq!(scene.status().await, Status::Paused);
}

#[pollster::test]
async fn a_manual_check_that_outlasts_its_lease_says_nothing_of_our_network() {
    let scene = Scene::new().await;
    scene.prober.from_now_on(URL, Report { latency: seconds(1_000), ..fixture::answer(200) });
    let answer = scene.watch.check_now(scene.monitor.workspace, scene.monitor.id).await;
    assert!(matches!(answer, Err(RepoError::Unavailable(_))), "{answer:?}");
}

#[pollster::test]
async fn a_manual_check_of_anothers_monitor_finds_nothing() {
    let scene = Scene::new().await;
    let stranger = fixture::account("eve@example.org").user.workspace;
    assert_eq!(scene.watch.check_now(stranger, scene.monitor.id).await.unwrap(), None);
}

#[pollster::test]
async fn only_what_is_not_up_keeps_evidence() {
    let scene = Scene::new().await;
    let assignment = scene.claim().await;
    let evidence_of = |outcome| match outcome {
        Outcome::Checked(check) => check.evidence,
        Outcome::Unknown => panic!("it is known"),
    };
    assert_eq!(evidence_of(scene.watch.probe(&assignment).await.unwrap().outcome), None);
    scene.prober.from_now_on(URL, fixture::answer(500));
    assert!(evidence_of(scene.watch.probe(&assignment).await.unwrap().outcome).is_some());
}

#[pollster::test]
async fn a_claim_proves_itself_by_a_token_of_its_own() {
    let scene = Scene::new().await;
    let Claim { token, version, .. } = scene.claim().await.claim;
    assert_ne!(token, LeaseToken::new(uuid::Uuid::nil()));
    assert_eq!(version, 1);
}
