//! The file, byte by byte. All numbers are big-endian.
//!
//! ```text
//! file   = "WATCHKEEPER-BACKUP\n"  format: u32  frame*  sha256: 32 bytes over all before it
//! frame  = kind: u8  length: u32  payload
//! 'H'    the header, once and first: JSON {"product", "store", "schema", "taken_at"}
//! 'T'    a table begins: JSON {"table", "columns": [{"name", "kind"}]}
//! 'R'    a block of its rows: length without compression: u32, then one frame of zstd (RFC 8878) around a block
//! 'E'    the end, once and last: JSON {"tables": {"table": rows}}
//! ```
//!
//! Tables come in one fixed order, each once at the most: a file that lacks one was made before there was such a table.
//! Nothing follows the checksum. What a block is, the module of that name says.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use super::block::{self, Row};
use super::table::{Column, Kind, TABLES, Table};
use super::{BackupError, Header, ReadError, Summary};

/// How every backup begins.
const MAGIC: &[u8; 19] = b"WATCHKEEPER-BACKUP\n";
/// The format that is written, and the newest that is read. In the second one packed days may share a row, which a program that
/// knows only the first would take for a day, and let go of as one; in the third some runs of them are mixed,
/// which a program that knows only the second cannot read.
const FORMAT: u32 = 3;
/// How much a frame holds at the most, compressed or not.
const MAX_FRAME_BYTES: usize = 64 << 20;
/// The level of compression: the library's own choice between speed and size.
const LEVEL: i32 = 3;

const HEADER: u8 = b'H';
const TABLE: u8 = b'T';
const ROWS: u8 = b'R';
const END: u8 = b'E';

#[derive(Serialize, Deserialize)]
struct TableFrame<'a> {
    table: &'a str,
    columns: Vec<ColumnFrame<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ColumnFrame<'a> {
    name: &'a str,
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
struct EndFrame {
    tables: BTreeMap<String, u64>,
}

/// Writes a backup.
pub(super) struct Writer<W> {
    out: Summing<W>,
    compressor: Compressor<'static>,
    header: Header,
    counts: Vec<(&'static str, u64)>,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(out: W, header: Header) -> Result<Self, BackupError> {
        let compressor = Compressor::new(LEVEL).map_err(BackupError::Write)?;
        let mut writer = Self { out: Summing::new(out), compressor, header, counts: Vec::new() };
        writer.out.write_all(MAGIC).map_err(BackupError::Write)?;
        writer.out.write_all(&FORMAT.to_be_bytes()).map_err(BackupError::Write)?;
        let header = json(&writer.header)?;
        writer.frame(HEADER, &[&header])?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, table: &'static Table) -> Result<(), BackupError> {
        let columns = table.columns.iter().map(|column| ColumnFrame { name: column.name, kind: column.kind });
        let frame = json(&TableFrame { table: table.name, columns: columns.collect() })?;
        self.counts.push((table.name, 0));
        self.frame(TABLE, &[&frame])
    }

    /// Writes rows of the table that was begun last, [`block::MAX_ROWS`] at the most.
    pub(super) fn rows(&mut self, rows: &[Row], table: &'static Table) -> Result<(), BackupError> {
        let columns: Vec<&Column> = table.columns.iter().collect();
        let plain = block::encode(rows, &columns);
        let length = u32::try_from(plain.len()).map_err(|_| BackupError::Write(too_large()))?;
        let packed = self.compressor.compress(&plain).map_err(BackupError::Write)?;
        self.counts.last_mut().into_iter().for_each(|(_, count)| *count += rows.len() as u64);
        self.frame(ROWS, &[&length.to_be_bytes(), &packed])
    }

    /// Writes the end, and answers what the file has in it.
    pub(super) fn finish(mut self) -> Result<Summary, BackupError> {
        let tables = self.counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let end = json(&EndFrame { tables })?;
        self.frame(END, &[&end])?;
        let digest = self.out.sum.clone().finish();
        self.out.write_all(digest.as_ref()).map_err(BackupError::Write)?;
        self.out.flush().map_err(BackupError::Write)?;
        Ok(Summary { header: self.header, tables: self.counts, bytes: self.out.bytes })
    }

    fn frame(&mut self, kind: u8, payload: &[&[u8]]) -> Result<(), BackupError> {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        if length > MAX_FRAME_BYTES {
            return Err(BackupError::Write(too_large()));
        }
        let length = u32::try_from(length).map_err(|_| BackupError::Write(too_large()))?;
        let head = [[kind].as_slice(), &length.to_be_bytes()].concat();
        for part in [&[head.as_slice()], payload].concat() {
            self.out.write_all(part).map_err(BackupError::Write)?;
        }
        Ok(())
    }
}

fn json(of: &impl Serialize) -> Result<Vec<u8>, BackupError> {
    serde_json::to_vec(of).map_err(|error| BackupError::Write(error.into()))
}

fn too_large() -> io::Error {
    io::Error::other(format!("a row takes more than {MAX_FRAME_BYTES} bytes"))
}

/// What is read of a backup.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A table begins, with the columns that the file has of it.
    Table(&'static Table, Vec<&'static Column>),
    /// Rows of it, with the values of those columns.
    Rows(Vec<Row>),
}

/// Reads a backup.
pub(super) struct Reader<R> {
    input: Summing<R>,
    decompressor: Decompressor<'static>,
    header: Header,
    columns: Vec<&'static Column>,
    counts: Vec<(&'static str, u64)>,
}

impl<R: Read> Reader<R> {
    pub(super) fn begin(input: R) -> Result<Self, ReadError> {
        let mut input = Summing::new(input);
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ReadError::Foreign,
            _ => ReadError::Io(error),
        })?;
        if magic != *MAGIC {
            return Err(ReadError::Foreign);
        }
        let format = u32::from_be_bytes(input.take_exactly()?);
        if format > FORMAT {
            return Err(ReadError::NewerFormat { format, known: FORMAT });
        }
        let (kind, payload) = input.take_frame()?;
        let header = (kind == HEADER).then(|| serde_json::from_slice(&payload).ok()).flatten();
        let header = header.ok_or(ReadError::Damaged("its header cannot be read"))?;
        let decompressor = Decompressor::new().map_err(ReadError::Io)?;
        Ok(Self { input, decompressor, header, columns: Vec::new(), counts: Vec::new() })
    }

    /// The next piece; `None` at the end, when the checksum has been found right.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        let (kind, payload) = self.input.take_frame()?;
        match kind {
            TABLE => self.table(&payload).map(Some),
            ROWS => self.rows(&payload).map(Some),
            END => self.end(&payload).map(|()| None),
            _ => Err(ReadError::Damaged("it has a part of an unknown kind")),
        }
    }

    /// What the file has in it, once all of it has been read.
    pub(super) fn summary(self) -> Summary {
        Summary { header: self.header, tables: self.counts, bytes: self.input.bytes }
    }

    fn table(&mut self, payload: &[u8]) -> Result<Piece, ReadError> {
        let frame: TableFrame<'_> =
            serde_json::from_slice(payload).map_err(|_| ReadError::Damaged("the head of a table cannot be read"))?;
        let unknown = |what: String| ReadError::NewerContent { what, product: self.header.product.clone() };
        let table = TABLES.iter().find(|table| table.name == frame.table);
        let table = table.ok_or_else(|| unknown(frame.table.to_owned()))?;
        let place = |name: &str| TABLES.iter().position(|table| table.name == name);
        if self.counts.last().is_some_and(|(last, _)| place(last) >= place(table.name)) {
            return Err(ReadError::Damaged("its tables are not in their order"));
        }
        let mut columns = Vec::with_capacity(frame.columns.len());
        for ColumnFrame { name, kind } in frame.columns {
            let known = table.columns.iter().find(|column| column.name == name && column.kind == kind);
            let column = known.ok_or_else(|| unknown(format!("{}.{name}", table.name)))?;
            if columns.contains(&column) {
                return Err(ReadError::Damaged("a table has a column twice"));
            }
            columns.push(column);
        }
        self.columns.clone_from(&columns);
        self.counts.push((table.name, 0));
        Ok(Piece::Table(table, columns))
    }

    fn rows(&mut self, payload: &[u8]) -> Result<Piece, ReadError> {
        let damaged = ReadError::Damaged("a block of rows cannot be read");
        let Some((length, packed)) = payload.split_first_chunk() else { return Err(damaged) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(damaged);
        }
        let plain = self.decompressor.decompress(packed, length).ok();
        let rows = plain.as_deref().and_then(|plain| block::decode(plain, &self.columns));
        match (rows, self.counts.last_mut()) {
            (Some(rows), Some((_, count))) => {
                *count += rows.len() as u64;
                Ok(Piece::Rows(rows))
            }
            _ => Err(damaged),
        }
    }

    fn end(&mut self, payload: &[u8]) -> Result<(), ReadError> {
        let digest = self.input.sum.clone().finish();
        let kept: [u8; SHA256_OUTPUT_LEN] = self.input.take_exactly()?;
        if digest.as_ref() != kept {
            return Err(ReadError::Damaged("its checksum is another"));
        }
        if self.input.read(&mut [0]).map_err(ReadError::Io)? > 0 {
            return Err(ReadError::Damaged("something follows its end"));
        }
        let frame: Option<EndFrame> = serde_json::from_slice(payload).ok();
        let counted = self.counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        match frame {
            Some(EndFrame { tables }) if tables == counted => Ok(()),
            _ => Err(ReadError::Damaged("it has another number of rows than it says")),
        }
    }
}

/// A stream, with the checksum and the number of the bytes that went through it.
struct Summing<S> {
    stream: S,
    sum: Context,
    bytes: u64,
}

impl<S> Summing<S> {
    fn new(stream: S) -> Self {
        Self { stream, sum: Context::new(&SHA256), bytes: 0 }
    }

    fn went_through(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.went_through(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.went_through(buffer.get(..read).unwrap_or(buffer));
        Ok(read)
    }
}

impl<R: Read> Summing<R> {
    fn take_exactly<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes).map_err(cut_short)?;
        Ok(bytes)
    }

    fn take_frame(&mut self) -> Result<(u8, Vec<u8>), ReadError> {
        let [kind] = self.take_exactly()?;
        let length = u32::from_be_bytes(self.take_exactly()?) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(ReadError::Damaged("a part of it is larger than any can be"));
        }
        // Room is made as bytes come: a length that is wrong takes no memory.
        let mut payload = Vec::new();
        self.by_ref().take(length as u64).read_to_end(&mut payload).map_err(ReadError::Io)?;
        if payload.len() < length { Err(ReadError::CutShort) } else { Ok((kind, payload)) }
    }
}

fn cut_short(error: io::Error) -> ReadError {
    if error.kind() == ErrorKind::UnexpectedEof { ReadError::CutShort } else { ReadError::Io(error) }
}
