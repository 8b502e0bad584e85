//! When two JSON values are the same.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Whether two values are the same, whatever the order of their keys and the spelling of numbers.
pub(super) fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => old == new || digits(old) == digits(new),
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(old, new))
        }
        (Value::Object(old), Value::Object(new)) => {
            let has = |(key, old)| new.get(key).is_some_and(|new| same(old, new));
            old.len() == new.len() && old.iter().all(has)
        }
        (old, new) => old == new,
    }
}

/// A text that two values share where they are the same, and only then.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => out.push_str(&digits(number)),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (key, member) in members {
                // Writing to a `String` cannot fail.
                let _: std::fmt::Result = write!(out, "{key:?}:");
                write(member, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            let _: std::fmt::Result = write!(out, "{value}");
        }
    }
}

/// A number's one spelling: `1`, `1.0` and `1e0` are one number.
fn digits(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float == 0.0 => "0".to_owned(),
        Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
        Some(_) | None => number.to_string(),
    }
}

/// How messages call what a value is.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_str;

    use super::*;

    #[test]
    fn values_count_and_not_their_spelling() {
        for (one, other, is_same) in [
            (
                r#"{"a":1,"b":[true,null]}"#,
                r#"{"b":[true,null],"a":1}"#,
                true,
            ),
            ("[1, 10, 0]", "[1.0, 1e1, -0.0]", true),
            (r#""a\u002fb""#, r#""a\/b""#, true),
            ("18446744073709551615", "18446744073709551614", false),
            ("1", r#""1""#, false),
            ("[1,2]", "[2,1]", false),
            (r#"{"a":null}"#, "{}", false),
        ] {
            let (one, other): (Value, Value) = (from_str(one).unwrap(), from_str(other).unwrap());
            assert_eq!(same(&one, &other), is_same, "{one} {other}");
            assert_eq!(
                canonical(&one) == canonical(&other),
                is_same,
                "{one} {other}"
            );
        }
    }
}
