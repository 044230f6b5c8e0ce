//! What is no whole backup for this program is refused, and one of an older version is not.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use std::io::{self, Read, Write};

use watchkeeper_domain::testkit::contract::{Stage, Subject};

use super::*;

/// A small backup.
async fn small() -> Vec<u8> {
    let place = Place::sqlite();
    let stage = Stage::open(&Subject::new(place.open().await)).await;
    stage.take_down(&stage.monitor_every(60).await).await;
    let mut bytes = Vec::new();
    place.back_up().await.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<Summary, ReadError> {
    verify(bytes, &Progress::default())
}

#[tokio::test]
async fn a_file_that_was_cut_off_or_goes_on_or_has_any_bit_turned_is_refused() {
    let whole = small().await;
    assert_eq!(read(&whole).unwrap().bytes, whole.len() as u64);
    for length in 0..whole.len() {
        let refused = read(&whole[..length]).unwrap_err();
        let is_told = matches!(refused, ReadError::CutShort) || length < 19 && matches!(refused, ReadError::Foreign);
        assert!(is_told, "cut to {length}: {refused:?}");
    }
    for at in 0..whole.len() {
        let mut turned = whole.clone();
        turned[at] ^= 1 << (at % 8);
        assert!(read(&turned).is_err(), "byte {at}");
    }
    let goes_on = [whole.as_slice(), b"\n"].concat();
    assert!(matches!(read(&goes_on), Err(ReadError::Damaged(_))));
}

#[tokio::test]
async fn a_file_that_is_foreign_or_newer_is_refused_with_what_to_do() {
    let foreign = read(b"PGDMP and so on, as another program writes it").unwrap_err();
    assert!(matches!(foreign, ReadError::Foreign), "{foreign:?}");
    let mut newer = small().await;
    newer[19..23].copy_from_slice(&4_u32.to_be_bytes());
    let refused = read(&newer).unwrap_err();
    assert!(matches!(refused, ReadError::NewerFormat { format: 4, known: 3 }), "{refused:?}");
    assert!(refused.to_string().contains("the version that made it"), "{refused}");
}

#[tokio::test]
async fn files_of_the_formats_before_are_read() {
    let mut older = small().await;
    for format in [1_u32, 2] {
        older[19..23].copy_from_slice(&format.to_be_bytes());
        let end = older.len() - SHA256_OUTPUT_LEN;
        let sum = digest(&SHA256, &older[..end]);
        older[end..].copy_from_slice(sum.as_ref());
        assert!(read(&older).is_ok(), "format {format}");
    }
}

/// A file with one table, as a program that knows another list of columns would write it.
fn of_another_version(table: &'static Table, rows: &[Row]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let header = Header {
        product: "9.9.9".into(),
        store: "sqlite".into(),
        schema: 1,
        taken_at: "2026-03-01T12:00:00.000000Z".into(),
    };
    let mut writer = format::Writer::begin(file.try_clone().unwrap(), header).unwrap();
    writer.table(table).unwrap();
    writer.rows(rows, table).unwrap();
    writer.finish().unwrap();
    file.flush().unwrap();
    rewound(file)
}

#[tokio::test]
async fn what_a_newer_version_carries_beside_is_refused_by_name() {
    static WEATHER: Table = Table {
        name: "workspaces",
        columns: &[Column { name: "id", kind: Kind::Id }, Column { name: "weather", kind: Kind::Text }],
    };
    static STORMS: Table = Table { name: "storms", columns: &[Column { name: "id", kind: Kind::Id }] };
    for (table, name) in [(&WEATHER, "workspaces.weather"), (&STORMS, "storms")] {
        let refused = Checked::of(of_another_version(table, &[])).await.unwrap_err();
        let ReadError::NewerContent { what, product } = &refused else { panic!("{refused:?}") };
        assert_eq!((what.as_str(), product.as_str()), (name, "9.9.9"));
    }
}

#[tokio::test]
async fn a_column_that_an_older_version_did_not_have_takes_its_default() {
    static OLDER: Table =
        Table { name: "history_progress", columns: &[Column { name: "hours_to", kind: Kind::Instant }] };
    for to in [Place::sqlite(), Place::postgres().await] {
        let backup = of_another_version(&OLDER, &[vec![Value::Number(3_600_000_000)]]);
        to.restore(backup).await.unwrap();
        let arrears = to.open().await.arrears().await.unwrap();
        assert_eq!((arrears.rolled_up_to, arrears.folded_to), (Some(Timestamp::from_micros(3_600_000_000)), None));
    }
}

#[tokio::test]
async fn whoever_cannot_write_says_so() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let place = Place::sqlite();
    live(place.open().await).await;
    let Place::Sqlite(directory) = &place else { unreachable!() };
    let progress = Arc::new(Progress::default());
    let refused = sqlite::back_up(&path_in(directory.path()), T0, Box::new(Full), "0.0.1", progress).await.unwrap_err();
    assert!(matches!(refused, BackupError::Write(_)), "{refused:?}");
}
