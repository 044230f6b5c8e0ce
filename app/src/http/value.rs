//! Values as the API writes them: times, latencies, and what may be null.

use std::borrow::Cow;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;
use watchkeeper_domain::time::Timestamp;

/// Writes instants with exactly six fraction digits, so that they compare as text and lose nothing.
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// An instant: RFC 3339 in UTC, with six fraction digits. Any offset and precision is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub Timestamp);

impl Time {
    /// Parses what a client sent.
    fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(Self(Timestamp::from_micros(instant.as_microsecond())))
    }

    /// The text that the API writes.
    pub(super) fn text(self) -> String {
        let micros = self.0.as_micros();
        let bounds = jiff::Timestamp::MIN.as_microsecond()..=jiff::Timestamp::MAX.as_microsecond();
        let instant = jiff::Timestamp::from_microsecond(micros.clamp(*bounds.start(), *bounds.end()));
        PRINTER.timestamp_to_string(&instant.unwrap_or_default())
    }
}

impl From<Timestamp> for Time {
    fn from(instant: Timestamp) -> Self {
        Self(instant)
    }
}

impl ToJSON for Time {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.text()))
    }
}

impl ParseFromParameter for Time {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        // In a query an unescaped plus sign, as of the offset +02:00, arrives as a space.
        Self::parse(&value.replace(' ', "+"))
            .ok_or_else(|| ParseError::custom("A time looks like 2026-01-31T12:00:00Z."))
    }
}

impl ParseFromJSON for Time {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let parsed = value.as_ref().and_then(Value::as_str).and_then(Self::parse);
        parsed.ok_or_else(|| ParseError::custom("A time looks like 2026-01-31T12:00:00Z."))
    }
}

/// A duration in milliseconds, with microsecond precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Millis(pub Duration);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl ToJSON for Millis {
    fn to_json(&self) -> Option<Value> {
        Some(Value::from(self.0.as_micros() as f64 / 1_000.0))
    }
}

impl ParseFromJSON for Millis {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let millis = value.as_ref().and_then(Value::as_f64);
        let duration = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1_000.0).ok());
        duration.map(Self).ok_or_else(|| ParseError::custom("A duration is a number of milliseconds."))
    }
}

/// A duration in seconds, with microsecond precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub Duration);

impl ToJSON for Seconds {
    fn to_json(&self) -> Option<Value> {
        Some(Value::from(self.0.as_micros() as f64 / 1_000_000.0))
    }
}

impl ParseFromJSON for Seconds {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let seconds = value.as_ref().and_then(Value::as_f64);
        let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        duration.map(Self).ok_or_else(|| ParseError::custom("A duration is a number of seconds."))
    }
}

/// Tells the document what a value of its own is like.
macro_rules! scalar {
    ($($name:ident: $schema:expr;)+) => {$(
        impl poem_openapi::types::Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    )+};
}
pub(super) use scalar;

scalar! {
    Time: shown("string", "date-time", "2026-01-31T12:00:00.000000Z");
    Millis: shown("number", "double", 41.207);
    Seconds: shown("number", "double", 86_400.0);
}

fn shown(ty: &'static str, format: &'static str, example: impl Into<Value>) -> MetaSchema {
    MetaSchema { example: Some(example.into()), ..MetaSchema::new_with_format(ty, format) }
}

/// Something that is always present in an answer, and null where there is nothing to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nullable<T>(pub Option<T>);

impl<T> Nullable<T> {
    /// Nothing to say.
    pub(super) const NULL: Self = Self(None);

    /// Takes what there may be.
    pub(super) fn from_option<U: Into<T>>(option: Option<U>) -> Self {
        Self(option.map(Into::into))
    }
}

impl<T: Type> Type for Nullable<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        format!("nullable_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let nullable = MetaSchema { nullable: true, ..MetaSchema::ANY };
        MetaSchemaRef::Inline(Box::new(match T::schema_ref() {
            MetaSchemaRef::Inline(schema) => MetaSchema { nullable: true, ..*schema },
            reference => MetaSchema { all_of: vec![reference], ..nullable },
        }))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(T::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        match &self.0 {
            Some(value) => value.raw_element_iter(),
            None => Box::new(std::iter::empty()),
        }
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_ref().and_then(T::to_json).unwrap_or(Value::Null))
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Nullable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Option::parse_from_json(value).map(Self).map_err(ParseError::propagate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_six_fraction_digits() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_769_860_800_000_001, "2026-01-31T12:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Time(Timestamp::from_micros(micros)).text(), text);
        }
    }

    #[test]
    fn any_offset_and_precision_is_understood() {
        for text in ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00.0+01:00", "2026-01-31T13:00:00 01:00"] {
            let time = Time::parse_from_parameter(text).unwrap();
            assert_eq!(time.text(), "2026-01-31T12:00:00.000000Z", "{text}");
        }
        assert!(Time::parse_from_parameter("yesterday").is_err());
        assert!(Time::parse_from_parameter("2026-01-31T12:00:00").is_err(), "a local time names no instant");
    }

    #[test]
    fn latencies_keep_their_microseconds() {
        assert_eq!(Millis(Duration::from_micros(41_207)).to_json().unwrap().to_string(), "41.207");
        assert_eq!(Seconds(Duration::from_secs(86_400)).to_json().unwrap().to_string(), "86400.0");
    }
}
