//! Instants as columns: whole microseconds of Unix time in SQLite; `timestamptz` in PostgreSQL, so that they read well in plain
//! SQL.
//!
//! On PostgreSQL's wire they are whole microseconds in 64 bits as well; only the epoch differs
//! (<https://www.postgresql.org/docs/15/datatype-datetime.html>).

use serde::{Deserialize, Deserializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use watchkeeper_domain::time::Timestamp;

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds of Unix time.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// What PostgreSQL can tell apart from infinity: years 4713 before to 294276 after our era.
const EARLIEST: i64 = -211_813_488_000_000_000;
const LATEST: i64 = 9_223_371_331_200_000_000 - 1;

/// The types' numbers in `pg_type`, which are the same in every PostgreSQL.
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);

/// An instant on its way to or from a column. What lies beyond the range of `timestamptz` is infinity there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl Instant {
    /// The instant so many microseconds after the Unix epoch.
    pub(crate) fn from_micros(micros: i64) -> Self {
        Self(Timestamp::from_micros(micros))
    }

    /// What PostgreSQL is sent for it.
    pub(crate) fn wire(self) -> i64 {
        match self.0.as_micros().saturating_sub(POSTGRES_EPOCH) {
            micros if micros > LATEST => i64::MAX,
            micros if micros < EARLIEST => i64::MIN,
            micros => micros,
        }
    }

    /// What PostgreSQL has sent.
    pub(crate) fn of_wire(wire: i64) -> Self {
        Self::from_micros(wire.saturating_add(POSTGRES_EPOCH))
    }
}

impl Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for Instant {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for Instant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.wire().to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Instant {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("an instant was not sent in binary".into());
        }
        Ok(Self::of_wire(i64::from_be_bytes(value.as_bytes()?.try_into()?)))
    }
}

impl Type<Sqlite> for Instant {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(info: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(info)
    }
}

impl Encode<'_, Sqlite> for Instant {
    fn encode_by_ref(&self, arguments: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Sqlite>>::encode_by_ref(&self.0.as_micros(), arguments)
    }
}

impl<'r> Decode<'r, Sqlite> for Instant {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <i64 as Decode<'r, Sqlite>>::decode(value).map(Self::from_micros)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::from_micros)
    }
}
