//! What a store carries comes back, in either store.

use watchkeeper_domain::check::Claim;
use watchkeeper_domain::testkit::contract::{Stage, Subject};
use watchkeeper_domain::testkit::fixture::seconds;

use super::*;

#[tokio::test]
async fn every_row_of_every_table_comes_back_in_either_store() {
    for (from, to) in Place::pairs().await {
        let (_stage, ..) = live(from.open().await).await;
        let first = from.back_up().await.unwrap();
        let before = rows(&first);
        assert_eq!(
            before.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            TABLES.iter().map(|t| t.name).collect::<Vec<_>>()
        );
        for (table, rows) in &before {
            assert!(!rows.is_empty(), "the test has nothing in {table}");
        }
        let restored = to.restore(first).await.unwrap();
        assert_eq!(restored.rows(), before.iter().map(|(_, rows)| rows.len() as u64).sum::<u64>());
        assert_eq!(rows(&to.back_up().await.unwrap()), before);
    }
}

#[tokio::test]
async fn a_restored_store_says_the_same_and_accounts_for_what_was_open() {
    for (from, to) in Place::pairs().await {
        let (stage, m, held, now) = live(from.open().await).await;
        to.restore(from.back_up().await.unwrap()).await.unwrap();
        let restored = Stage::open(&Subject::new(to.open().await)).await;
        assert_eq!(restored.log(m.id()).await, stage.log(m.id()).await);
        assert_eq!(restored.gaps(m.id()).await, stage.gaps(m.id()).await);
        assert_eq!(restored.spans(m.id()).await, stage.spans(m.id()).await);
        assert_eq!(restored.view(&m.monitor).await, stage.view(&m.monitor).await);
        assert_eq!(restored.next_slot(&m.monitor).await, stage.next_slot(&m.monitor).await);

        // Whoever held open work holds it no more: it is had again while it may start, and missed after that.
        let slot = |claim: &Claim| (claim.monitor, claim.slot, claim.start_before, claim.version);
        let claims = restored.claim(now).await;
        assert_eq!(claims.iter().map(slot).collect::<Vec<_>>(), held.iter().map(slot).collect::<Vec<_>>());
        let later = now.plus(seconds(86_400));
        restored.store().void_leases(&claims[0].region, later).await.unwrap();
        restored.claim(later).await;
        let account = restored.account(m.id(), later).await;
        assert_eq!(account.unaccounted, 0, "{account:?}");
        assert!(account.missed > 0, "{account:?}");

        // What is owed is told; the attempt in vain is remembered.
        let notices = restored.claim_notices(later).await;
        assert!(notices.iter().any(|claim| claim.attempt == 2), "{notices:?}");
        // A day that was folded in part is folded wholly.
        assert!(!restored.fold_all(later).await.is_empty());
    }
}

#[tokio::test]
async fn every_column_of_either_store_is_carried_or_left_out_for_a_reason() {
    let postgres = Place::postgres().await;
    postgres.open().await;
    let Place::Postgres(database) = &postgres else { unreachable!() };
    let in_postgres: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text
         FROM pg_class AS c
         JOIN pg_attribute AS a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped",
    )
    .fetch_all(connect(database).await.pool())
    .await
    .unwrap();
    let carried = TABLES.iter().flat_map(|table| table.columns.iter().map(|column| (table.name, column.name)));
    assert_all_are_known(&in_postgres, carried);

    let sqlite = Place::sqlite();
    sqlite.open().await;
    let Place::Sqlite(directory) = &sqlite else { unreachable!() };
    let url = format!("sqlite://{}", path_in(directory.path()).display());
    let in_sqlite: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
          WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_schema' ESCAPE '!'",
    )
    .fetch_all(&mut SqliteConnection::connect(&url).await.unwrap())
    .await
    .unwrap();
    assert_all_are_known(&in_sqlite, sqlite::carried());

    for (table, column, reason) in LEFT_OUT {
        let is_it = |(t, c): &&(String, String)| t == table && (c == column || *column == "*");
        let is_there = in_postgres.iter().chain(&in_sqlite).any(|there| is_it(&there));
        assert!(is_there, "{table}.{column} is left out ({reason}), and in neither store");
    }
}

/// Both ways: what is there is carried or left out, and what is carried is there.
fn assert_all_are_known(there: &[(String, String)], carried: impl Iterator<Item = (&'static str, &'static str)>) {
    let there: BTreeSet<(&str, &str)> = there.iter().map(|(table, column)| (table.as_str(), column.as_str())).collect();
    assert!(there.len() > 100, "the catalogue was read");
    let carried: BTreeSet<(&str, &str)> = carried.collect();
    let is_left_out =
        |(table, column): &(&str, &str)| LEFT_OUT.iter().any(|(t, c, _)| t == table && (c == column || *c == "*"));
    let forgotten: Vec<_> = there.difference(&carried).filter(|column| !is_left_out(column)).collect();
    assert!(forgotten.is_empty(), "add them to TABLES or LEFT_OUT (backup/table.rs): {forgotten:?}");
    let missing: Vec<_> = carried.difference(&there).collect();
    assert!(missing.is_empty(), "they are carried, and not there: {missing:?}");
}

#[tokio::test]
async fn nothing_is_restored_over_what_is_there() {
    for to in [Place::sqlite(), Place::postgres().await] {
        let from = Place::sqlite();
        live(from.open().await).await;
        let backup = from.back_up().await.unwrap();
        let store = to.open().await;
        Stage::open(&Subject::new(Arc::clone(&store))).await.workspace().await;
        drop(store);
        let before = rows(&to.back_up().await.unwrap());
        let refused = to.restore(backup).await.unwrap_err();
        assert!(matches!(refused, RestoreError::NotEmpty("workspaces")), "{refused:?}");
        assert!(refused.to_string().contains("restore into a new one"), "{refused}");
        assert_eq!(rows(&to.back_up().await.unwrap()), before);
    }
}

#[tokio::test]
async fn a_restore_that_fails_halfway_leaves_the_store_empty() {
    for to in [Place::sqlite(), Place::postgres().await] {
        let from = Place::sqlite();
        live(from.open().await).await;
        // Monitors that belong to nobody: no store takes them.
        from.execute("PRAGMA foreign_keys = OFF; DELETE FROM workspaces").await;
        let backup = from.back_up().await.unwrap();
        let refused = to.restore(backup).await.unwrap_err();
        assert!(matches!(refused, RestoreError::Store(_)), "{refused:?}");
        to.open().await.ping().await.unwrap();
        let left: usize = rows(&to.back_up().await.unwrap())
            .iter()
            .filter(|(name, _)| *name != "history_progress")
            .map(|(_, rows)| rows.len())
            .sum();
        assert_eq!(left, 0);
        if let Place::Sqlite(directory) = &to {
            assert!(!directory.path().join("watchkeeper.db.restoring").exists(), "nothing is left aside");
        }
    }
}

#[tokio::test]
async fn a_file_that_somebody_reads_is_not_replaced() {
    let (from, to) = (Place::sqlite(), Place::sqlite());
    from.open().await;
    let backup = from.back_up().await.unwrap();
    let Place::Sqlite(directory) = &to else { unreachable!() };
    open(directory.path()).await.close().await;
    let url = format!("sqlite://{}", path_in(directory.path()).display());
    let mut reader = SqliteConnection::connect(&url).await.unwrap();
    let count = "SELECT count(*) FROM users";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut reader).await.unwrap(), 0);
    let refused = to.restore(backup.try_clone().unwrap()).await.unwrap_err();
    assert!(matches!(refused, RestoreError::Write(_)), "{refused:?}");
    reader.close().await.unwrap();
    to.restore(backup).await.unwrap();
}

#[tokio::test]
async fn a_schema_that_is_not_this_programs_is_not_backed_up() {
    for place in [Place::sqlite(), Place::postgres().await] {
        place.open().await;
        place.execute("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
        let refused = place.back_up().await.unwrap_err();
        assert!(matches!(refused, BackupError::OtherSchema { found, known } if found < known), "{refused:?}");
        assert!(refused.to_string().contains("watchkeeper migrate"), "{refused}");
    }
    let absent = Place::sqlite().back_up().await.unwrap_err();
    assert!(matches!(absent, BackupError::Absent(_)), "{absent:?}");
}

#[tokio::test]
async fn the_schedule_goes_on_at_the_first_slot_that_nobody_had_claimed() {
    for (from, to) in Place::pairs().await {
        let store = from.open().await;
        let stage = Stage::open(&Subject::new(store)).await;
        let m = stage.monitor_every(60).await;
        stage.check_up(m.slot(0)).await;
        // It has a seat now, and its cohort is claimed to the next slots.
        stage.check_up(m.slot(1)).await;
        let held = stage.claim_one(m.slot(2)).await;
        to.restore(from.back_up().await.unwrap()).await.unwrap();
        let restored = Stage::open(&Subject::new(to.open().await)).await;
        assert_eq!(restored.next_slot(&m.monitor).await, Some(m.slot(3)));
        let again = restored.claim_one(m.slot(2).plus(seconds(1))).await;
        assert_eq!((again.slot, again.origin, again.start_before), (held.slot, held.origin, held.start_before));
        assert_ne!(again.token, held.token);
        restored.check_up(m.slot(3)).await;
        assert_eq!(restored.account(m.id(), m.slot(3).plus(seconds(1))).await.unaccounted, 0);
    }
}

#[tokio::test]
async fn what_is_retired_while_a_backup_is_made_is_in_it() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let stage = Stage::open(&Subject::new(Arc::clone(&store))).await;
    let (_, now) = stage.live_for_days().await;
    stage.fold_all(now).await;
    let before = rows(&place.back_up().await.unwrap());
    let retention = Retention::new(1, 400, 1_830).unwrap();

    // Somebody keeps it from reading a table that comes before the log.
    let Place::Postgres(database) = &place else { unreachable!() };
    let mut obstacle = connect(database).await.pool().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE slot_gaps").execute(&mut *obstacle).await.unwrap();
    let (file, progress) = (tempfile::tempfile().unwrap(), Arc::new(Progress::default()));
    let backing_up = tokio::spawn({
        let (store, out, progress) = (connect(database).await, file.try_clone().unwrap(), Arc::clone(&progress));
        async move { store.back_up(Box::new(out), "0.0.1", progress).await }
    });
    while progress.table() != "slot_gaps" {
        tokio::task::yield_now().await;
    }
    assert!(store.retire(now, &retention, 100).await.unwrap().raw_from.is_some(), "it is retired meanwhile");
    obstacle.rollback().await.unwrap();
    backing_up.await.unwrap().unwrap();
    assert_eq!(rows(&file), before);
    // What nobody reads any more goes.
    while store.retire(now, &retention, 100).await.unwrap().has_more {}
    let left = "SELECT count(*) FROM checks WHERE slot < (SELECT raw_from FROM history_progress)";
    let left = sqlx::query_scalar::<_, i64>(left).fetch_one(connect(database).await.pool()).await.unwrap();
    assert_eq!(left, 0);
}
