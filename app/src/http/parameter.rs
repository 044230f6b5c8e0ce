//! Parameters that many operations share.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;
use uuid::{Uuid, uuid};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::WindowRequest;

use super::cursor;
use super::value::Time;

/// How many things a page of a list has where nothing is said.
const DEFAULT_LIMIT: u32 = 50;
/// How many it has at the most.
const MAX_LIMIT: u32 = 500;

/// How many things a page of a list has.
pub(super) type Limit = Whole<1, MAX_LIMIT>;

/// The default of `limit`.
pub(super) fn default_limit() -> Limit {
    Whole(DEFAULT_LIMIT)
}

/// An identifier, as an example.
pub(super) fn example_id() -> Uuid {
    uuid!("019c1405-6400-7000-8000-0000000000c1")
}

/// A cursor, as an example.
pub(super) fn example_cursor() -> Option<String> {
    Some(cursor::write(&Timestamp::from_secs(1_769_904_000)))
}

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whole<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// This number, where it is known to be within the bounds.
    pub(super) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub(super) fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> Type for Whole<MIN, MAX> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("Whole_{MIN}_{MAX}").into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let bounds = MetaSchema { minimum: Some(MIN.into()), maximum: Some(MAX.into()), ..MetaSchema::ANY };
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("integer", "uint32").merge(bounds)))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<const MIN: u32, const MAX: u32> ParseFromParameter for Whole<MIN, MAX> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        let number = value.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| ParseError::custom(format!("This must be a whole number from {MIN} to {MAX}.")))
    }
}

impl<const MIN: u32, const MAX: u32> ToJSON for Whole<MIN, MAX> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}

/// The stretch of time that a request asks about.
pub(super) fn window(from: Option<Time>, to: Option<Time>) -> WindowRequest {
    WindowRequest { from: from.map(|time| time.0), to: to.map(|time| time.0) }
}
