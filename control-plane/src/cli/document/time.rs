//! Times and lengths as documents write them.

use prost_types::{Duration, Timestamp};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point in time: RFC 3339, or a date, which is its first moment in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.parse();
        time.map(Self)
            .map_err(|_not_a_time| D::Error::custom(format!("there is no time `{text}`")))
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T[0-9]{2}:[0-9]{2}:\
                       [0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?$";
        json_schema!({
            "type": "string",
            "title": "a time such as `2026-12-31T18:00:00Z`, or a date, which is its first moment",
            "pattern": pattern,
        })
    }
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length(i64);

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Length {
    pub(super) fn into_message(self) -> Duration {
        Duration {
            seconds: self.0,
            nanos: 0,
        }
    }
}

impl From<Duration> for Length {
    fn from(message: Duration) -> Self {
        Self(message.seconds)
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole =
            |(unit, factor): (char, i64)| (self.0 % factor == 0).then(|| (self.0 / factor, unit));
        let (number, unit) = UNITS.into_iter().find_map(whole).unwrap_or((self.0, 's'));
        serializer.collect_str(&format_args!("{number}{unit}"))
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = UNITS.into_iter().find_map(|(unit, factor)| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(factor)
        });
        seconds
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a length of time"))
    }
}

impl JsonSchema for Length {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "title": "a length such as `90s`, `15m`, `1h` or `7d`",
            "pattern": "^[0-9]{1,9}[smhd]$",
        })
    }
}
