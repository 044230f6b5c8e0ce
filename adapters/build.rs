//! Migrations are embedded by a macro, which alone would not notice a new file.

#![expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
