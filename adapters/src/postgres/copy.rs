//! PostgreSQL's binary COPY format, the quickest way out of it and into it
//! (<https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format").

use std::str::FromStr;

use crate::backup::{Kind, Row, Value};
use crate::row::{Fault, Instant, Unreadable};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and the length of an extension that there is not.
const HEAD_BYTES: usize = SIGNATURE.len() + 8;

/// Reads rows out of what `COPY ... TO STDOUT (FORMAT binary)` sends, in whatever pieces it comes.
pub(super) struct CopyReader {
    kinds: Vec<Kind>,
    bytes: Vec<u8>,
    at: usize,
    is_begun: bool,
}

impl CopyReader {
    /// For columns of these kinds: a number is sent as `bigint`.
    pub(super) fn of(kinds: Vec<Kind>) -> Self {
        Self { kinds, bytes: Vec::new(), at: 0, is_begun: false }
    }

    /// Takes what was sent.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next row that has come whole.
    pub(super) fn row(&mut self) -> Result<Option<Row>, Fault> {
        if !self.is_begun {
            if self.bytes.len() < HEAD_BYTES {
                return Ok(None);
            }
            self.at = HEAD_BYTES;
            self.is_begun = true;
        }
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        match tuple(&mut rest, &self.kinds)? {
            Some(row) => {
                self.at = self.bytes.len() - rest.len();
                Ok(Some(row))
            }
            None => Ok(None),
        }
    }
}

/// `None` where it has not come whole, or is the end.
fn tuple(rest: &mut &[u8], kinds: &[Kind]) -> Result<Option<Row>, Fault> {
    let Some(fields) = take(rest).map(i16::from_be_bytes) else { return Ok(None) };
    if fields == -1 {
        return Ok(None);
    }
    if usize::try_from(fields) != Ok(kinds.len()) {
        return Err(Unreadable::new("row of as many fields as were asked for", fields).into());
    }
    let mut row = Row::with_capacity(kinds.len());
    for kind in kinds {
        let Some(length) = take(rest).map(i32::from_be_bytes) else { return Ok(None) };
        let Ok(length) = usize::try_from(length) else {
            row.push(Value::Null);
            continue;
        };
        let Some((bytes, tail)) = rest.split_at_checked(length) else { return Ok(None) };
        *rest = tail;
        row.push(value(*kind, bytes)?);
    }
    Ok(Some(row))
}

fn value(kind: Kind, bytes: &[u8]) -> Result<Value, Fault> {
    let odd = || Unreadable::new("value of its type", format!("{kind:?} of {} bytes", bytes.len()));
    Ok(match kind {
        Kind::Id | Kind::Text | Kind::Bytes => Value::Bytes(bytes.to_vec()),
        Kind::Flag => Value::Number(i64::from(*bytes.first().ok_or_else(odd)?)),
        Kind::Number => Value::Number(i64::from_be_bytes(bytes.try_into().map_err(|_| odd())?)),
        Kind::Instant => {
            let wire = i64::from_be_bytes(bytes.try_into().map_err(|_| odd())?);
            Value::Number(Instant::of_wire(wire).0.as_micros())
        }
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*taken)
}

/// How a column's values are sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    SmallInt,
    Integer,
    BigInt,
    Boolean,
    Instant,
    Text,
    Bytes,
}

impl FromStr for WireType {
    type Err = Unreadable;

    /// By the name of the type as `regtype` shows it.
    fn from_str(name: &str) -> Result<Self, Unreadable> {
        Ok(match name {
            "smallint" => Self::SmallInt,
            "integer" => Self::Integer,
            "bigint" => Self::BigInt,
            "boolean" => Self::Boolean,
            "timestamp with time zone" => Self::Instant,
            "text" | "json" => Self::Text,
            "uuid" | "bytea" => Self::Bytes,
            _ => return Err(Unreadable::new("type that a backup knows", name)),
        })
    }
}

/// Rows on their way into `COPY ... FROM STDIN (FORMAT binary)`.
pub(super) struct CopyWriter<'t> {
    types: &'t [WireType],
    bytes: Vec<u8>,
}

impl<'t> CopyWriter<'t> {
    /// For columns of these types.
    pub(super) fn of(types: &'t [WireType]) -> Self {
        Self { types, bytes: [SIGNATURE.as_slice(), &[0; 8]].concat() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, row: &Row) -> Result<(), Fault> {
        let fields = i16::try_from(self.types.len()).map_err(|_| Unreadable::new("row", self.types.len()))?;
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        for (value, wire) in row.iter().zip(self.types) {
            match value {
                Value::Null => self.bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
                Value::Number(number) => self.number(*number, *wire)?,
                Value::Bytes(bytes) if *wire == WireType::Text && bytes.contains(&0) => {
                    self.field(super::storable(&String::from_utf8_lossy(bytes)).as_bytes())?;
                }
                Value::Bytes(bytes) => self.field(bytes)?,
            }
        }
        Ok(())
    }

    /// All rows, with their end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }

    fn number(&mut self, number: i64, wire: WireType) -> Result<(), Fault> {
        let odd = || Unreadable::new("number that its column can hold", number);
        match wire {
            WireType::SmallInt => self.field(&i16::try_from(number).map_err(|_| odd())?.to_be_bytes()),
            WireType::Integer => self.field(&i32::try_from(number).map_err(|_| odd())?.to_be_bytes()),
            WireType::BigInt => self.field(&number.to_be_bytes()),
            WireType::Boolean => self.field(&[u8::from(number != 0)]),
            WireType::Instant => self.field(&Instant::from_micros(number).wire().to_be_bytes()),
            WireType::Text | WireType::Bytes => Err(odd().into()),
        }
    }

    fn field(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let length = i32::try_from(bytes.len()).map_err(|_| Unreadable::new("length of a value", bytes.len()))?;
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let number = 1_790_000_000_123_456;
        vec![
            vec![Value::Number(number), Value::Bytes(vec![7; 16]), Value::Null, Value::Number(1), Value::Number(-5)],
            vec![Value::Number(0), Value::Bytes(vec![8; 16]), Value::Bytes(vec![]), Value::Number(0), Value::Number(5)],
        ]
    }

    const TYPES: [WireType; 5] =
        [WireType::Instant, WireType::Bytes, WireType::Text, WireType::Boolean, WireType::BigInt];

    fn written() -> Vec<u8> {
        let mut writer = CopyWriter::of(&TYPES);
        rows().iter().for_each(|row| writer.row(row).unwrap());
        writer.finish()
    }

    fn read(pieces: &[&[u8]]) -> Vec<Row> {
        let mut reader = CopyReader::of(vec![Kind::Instant, Kind::Id, Kind::Text, Kind::Flag, Kind::Number]);
        let mut read = Vec::new();
        for piece in pieces {
            reader.feed(piece);
            while let Some(row) = reader.row().unwrap() {
                read.push(row);
            }
        }
        read
    }

    #[test]
    fn rows_are_read_as_they_were_written_in_whatever_pieces_they_come() {
        let written = written();
        assert_eq!(read(&[&written]), rows());
        for size in 1..written.len() {
            assert_eq!(read(&written.chunks(size).collect::<Vec<_>>()), rows(), "in pieces of {size}");
        }
    }

    #[test]
    fn a_number_that_its_column_cannot_hold_is_refused() {
        let fits = |wire, number| CopyWriter::of(&[wire]).row(&vec![Value::Number(number)]).is_ok();
        assert!(fits(WireType::SmallInt, 32_767) && !fits(WireType::SmallInt, 32_768));
        assert!(fits(WireType::Integer, -2_147_483_648) && !fits(WireType::Integer, 2_147_483_648));
        assert!(!fits(WireType::Text, 1));
    }

    #[test]
    fn a_text_loses_the_one_character_that_postgres_cannot_keep() {
        let mut writer = CopyWriter::of(&[WireType::Text]);
        writer.row(&vec![Value::Bytes(b"a\0b".to_vec())]).unwrap();
        let bytes = writer.finish();
        assert!(bytes.windows(5).any(|window| window == "a\u{fffd}b".as_bytes()));
    }
}
