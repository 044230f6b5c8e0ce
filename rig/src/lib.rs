//! What the real program is put on to be measured (`bench`) or run for long (`soak`): its processes, something to ask,
//! people who look on, and what to draw out of figures, with the circumstances.
//!
//! All of it talks to the program from outside, as its users and its operators do.

pub mod browser;
pub mod circumstances;
pub mod clock;
pub mod plot;
pub mod process;
pub mod statistics;
pub mod target;
pub mod watchkeeper;

use std::io::Write;

/// Tells whoever waits how far it has come.
pub fn tell(what: &str) {
    // Where nobody listens, what is written in the end still tells.
    let _ = writeln!(std::io::stderr(), "{what}");
}
