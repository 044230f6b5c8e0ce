//! The windows of time that people ask about.

use std::time::Duration;

use super::{DEFAULT_WINDOW, LATENCY_BUCKETS_BY_DEFAULT};
use crate::invalid::Invalid;
use crate::rollup::{DAY, HOUR, day_of, hour_of};
use crate::time::{Timestamp, Window};

/// A window as a graph shows it where nothing is said, and how long its stretches are. Those of whole hours and days are
/// the ones that are rolled up, so that even a year is put together from few rows.
pub(super) fn in_usual_stretches(window: Window) -> (Window, Duration) {
    let usual = window.length().div_f64(LATENCY_BUCKETS_BY_DEFAULT.into());
    let unit = [DAY, HOUR].into_iter().find(|unit| usual > *unit / 2);
    let Some(unit) = unit else { return (window, Duration::from_secs(usual.as_secs().max(1))) };
    let step = unit * u32::try_from(usual.as_nanos().div_ceil(unit.as_nanos())).unwrap_or(u32::MAX);
    let from = if unit == DAY { day_of(window.from()) } else { hour_of(window.from()) };
    (Window::new(from, window.to()).unwrap_or(window), step)
}

/// The stretch of time that somebody asks about; `None` takes what is usual: the last 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowRequest {
    /// From when; 24 hours before the end by default.
    pub from: Option<Timestamp>,
    /// Until when; now by default, and never later.
    pub to: Option<Timestamp>,
}

impl WindowRequest {
    /// The window, clipped to a life that began at `born` and has lasted until `now`.
    ///
    /// # Errors
    /// [`Invalid`] on `from` where it lies after the end.
    pub fn within(self, born: Timestamp, now: Timestamp) -> Result<Window, Invalid> {
        let to = self.to.unwrap_or(now);
        let from = self.from.unwrap_or(to.minus(DEFAULT_WINDOW));
        let asked = Window::new(from, to)
            .ok_or_else(|| Invalid::new("from", "window_backwards", "A window begins before it ends."))?;
        Ok(Window::new(born, now).map_or(asked, |life| asked.clip(life)))
    }

    /// A part of it that was cut out by [`WindowRequest::within`], from the stretch on in which that begins: stretches of
    /// `step` are counted from the beginning that was asked for.
    pub(super) fn in_stretches(self, part: Window, step: Duration) -> Window {
        let micros = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        let Some(asked) = self.from.filter(|from| *from < part.from()) else { return part };
        let into = part.from().as_micros().saturating_sub(asked.as_micros()).rem_euclid(micros);
        let from = Timestamp::from_micros(part.from().as_micros().saturating_sub(into));
        Window::new(from, part.to()).unwrap_or(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn a_window_is_the_last_day_within_the_life() {
        let window = WindowRequest::default().within(at(0), at(100 * HOUR)).unwrap();
        assert_eq!((window.from(), window.to()), (at(76 * HOUR), at(100 * HOUR)));
        let window = WindowRequest::default().within(at(90 * HOUR), at(100 * HOUR)).unwrap();
        assert_eq!(window.from(), at(90 * HOUR));
    }

    #[test]
    fn a_window_does_not_reach_into_the_future() {
        let request = WindowRequest { from: Some(at(0)), to: Some(at(500)) };
        assert_eq!(request.within(at(0), at(100)).unwrap().to(), at(100));
    }

    #[test]
    fn stretches_are_counted_from_the_beginning_that_was_asked_for() {
        let request = WindowRequest { from: Some(at(0)), to: None };
        let from = |born, step| {
            let part = request.within(at(born), at(100 * HOUR)).unwrap();
            request.in_stretches(part, Duration::from_secs(step)).from()
        };
        assert_eq!(from(50 * HOUR + 7, 24 * 3600), at(48 * HOUR));
        assert_eq!(from(48 * HOUR, 24 * 3600), at(48 * HOUR));
        assert_eq!(from(-7, 24 * 3600), at(0), "older than the window");
        let whole = WindowRequest::default();
        let part = whole.within(at(99 * HOUR + 7), at(100 * HOUR)).unwrap();
        assert_eq!(whole.in_stretches(part, Duration::from_secs(3600)), part, "where none was named it is its own");
    }

    #[test]
    fn a_window_that_runs_backwards_is_refused() {
        let request = WindowRequest { from: Some(at(2)), to: Some(at(1)) };
        assert_eq!(request.within(at(0), at(100)).unwrap_err().field, "from");
    }
}
