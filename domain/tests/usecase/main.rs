//! The use cases on the memory store; a mock only where a port must fail or must not be called.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod accounts;
mod dispatch;
mod history;
mod monitors;
mod watch;
mod workspace;
