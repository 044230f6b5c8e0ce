//! What happens when there is no room left on the disk.

use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::{Check, Outcome, Region, Settled};
use watchkeeper_domain::id::{LeaseToken, MonitorId};
use watchkeeper_domain::port::{
    CheckRepo, ClaimRequest, Created, HistoryRepo, MonitorRepo, Recorded, RepoError, Upkeep, UserRepo,
};
use watchkeeper_domain::report::{Reason, ReasonKind};
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::fixture::{self, T0};

use super::SqliteStore;

#[tokio::test]
async fn a_full_disk_is_unavailable_changes_nothing_and_passes() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&directory.path().join("full.db"), Arc::new(CountingIds::new())).await.unwrap();
    let account = fixture::account("ada@example.org");
    store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
    let monitor = fixture::monitor(MonitorId::new(Uuid::from_u128(7)), account.user.workspace, 60, T0);
    assert_eq!(store.create_monitor(&monitor, 10).await.unwrap(), Created::Created);
    let (region, token) = (Region::default(), LeaseToken::new(Uuid::from_u128(1)));
    let request = ClaimRequest { region: region.clone(), now: T0, horizon: T0, limit: 10, token };
    let claim = store.claim(&request).await.unwrap().claims.remove(0);
    let Settled { outcome: Outcome::Checked(check), .. } = fixture::down(&claim) else { panic!("it was checked") };
    let detail = "more than there is room for ".repeat(10_000);
    let check = Check { reason: Some(Reason { kind: ReasonKind::Body, detail }), ..*check };
    let batch = [Settled { claim, outcome: Outcome::Checked(Box::new(check)) }];

    // The least that the file may have is what it has.
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.writer).await.unwrap();
    let error = store.record(T0, &batch).await.unwrap_err();
    assert!(matches!(error, RepoError::Unavailable(_)), "{error:?}");
    store.ping().await.unwrap();
    let recorded = async || store.glances(&[(monitor.id, T0)], &region, 10, 10, T0).await.unwrap()[0].recent.len();
    assert_eq!(recorded().await, 0);

    // The connection on which it happened is not used again, and with it goes the limit.
    let answer = store.record(T0, &batch).await.unwrap();
    assert!(matches!(answer[..], [Recorded::Recorded { .. }]), "its claim was still held: {answer:?}");
    assert_eq!(recorded().await, 1);
}
