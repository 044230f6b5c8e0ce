//! One finished probe of one slot, as it is kept in the log.

use std::fmt;
use std::time::Duration;

use crate::id::{LeaseToken, MonitorId};
use crate::invalid::Invalid;
use crate::report::{Evidence, Reason, Timings};
use crate::time::Timestamp;
use crate::verdict::Verdict;

/// Where a check runs from: a short name of lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 32;

    /// Parses a region's name.
    ///
    /// # Errors
    /// [`Invalid`] on the field `region`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let sound = !text.is_empty()
            && text.len() <= Self::MAX_BYTES
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("region", "invalid_region", "A region has 1 to 32 lower-case letters, digits or hyphens."))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Region {
    /// The first region, `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a check was made. Only scheduled ones are slots; the others sit between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The monitor was due.
    Scheduled,
    /// A change of status had to be confirmed before it counts.
    Confirmation,
    /// Somebody asked for it.
    Manual,
}

/// The right to probe one instant of one monitor and to record what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The monitor that is to be probed.
    pub monitor: MonitorId,
    /// The region that it is probed from.
    pub region: Region,
    /// The slot, or the instant of a confirmation or manual check.
    pub slot: Timestamp,
    /// Why the check is made; only a scheduled one is a slot.
    pub origin: Origin,
    /// The instant by which the probe must have started: the next slot.
    pub start_before: Timestamp,
    /// Proof towards the store; another one's result for this slot changes nothing.
    pub token: LeaseToken,
    /// When the lease ends, from which instant on others may take over.
    pub lease_until: Timestamp,
    /// The version of the monitor's settings at the moment of the claim.
    pub version: u32,
}

/// A slot that is claimed and not yet recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSlot {
    /// The slot.
    pub slot: Timestamp,
    /// The instant by which its probe must have started.
    pub start_before: Timestamp,
    /// When the lease of its holder ends.
    pub lease_until: Timestamp,
}

impl OpenSlot {
    /// Whether nothing is to be expected of it any more: it may not start, and the lease of whoever may have started it
    /// has ended. It counts as missed from then on, whenever somebody comes to write that; should its holder have kept a
    /// result and record it first, it counts as what that says.
    pub fn is_lost(&self, now: Timestamp) -> bool {
        self.start_before <= now && self.lease_until <= now
    }
}

/// How much longer than the probe's timeout a lease lasts.
pub const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// When the lease of a slot ends that is taken at `now` and whose probe starts at the slot or at once.
pub fn lease_end(slot: Timestamp, now: Timestamp, timeout: Duration) -> Timestamp {
    slot.max(now).plus(timeout).plus(LEASE_MARGIN)
}

/// One finished probe. Unique by slot, monitor and region.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The monitor that was probed.
    pub monitor: MonitorId,
    /// The region that it was probed from.
    pub region: Region,
    /// The slot, or the instant of a confirmation or manual check.
    pub slot: Timestamp,
    /// Why the check was made; only a scheduled one is a slot.
    pub origin: Origin,
    /// When the probe started.
    pub checked_at: Timestamp,
    /// What the report came to against the expectation.
    pub verdict: Verdict,
    /// What was not as expected, in words; `None` exactly where the verdict is up.
    pub reason: Option<Reason>,
    /// How long the whole probe took, in monotonic time.
    pub latency: Duration,
    /// How long each phase of it took.
    pub timings: Timings,
    /// The status code of the answer, where there was one.
    pub http_status: Option<u16>,
    /// What else was seen; kept for failures only.
    pub evidence: Option<Evidence>,
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The probe finished.
    Checked(Box<Check>),
    /// We ourselves had no network: this says nothing about the target.
    Unknown,
}

/// A claim together with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The claim as it was given, with the token that proves it.
    pub claim: Claim,
    /// What became of it.
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_outlasts_the_probe_whether_it_starts_now_or_at_the_slot() {
        let (slot, timeout) = (Timestamp::from_secs(100), Duration::from_secs(10));
        assert_eq!(lease_end(slot, Timestamp::from_secs(99), timeout), Timestamp::from_secs(112));
        assert_eq!(lease_end(slot, Timestamp::from_secs(105), timeout), Timestamp::from_secs(117));
    }

    #[test]
    fn a_region_is_a_short_plain_name() {
        assert_eq!(Region::parse("eu-west-1").unwrap().as_str(), "eu-west-1");
        assert!(Region::parse("EU").is_err());
        assert!(Region::parse("").is_err());
    }
}
