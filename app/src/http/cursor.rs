//! Cursors: where to go on reading a list. Clients hand them back as they are and do not look inside.

use uuid::Uuid;
use watchkeeper_domain::id::{IncidentId, MonitorId};
use watchkeeper_domain::time::Timestamp;

use super::problem::{FieldError, Problem};

/// A place in a list.
pub(super) trait Position: Sized {
    /// Keeps the cursor of one list from being used on another.
    const KIND: u8;

    /// The place as bytes.
    fn to_bytes(&self) -> Vec<u8>;

    /// The place that the bytes stand for; `None` where they stand for none.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// Writes a cursor.
pub(super) fn write<P: Position>(position: &P) -> String {
    let mut bytes = vec![P::KIND];
    bytes.extend(position.to_bytes());
    hex::encode(bytes)
}

/// Reads a cursor that a client handed back.
///
/// # Errors
/// A problem that names the parameter, where it is none of this list.
pub(super) fn read<P: Position>(cursor: Option<&str>) -> Result<Option<P>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = hex::decode(cursor).unwrap_or_default();
    let position = bytes.split_first().filter(|(kind, _)| **kind == P::KIND).and_then(|(_, rest)| P::from_bytes(rest));
    position.map(Some).ok_or_else(|| {
        Problem::invalid(vec![FieldError {
            field: "cursor".into(),
            code: "invalid_cursor".into(),
            message: "A cursor is taken as it is from next_cursor of the same list.".into(),
        }])
    })
}

impl Position for MonitorId {
    const KIND: u8 = 1;

    fn to_bytes(&self) -> Vec<u8> {
        self.uuid().as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self::new)
    }
}

impl Position for IncidentId {
    const KIND: u8 = 2;

    fn to_bytes(&self) -> Vec<u8> {
        self.uuid().as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self::new)
    }
}

/// The lists that are ordered by time go on before an instant.
impl Position for Timestamp {
    const KIND: u8 = 3;

    fn to_bytes(&self) -> Vec<u8> {
        self.as_micros().to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self::from_micros(i64::from_be_bytes(bytes)))
    }
}

/// Splits off what was read beyond the page, to know whether there is more: `position` tells where the next page begins.
pub(super) fn page<T, P: Position>(
    mut items: Vec<T>,
    limit: u32,
    position: impl Fn(&T) -> P,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| write(&position(last)));
    (items, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_to_no_other_list() {
        let at = Timestamp::from_micros(-7);
        let cursor = write(&at);
        assert_eq!(read::<Timestamp>(Some(&cursor)).unwrap(), Some(at));
        assert!(read::<MonitorId>(Some(&cursor)).is_err());
        assert_eq!(read::<MonitorId>(None).unwrap(), None);
        for wrong in ["", "x", "03", "0300", "01020304"] {
            assert!(read::<Timestamp>(Some(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn there_is_a_next_page_only_where_there_is_more() {
        let at = |micros: &i64| Timestamp::from_micros(*micros);
        assert_eq!(page(vec![3, 2], 2, at), (vec![3, 2], None));
        let (items, next) = page(vec![3, 2, 1], 2, at);
        assert_eq!((items, next), (vec![3, 2], Some(write(&Timestamp::from_micros(2)))));
    }
}
