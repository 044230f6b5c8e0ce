//! Makes the program notice a dashboard that is built anew: a release embeds it, all else reads it from where it lies.

use std::{env, fs, io};

/// Where the dashboard is built.
const DIST: &str = "../frontend/dist";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    // What is read from there later must be there now; and to cargo, a path that does not exist has changed each time.
    fs::create_dir_all(DIST)?;
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={DIST}");
    }
    Ok(())
}
