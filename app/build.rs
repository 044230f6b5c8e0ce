//! Makes the program notice a dashboard that is built anew: a release embeds it.

use std::{env, fs, io};

/// Where the dashboard is built.
const DIST: &str = "../frontend/dist";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        // A path that does not exist counts as changed each time.
        fs::create_dir_all(DIST)?;
        println!("cargo::rerun-if-changed={DIST}");
    }
    Ok(())
}
