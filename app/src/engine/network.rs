//! Notices that this node itself cannot get out: it has no network, or no room for one more connection. The operator is told
//! once an episode, and nobody is paged for the targets meanwhile: their slots are unknown. Other nodes may well get out, so
//! that this one leaves the slots to them, and tries now and then with a few of them whether it gets out again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;
use watchkeeper_domain::check::{Outcome, Settled};

/// How long everything must go well before an episode is over: where files or ports run short, some probes get out and
/// others do not.
pub(super) const EPISODE_ENDS_AFTER: Duration = Duration::from_secs(30);

/// How long a node that could not get out leaves the slots to others before it tries again.
pub(super) const TRIAL_AFTER: Duration = Duration::from_secs(10);

/// How many slots it tries with: each becomes unknown if it does not get out, although others could have checked it.
pub(super) const TRIAL_CLAIMS: usize = 4;

/// What a node asks for of the work that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// All that it has room for, ahead of time.
    Full,
    /// [`TRIAL_CLAIMS`] at the most, ahead of time.
    Trial,
    /// What nobody else has taken when its instant has come.
    Rest,
}

/// Whether this node gets out.
#[derive(Debug)]
pub(super) struct Network {
    seen: Mutex<Seen>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Seen {
    /// When a probe last could not get out; `None` outside of an episode.
    last_cut_off: Option<Instant>,
    /// When to try again; `None` where the last that was seen is that we get out.
    next_trial: Option<Instant>,
}

impl Network {
    pub(super) fn new(gauge: Gauge) -> Self {
        Self { seen: Mutex::default(), gauge }
    }

    /// Learns from a finished probe. An answer of a target proves that we get out; a mere failure proves nothing.
    pub(super) fn saw(&self, settled: &Settled) {
        let is_cut_off = match &settled.outcome {
            Outcome::Unknown => true,
            Outcome::Checked(check) if check.http_status.is_some() => false,
            Outcome::Checked(_) => return,
        };
        let now = Instant::now();
        let mut seen = self.seen();
        seen.next_trial = is_cut_off.then(|| now + TRIAL_AFTER);
        match seen.last_cut_off {
            None if is_cut_off => {
                self.gauge.set(1);
                tracing::error!(
                    "this node has no network (or no files or ports left): slots are recorded as unknown, and nobody is \
                     told about targets"
                );
                seen.last_cut_off = Some(now);
            }
            Some(_) if is_cut_off => seen.last_cut_off = Some(now),
            Some(at) if at.elapsed() >= EPISODE_ENDS_AFTER => {
                self.gauge.set(0);
                tracing::warn!("this node has its network back");
                seen.last_cut_off = None;
            }
            _ => {}
        }
    }

    /// What to ask for next.
    pub(super) fn share(&self) -> Share {
        match self.seen().next_trial {
            None => Share::Full,
            Some(at) if at <= Instant::now() => Share::Trial,
            Some(_) => Share::Rest,
        }
    }

    /// A trial is under way: the next one not before its time, whatever comes of it.
    pub(super) fn tries(&self) {
        self.seen().next_trial = Some(Instant::now() + TRIAL_AFTER);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;
    use watchkeeper_domain::check::{Claim, Origin, Region};
    use watchkeeper_domain::id::{LeaseToken, MonitorId};
    use watchkeeper_domain::testkit::fixture::{self, T0};

    use super::*;

    fn claim() -> Claim {
        let id = fixture::account("ada@example.org").user.id.uuid();
        Claim {
            monitor: MonitorId::new(id),
            region: Region::default(),
            slot: T0,
            origin: Origin::Scheduled,
            start_before: T0,
            token: LeaseToken::new(id),
            lease_until: T0,
            version: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_episode_lasts_until_all_has_gone_well_for_a_while() {
        let network = Network::new(Gauge::default());
        let (up, cut_off) = (fixture::up(&claim()), fixture::cut_off(&claim()));
        network.saw(&up);
        assert_eq!(network.gauge.get(), 0);
        network.saw(&cut_off);
        network.saw(&up);
        assert_eq!(network.gauge.get(), 1);
        sleep(EPISODE_ENDS_AFTER / 2).await;
        network.saw(&cut_off);
        sleep(EPISODE_ENDS_AFTER / 2).await;
        network.saw(&up);
        assert_eq!(network.gauge.get(), 1);
        sleep(EPISODE_ENDS_AFTER / 2).await;
        network.saw(&up);
        assert_eq!(network.gauge.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_cannot_be_reached_proves_nothing() {
        let network = Network::new(Gauge::default());
        network.saw(&fixture::cut_off(&claim()));
        sleep(EPISODE_ENDS_AFTER).await;
        let mut refused = fixture::down(&claim());
        if let Outcome::Checked(check) = &mut refused.outcome {
            check.http_status = None;
        }
        network.saw(&refused);
        assert_eq!(network.gauge.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_cut_off_takes_what_is_left_and_tries_now_and_then_until_an_answer_comes() {
        let network = Network::new(Gauge::default());
        assert_eq!(network.share(), Share::Full);
        network.saw(&fixture::cut_off(&claim()));
        assert_eq!(network.share(), Share::Rest);
        sleep(TRIAL_AFTER).await;
        assert_eq!([network.share(), network.share()], [Share::Trial; 2], "until there is something to try with");
        network.tries();
        assert_eq!(network.share(), Share::Rest, "one trial at a time");
        sleep(TRIAL_AFTER / 2).await;
        network.saw(&fixture::cut_off(&claim()));
        sleep(TRIAL_AFTER / 2).await;
        assert_eq!(network.share(), Share::Rest, "counted from when it was last found to be so");
        sleep(TRIAL_AFTER / 2).await;
        assert_eq!(network.share(), Share::Trial);
        network.saw(&fixture::up(&claim()));
        assert_eq!(network.share(), Share::Full);
    }
}
