//! What the monitors ask: most of it is always well, some of it falls ill now and then.

use std::sync::LazyLock;

use watchkeeper_rig::clock::now;
use watchkeeper_rig::target::{self, page, well};

/// How long something is ill at a time, in microseconds: long enough to be confirmed at any interval.
const SPELL_US: i64 = 20_000_000;
/// Of so many spells, one is an illness.
const SPELLS: i64 = 4;
/// Of so many targets, one falls ill now and then.
const ONE_OF: u32 = 10;

/// What a monitor asks for at the server.
pub(crate) fn path(number: u32) -> String {
    let health = if number.is_multiple_of(ONE_OF) { "ill" } else { "well" };
    format!("{health}/{number}")
}

/// Serves until the process is ended; the first line that it prints is its URL.
pub(crate) async fn serve() -> anyhow::Result<()> {
    target::serve(|request| match number_of_ill(request) {
        Some(number) if is_ill(number, now()) => symptom(number),
        _ => well(request),
    })
    .await
}

fn number_of_ill(request: &[u8]) -> Option<u32> {
    let rest = request.strip_prefix(b"GET /ill/")?;
    let digits = rest.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Not all are ill at the same time.
fn is_ill(number: u32, at_us: i64) -> bool {
    (at_us / SPELL_US + i64::from(number / ONE_OF)) % SPELLS == 0
}

/// Some answer that they are ill, some hang up.
fn symptom(number: u32) -> Option<&'static [u8]> {
    static ILL: LazyLock<Vec<u8>> = LazyLock::new(|| page("503 Service Unavailable"));
    (number / ONE_OF).is_multiple_of(2).then_some(ILL.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_told_apart() {
        let asked = |number| number_of_ill(format!("GET /{} HTTP/1.1\r\n", path(number)).as_bytes());
        assert_eq!([10, 11, 120].map(asked), [Some(10), None, Some(120)]);
    }

    #[test]
    fn each_is_ill_now_and_then_and_never_all_at_once() {
        let at = |spell: i64| (0..8).map(|nth| is_ill(nth * ONE_OF, spell * SPELL_US)).filter(|ill| *ill).count();
        assert_eq!((0..SPELLS).map(at).collect::<Vec<_>>(), [2; SPELLS as usize]);
    }
}
