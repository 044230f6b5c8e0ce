//! Enumerations as small numbers. They are part of the stored format: a number is never given another meaning.

use watchkeeper_domain::check::Origin;
use watchkeeper_domain::incident::Ending;
use watchkeeper_domain::monitor::HttpMethod;
use watchkeeper_domain::notice::ChannelKind;
use watchkeeper_domain::report::ReasonKind;
use watchkeeper_domain::status::Status;
use watchkeeper_domain::uptime::GapOutcome;
use watchkeeper_domain::verdict::Verdict;

use super::Unreadable;

/// A value that is kept as a small number.
pub(crate) trait Code: Sized {
    /// The number.
    fn code(&self) -> i16;

    /// The value that the number stands for.
    fn of_code(code: i16) -> Result<Self, Unreadable>;
}

/// What has become of a notice so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoticeState {
    /// It is still owed.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It is given up.
    Dead,
}

macro_rules! codes {
    ($($type:ident { $($variant:ident = $code:literal),+ $(,)? })+) => {$(
        impl Code for $type {
            fn code(&self) -> i16 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            fn of_code(code: i16) -> Result<Self, Unreadable> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    other => Err(Unreadable::new(stringify!($type), other)),
                }
            }
        }
    )+};
}

codes! {
    Status { Pending = 0, Up = 1, Degraded = 2, Down = 3, Paused = 4, Maintenance = 5, Unknown = 6 }
    Verdict { Up = 1, Degraded = 2, Down = 3 }
    Origin { Scheduled = 0, Confirmation = 1, Manual = 2 }
    ReasonKind {
        Dns = 1, Connect = 2, Tls = 3, Timeout = 4, Redirect = 5, Status = 6, Body = 7, Blocked = 8, Slow = 9,
    }
    GapOutcome { Missed = 1, Unknown = 2, Skipped = 3 }
    Ending { Recovered = 1, Paused = 2 }
    ChannelKind { Console = 1 }
    HttpMethod { Get = 1, Head = 2 }
    NoticeState { Pending = 0, Delivered = 1, Dead = 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T: Code>() -> Vec<i16> {
        (-1..20).filter_map(|code| T::of_code(code).ok().map(|value| value.code())).collect()
    }

    #[test]
    fn every_number_comes_back_as_itself_and_the_numbers_never_change() {
        assert_eq!(all::<Status>(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(all::<Verdict>(), [1, 2, 3]);
        assert_eq!(all::<Origin>(), [0, 1, 2]);
        assert_eq!(all::<ReasonKind>(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(all::<GapOutcome>(), [1, 2, 3]);
        assert_eq!(Verdict::Down.code(), 3);
        assert_eq!(ReasonKind::Slow.code(), 9);
    }

    #[test]
    fn an_unknown_number_says_what_it_was_taken_for() {
        assert_eq!(Verdict::of_code(9).unwrap_err().to_string(), "9 is no Verdict");
    }
}
