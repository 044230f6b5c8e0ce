//! The thread between a store and a file, and the bounded channel to it.

use std::io::{BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::block::{MAX_ROWS, Row, Value};
use super::format::{Piece, Reader, Writer};
use super::table::Table;
use super::{BackupError, Header, Progress, ReadError, Summary};

/// How many pieces wait between the two at the most.
const MAX_WAITING: usize = 1;
/// A block with so many bytes takes no more rows.
const BLOCK_BYTES: usize = 512 << 10;
/// How much is read or written at once.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

enum Order {
    Table(&'static Table),
    Rows(&'static Table, Vec<Row>),
    Finish,
}

/// Where a store puts what it reads.
pub(crate) struct Sink {
    orders: mpsc::Sender<Order>,
    writing: JoinHandle<Result<Summary, BackupError>>,
    table: Option<&'static Table>,
    block: Vec<Row>,
    block_bytes: usize,
    progress: Arc<Progress>,
}

impl Sink {
    /// Begins to write. Where it is dropped before it is finished the file has no end, and is refused by whoever reads it.
    pub(crate) fn begin(out: Box<dyn Write + Send>, header: Header, progress: Arc<Progress>) -> Self {
        let (orders, mut ordered) = mpsc::channel(MAX_WAITING);
        let writing = spawn_blocking(move || {
            let mut writer = Writer::begin(BufWriter::with_capacity(BUFFER_BYTES, out), header)?;
            loop {
                match ordered.blocking_recv() {
                    Some(Order::Table(table)) => writer.table(table)?,
                    Some(Order::Rows(table, rows)) => writer.rows(&rows, table)?,
                    Some(Order::Finish) => return writer.finish(),
                    None => return Err(BackupError::Write(std::io::Error::other("it was given up"))),
                }
            }
        });
        Self { orders, writing, table: None, block: Vec::new(), block_bytes: 0, progress }
    }

    /// Begins a table.
    pub(crate) async fn table(&mut self, table: &'static Table) -> Result<(), BackupError> {
        self.end_block().await?;
        self.table = Some(table);
        self.progress.begins(table.name);
        self.order(Order::Table(table)).await
    }

    /// Takes a row of the table that was begun last.
    pub(crate) async fn row(&mut self, row: Row) -> Result<(), BackupError> {
        self.block_bytes += row.iter().map(Value::size).sum::<usize>();
        self.block.push(row);
        if self.block.len() >= MAX_ROWS || self.block_bytes >= BLOCK_BYTES { self.end_block().await } else { Ok(()) }
    }

    /// Writes the end, and answers what the file has in it.
    pub(crate) async fn finish(mut self) -> Result<Summary, BackupError> {
        self.end_block().await?;
        self.order(Order::Finish).await?;
        self.written().await
    }

    async fn end_block(&mut self) -> Result<(), BackupError> {
        self.block_bytes = 0;
        let rows = std::mem::take(&mut self.block);
        let Some(table) = self.table.filter(|_| !rows.is_empty()) else { return Ok(()) };
        self.progress.done(rows.len());
        self.order(Order::Rows(table, rows)).await
    }

    async fn order(&mut self, order: Order) -> Result<(), BackupError> {
        if self.orders.send(order).await.is_ok() {
            return Ok(());
        }
        // Whoever writes has ended early, and says why.
        self.written().await.map(drop)
    }

    async fn written(&mut self) -> Result<Summary, BackupError> {
        (&mut self.writing).await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
    }
}

/// Where a store takes what it writes.
pub(crate) struct Source {
    pieces: mpsc::Receiver<Piece>,
    reading: JoinHandle<Result<Summary, ReadError>>,
}

impl Source {
    /// Begins to read.
    pub(crate) fn begin(input: Box<dyn Read + Send>) -> Self {
        let (sender, pieces) = mpsc::channel(MAX_WAITING);
        let reading = spawn_blocking(move || {
            let mut reader = Reader::begin(BufReader::with_capacity(BUFFER_BYTES, input))?;
            while let Some(piece) = reader.next()? {
                if sender.blocking_send(piece).is_err() {
                    break;
                }
            }
            Ok(reader.summary())
        });
        Self { pieces, reading }
    }

    /// The next piece; `None` where there is no more, and [`Source::finish`] says whether that was the end.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        self.pieces.recv().await
    }

    /// What the file had in it, once all of it has been taken; or why there was no more.
    pub(crate) async fn finish(self) -> Result<Summary, ReadError> {
        self.reading.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
    }
}
