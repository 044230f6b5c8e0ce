//! Rows in blocks: column by column, so that like lies beside like and compresses well.
//!
//! A block begins with the number of its rows. Of each column follows one byte that says whether any value is missing, if so
//! a bit for each row (the lowest first; one is missing), and the values that are there: numbers as the difference from the
//! one before, others as their lengths and then their bytes. Numbers are LEB128, differences zigzag.

use watchkeeper_domain::varint::{pull, push};

use super::table::{Column, Kind};

/// How many rows a block has at the most.
pub(crate) const MAX_ROWS: usize = 8_192;

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Bytes(Vec<u8>),
}

impl Value {
    /// About how much room it takes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            _ => 8,
        }
    }

    pub(crate) fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        bytes.map_or(Self::Null, Self::Bytes)
    }
}

/// The values of a row, in the order of its columns.
pub(crate) type Row = Vec<Value>;

/// Writes rows that have these columns.
pub(super) fn encode(rows: &[Row], columns: &[&Column]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, rows.len() as u64);
    for (position, column) in columns.iter().enumerate() {
        let values = || rows.iter().map(move |row| row.get(position).unwrap_or(&Value::Null));
        push_missing(&mut out, values());
        if column.kind.is_number() {
            let mut before = 0_i64;
            for number in values().filter_map(Value::number) {
                push(&mut out, zigzag(number.wrapping_sub(before)));
                before = number;
            }
        } else {
            let there =
                || values().filter_map(|value| if let Value::Bytes(bytes) = value { Some(bytes) } else { None });
            there().for_each(|bytes| push(&mut out, bytes.len() as u64));
            there().for_each(|bytes| out.extend_from_slice(bytes));
        }
    }
    out
}

fn push_missing<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a Value> + Clone) {
    let is_any_missing = values.clone().any(|value| *value == Value::Null);
    out.push(u8::from(is_any_missing));
    if is_any_missing {
        let mut bits = 0;
        let mut count = 0;
        for value in values {
            bits |= u8::from(*value == Value::Null) << (count % 8);
            count += 1;
            if count % 8 == 0 {
                out.push(std::mem::take(&mut bits));
            }
        }
        if count % 8 != 0 {
            out.push(bits);
        }
    }
}

/// Reads what [`encode`] wrote; `None` where it cannot have been that.
pub(super) fn decode(mut rest: &[u8], columns: &[&Column]) -> Option<Vec<Row>> {
    let rest = &mut rest;
    let count = usize::try_from(pull(rest)?).ok().filter(|count| *count <= MAX_ROWS)?;
    let mut rows = vec![Row::with_capacity(columns.len()); count];
    for column in columns {
        let is_missing = pull_missing(rest, count)?;
        if column.kind.is_number() {
            let mut before = 0_i64;
            for (row, is_missing) in rows.iter_mut().zip(is_missing) {
                if is_missing {
                    row.push(Value::Null);
                    continue;
                }
                before = before.wrapping_add(unzigzag(pull(rest)?));
                if column.kind == Kind::Flag && !(0..=1).contains(&before) {
                    return None;
                }
                row.push(Value::Number(before));
            }
        } else {
            let mut lengths = Vec::with_capacity(count);
            for is_missing in is_missing {
                lengths.push(if is_missing { None } else { Some(usize::try_from(pull(rest)?).ok()?) });
            }
            for (row, length) in rows.iter_mut().zip(lengths) {
                row.push(match length {
                    None => Value::Null,
                    Some(length) => Value::Bytes(take(rest, length).filter(|bytes| fits(column.kind, bytes))?.to_vec()),
                });
            }
        }
    }
    rest.is_empty().then_some(rows)
}

fn fits(kind: Kind, bytes: &[u8]) -> bool {
    match kind {
        Kind::Id => bytes.len() == 16,
        Kind::Text => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

fn pull_missing(rest: &mut &[u8], count: usize) -> Option<Vec<bool>> {
    match take(rest, 1)? {
        [0] => Some(vec![false; count]),
        [1] => {
            let bits = take(rest, count.div_ceil(8))?;
            Some((0..count).map(|row| bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)).collect())
        }
        _ => None,
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(taken)
}

/// Small numbers of either sign as small ones without: 0, -1, 1, -2 as 0, 1, 2, 3.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static COLUMNS: [Column; 4] = [
        Column { name: "id", kind: Kind::Id },
        Column { name: "text", kind: Kind::Text },
        Column { name: "number", kind: Kind::Number },
        Column { name: "flag", kind: Kind::Flag },
    ];

    fn columns() -> Vec<&'static Column> {
        COLUMNS.iter().collect()
    }

    fn row() -> impl Strategy<Value = Row> {
        let id = proptest::option::of(any::<[u8; 16]>().prop_map(Vec::from)).prop_map(Value::from);
        let text = proptest::option::of(".{0,9}".prop_map(String::into_bytes)).prop_map(Value::from);
        let number = proptest::option::of(any::<i64>()).prop_map(Value::from);
        let flag = proptest::option::of(0..=1_i64).prop_map(Value::from);
        (id, text, number, flag).prop_map(|(id, text, number, flag)| vec![id, text, number, flag])
    }

    proptest! {
        #[test]
        fn rows_are_read_as_they_were_written(rows in proptest::collection::vec(row(), 0..40)) {
            let written = encode(&rows, &columns());
            prop_assert_eq!(decode(&written, &columns()), Some(rows));
        }

        #[test]
        fn what_was_cut_off_is_never_read(rows in proptest::collection::vec(row(), 1..20), at in any::<prop::sample::Index>()) {
            let written = encode(&rows, &columns());
            prop_assert_eq!(decode(&written[..at.index(written.len())], &columns()), None);
        }

        #[test]
        fn whatever_the_bytes_are_reading_them_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, &columns());
        }
    }

    #[test]
    fn values_that_their_column_cannot_hold_are_refused() {
        let row = |id: &[u8], text: &[u8], flag| {
            vec![vec![Value::Bytes(id.into()), Value::Bytes(text.into()), Value::Null, Value::Number(flag)]]
        };
        let is_read = |rows: Vec<Row>| decode(&encode(&rows, &columns()), &columns()).is_some();
        assert!(is_read(row(&[7; 16], b"text", 1)));
        assert!(!is_read(row(&[7; 15], b"text", 1)));
        assert!(!is_read(row(&[7; 16], b"\xff", 1)));
        assert!(!is_read(row(&[7; 16], b"text", 2)));
    }
}
