//! Single values, as exactly as they were written.

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::{Number, value::RawValue};

/// What a scalar is, for people; and how its schema is known.
pub(super) const TITLE: &str = "a text, a number, `true`, `false` or `null`";

/// A text, a number, a boolean or null, as JSON text. Numbers are what was written, to the digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar(String);

impl Scalar {
    /// From JSON text, or nothing where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        match raw.get().chars().next()? {
            '"' => {
                let text: String = serde_json::from_str(raw.get()).ok()?;
                serde_json::to_string(&text).ok().map(Self)
            }
            '[' | '{' => None,
            't' | 'f' | 'n' => Some(Self(raw.get().to_owned())),
            _ => {
                let number: Number = serde_json::from_str(raw.get()).ok()?;
                let short = number.to_string();
                let is_exact = decimal(&short) == decimal(raw.get());
                Some(Self(if is_exact {
                    short
                } else {
                    raw.get().to_owned()
                }))
            }
        }
    }

    /// As JSON text.
    pub(super) fn into_json(self) -> String {
        self.0
    }
}

/// A number's sign, its digits without zeros at either end, and the power of ten of the last one.
/// Two texts of one number have the same.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let dropped = digits.len().checked_sub(significant.len())?;
    let digits = significant.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    let exponent: i64 = exponent.parse().ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let power = exponent
        .checked_sub(places)?
        .checked_add(i64::try_from(dropped).ok()?)?;
    Some((is_negative, digits, power))
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: serde_json::Value =
            serde_json::from_str(&self.0).map_err(|_not_json| S::Error::custom("no scalar"))?;
        if let serde_json::Value::Number(number) = &value
            && number.to_string() != self.0
        {
            // More digits than a number has elsewhere: JSON keeps them.
            let raw = RawValue::from_string(self.0.clone()).map_err(S::Error::custom)?;
            return raw.serialize(serializer);
        }
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).ok_or_else(|| D::Error::custom("not a scalar"))
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": ["string", "number", "boolean", "null"],
            "title": TITLE,
        })
    }
}

/// A number, to the digit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Exact(Scalar);

impl Exact {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Scalar::parse(text).map(Self)
    }

    pub(super) fn into_json(self) -> String {
        self.0.into_json()
    }
}

impl JsonSchema for Exact {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Exact".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "number"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_value_to_the_digit() {
        for (text, kept) in [
            ("3", "3"),
            ("-0.5", "-0.5"),
            ("1.10", "1.1"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709551616"),
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("9007199254740993.0", "9007199254740993.0"),
            ("1e2", "100.0"),
            ("\"\\u0041\"", "\"A\""),
            ("true", "true"),
            ("null", "null"),
        ] {
            let scalar = Scalar::parse(text).unwrap();
            assert_eq!(scalar.0, kept, "{text}");
            assert_eq!(Scalar::parse(kept), Some(scalar), "{text}");
        }
        for text in ["", "[1]", "{}", "x", "1 2"] {
            assert_eq!(Scalar::parse(text), None, "{text}");
        }
    }
}
