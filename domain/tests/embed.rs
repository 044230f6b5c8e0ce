//! The claim "embeddable" is held by a program: the example runs, and asserts what it shows.

#[path = "../examples/embed.rs"]
mod example;

#[test]
fn the_embedding_example_watches_a_target_go_down_and_come_back() {
    example::main().unwrap();
}
