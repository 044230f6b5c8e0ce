//! Identifiers and chance: the one place where both are made.

use uuid::Uuid;
use watchkeeper_domain::port::IdGenerator;

/// Makes UUIDv7 (RFC 9562) that ascend within the process, also within one millisecond, from the system's clock and
/// random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

#[expect(clippy::disallowed_methods, reason = "this is the adapter behind the port that the lint points to")]
impl IdGenerator for SystemIds {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn chance(&self) -> u32 {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn identifiers_ascend_and_never_repeat() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| SystemIds.uuid()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn threads_never_make_the_same_identifier() {
        let many = || (0..5_000).map(|_| SystemIds.uuid()).collect::<Vec<_>>();
        let made: Vec<Uuid> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(many)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), 20_000);
    }

    #[test]
    fn chance_uses_all_of_its_bits() {
        let (ones, zeros) = (0..200).map(|_| SystemIds.chance()).fold((0, 0), |(o, z), c| (o | c, z | !c));
        assert_eq!((ones, zeros), (u32::MAX, u32::MAX));
    }
}
