//! Tells the operator, once an episode, that this node is itself cut off. Nobody is paged for the targets meanwhile:
//! their slots are unknown.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::gauge::Gauge;
use watchkeeper_domain::check::{Outcome, Settled};

/// Whether this node was last seen to have a network.
#[derive(Debug)]
pub(super) struct Network {
    is_cut_off: AtomicBool,
    gauge: Gauge,
}

impl Network {
    pub(super) fn new(gauge: Gauge) -> Self {
        Self { is_cut_off: AtomicBool::new(false), gauge }
    }

    /// Learns from a finished probe. An answer of a target proves a network; a mere failure proves nothing.
    pub(super) fn saw(&self, settled: &Settled) {
        match &settled.outcome {
            Outcome::Unknown if !self.is_cut_off.swap(true, Ordering::Relaxed) => {
                self.gauge.set(1);
                tracing::error!(
                    "this node has no network: slots are recorded as unknown and nobody is told about targets"
                );
            }
            Outcome::Checked(check)
                if check.http_status.is_some()
                    && self.is_cut_off.load(Ordering::Relaxed)
                    && self.is_cut_off.swap(false, Ordering::Relaxed) =>
            {
                self.gauge.set(0);
                tracing::warn!("this node has its network back");
            }
            _ => {}
        }
    }
}
