//! The in-memory store passes the contract that every store passes.

use std::sync::Arc;

use watchkeeper_domain::testkit::contract::Subject;
use watchkeeper_domain::testkit::{CountingIds, MemoryStore};

async fn memory() -> Subject {
    Subject::new(Arc::new(MemoryStore::new(Arc::new(CountingIds::new()))))
}

watchkeeper_domain::store_contract!(
    #[pollster::test]
    memory()
);
