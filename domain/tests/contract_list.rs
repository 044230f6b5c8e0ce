//! The list of the contract suite is whole: a case that is written is a case that is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_case_that_is_written_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testkit");
    let list = fs::read_to_string(folder.join("contract.rs")).unwrap();
    let list = list.split("macro_rules! store_contract").nth(1).unwrap();
    let listed: BTreeSet<&str> = list.split_whitespace().collect();
    let mut count = 0;
    for file in fs::read_dir(folder.join("contract")).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        for case in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
            let name = case.split('(').next().unwrap();
            assert!(listed.contains(name), "{name} is not run");
            count += 1;
        }
    }
    assert!(count > 100, "{count} cases were found");
}
