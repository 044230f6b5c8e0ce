//! Identifiers that count.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::port::IdGenerator;

/// Makes identifiers by counting: the same ones in every run, each greater than the one before, in the layout of UUIDv7
/// (RFC 9562, section 5.7), one millisecond apart.
#[derive(Debug)]
pub struct CountingIds(AtomicU64);

/// Where the count begins: 2026-01-01T00:00:00Z in milliseconds, so that the identifiers look like any other.
const FIRST_MS: u64 = 1_767_225_600_000;

impl CountingIds {
    /// A generator that begins at the beginning.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A generator whose identifiers are apart from those of another one: `lane` counts the generators in a test.
    pub const fn in_lane(lane: u16) -> Self {
        Self(AtomicU64::new((lane as u64) << 32))
    }

    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl Default for CountingIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdGenerator for CountingIds {
    fn uuid(&self) -> Uuid {
        let count = self.count();
        let millis = u128::from(FIRST_MS + (count & 0xffff_ffff)) << 80;
        let (version, variant) = (0x7_u128 << 76, 0b10_u128 << 62);
        Uuid::from_u128(millis | version | variant | u128::from(count))
    }

    fn chance(&self) -> u32 {
        // Knuth's multiplicative hash: spreads the count over the whole range.
        (self.count() as u32).wrapping_mul(2_654_435_761)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_ordered_and_look_like_uuid_v7() {
        let ids = CountingIds::new();
        let made: Vec<_> = (0..300).map(|_| ids.uuid()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
    }

    #[test]
    fn lanes_never_meet() {
        assert_ne!(CountingIds::in_lane(1).uuid(), CountingIds::in_lane(2).uuid());
    }
}
