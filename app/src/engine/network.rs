//! Tells the operator, once an episode, that this node itself cannot get out: it has no network, or no room for one more
//! connection. Nobody is paged for the targets meanwhile: their slots are unknown.

use std::sync::Mutex;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;
use watchkeeper_domain::check::{Outcome, Settled};

/// How long everything must go well before an episode is over: where files or ports run short, some probes get out and
/// others do not.
pub(super) const EPISODE_ENDS_AFTER: Duration = Duration::from_secs(30);

/// Whether this node gets out.
#[derive(Debug)]
pub(super) struct Network {
    /// When a probe last could not get out; `None` outside of an episode.
    last_cut_off: Mutex<Option<Instant>>,
    gauge: Gauge,
}

impl Network {
    pub(super) fn new(gauge: Gauge) -> Self {
        Self { last_cut_off: Mutex::new(None), gauge }
    }

    /// Learns from a finished probe. An answer of a target proves that we get out; a mere failure proves nothing.
    pub(super) fn saw(&self, settled: &Settled) {
        let is_cut_off = match &settled.outcome {
            Outcome::Unknown => true,
            Outcome::Checked(check) if check.http_status.is_some() => false,
            Outcome::Checked(_) => return,
        };
        let mut last = self.last_cut_off.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *last {
            None if is_cut_off => {
                self.gauge.set(1);
                tracing::error!(
                    "this node has no network (or no files or ports left): slots are recorded as unknown, and nobody is \
                     told about targets"
                );
                *last = Some(Instant::now());
            }
            Some(_) if is_cut_off => *last = Some(Instant::now()),
            Some(at) if at.elapsed() >= EPISODE_ENDS_AFTER => {
                self.gauge.set(0);
                tracing::warn!("this node has its network back");
                *last = None;
            }
            _ => {}
        }
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
}
