//! Identifiers: each knows what it identifies, so that two of them cannot be swapped in a call.

use std::fmt;

use uuid::Uuid;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID to be one of these. New ones come from [`crate::port::IdGenerator`] and are UUIDv7 (RFC 9562).
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

identifiers! {
    /// Identifies a user.
    UserId;
    /// Identifies a workspace, which owns everything else.
    WorkspaceId;
    /// Identifies a monitor.
    MonitorId;
    /// Identifies a channel.
    ChannelId;
    /// Identifies an incident.
    IncidentId;
    /// Identifies a notice; also its idempotency key towards the outside.
    NoticeId;
    /// Identifies a family of refresh tokens: one log-in and all its rotations.
    SessionId;
    /// Identifies a lease: whoever holds it may record. A taken-over slot has another one.
    LeaseToken;
}
