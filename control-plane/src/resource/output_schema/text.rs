//! What one schema says of a text or a number.

use chancery_proto::policy::v1::TextLimit;
use regex::Regex;
use serde_json::{Map, Value, json};

/// A stand-in is padded to no more than this many characters.
const MAX_PADDED_CHARS: u64 = 1024;

/// What may stand in a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    /// Which texts beside the one that was there; absent: none.
    pub(super) text: Option<TextLimit>,
    /// JSON that fits, where some is known.
    pub(super) stand_in: Option<String>,
}

impl Limit {
    /// Nothing but what was there is known to fit.
    pub(super) const NOTHING: Self = Self {
        text: None,
        stand_in: None,
    };
}

/// What a schema says by itself. `None`: every text fits, and `0` in place of a number.
pub(super) fn limit(schema: &Map<String, Value>) -> Option<Limit> {
    if schema.contains_key("const") || schema.contains_key("enum") {
        return Some(Limit::NOTHING);
    }
    if is_of(schema, &["integer", "number"]) && !is_of(schema, &["string"]) {
        return number(schema);
    }
    text(schema)
}

/// Whether a value may be of one of these types, as far as the schema says of which it may be.
fn is_of(schema: &Map<String, Value>, types: &[&str]) -> bool {
    let is_one = |r#type: &Value| types.iter().any(|known| r#type == known);
    match schema.get("type") {
        Some(Value::Array(several)) => several.iter().any(is_one),
        Some(one) => is_one(one),
        None => false,
    }
}

fn text(schema: &Map<String, Value>) -> Option<Limit> {
    let length = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let (least, most) = (length("minLength").unwrap_or(0), length("maxLength"));
    let pattern = schema.get("pattern").and_then(Value::as_str);
    let format = schema.get("format").and_then(Value::as_str);
    let is_restricted = pattern.is_some() || format.is_some();
    if !is_restricted && least == 0 && most.is_none() {
        return None;
    }
    let candidate = match format {
        Some(format) => example(format).map(str::to_owned),
        None => padded(least, most),
    };
    let fits = |text: &String| {
        let count = text.chars().count() as u64;
        // Patterns are ECMAScript's; one that is read otherwise here is rather not read.
        let is_matched =
            |pattern: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
        (least..=most.unwrap_or(u64::MAX)).contains(&count) && pattern.is_none_or(is_matched)
    };
    let bounded = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let text = TextLimit {
        min_chars: bounded(least),
        max_chars: most.map_or(0, bounded),
    };
    // Of no characters at most there is only one text, and 0 says any number.
    let says_length = !is_restricted && most != Some(0);
    Some(Limit {
        text: says_length.then_some(text),
        stand_in: candidate
            .filter(fits)
            .map(|text| Value::String(text).to_string()),
    })
}

/// A word that says what it is, of so many characters.
fn padded(least: u64, most: Option<u64>) -> Option<String> {
    const WORD: &str = "redacted";
    let least = usize::try_from(least.min(MAX_PADDED_CHARS)).ok()?;
    let most = most.and_then(|most| usize::try_from(most).ok());
    let text = format!("{WORD:x<least$}");
    Some(text.chars().take(most.unwrap_or(usize::MAX)).collect())
}

/// A value of a format (JSON Schema validation, section 7.3) that is nobody's.
fn example(format: &str) -> Option<&'static str> {
    Some(match format {
        "email" | "idn-email" => "redacted@redacted.invalid",
        "date" => "0001-01-01",
        "date-time" => "0001-01-01T00:00:00Z",
        "time" => "00:00:00Z",
        "duration" => "PT0S",
        "uri" | "iri" | "uri-reference" | "iri-reference" | "url" => "https://redacted.invalid/",
        "hostname" | "idn-hostname" => "redacted.invalid",
        "ipv4" => "0.0.0.0",
        "ipv6" => "::",
        "uuid" => "00000000-0000-0000-0000-000000000000",
        _ => return None,
    })
}

/// A number makes way for `0`, so only one that `0` does not fit is restricted.
fn number(schema: &Map<String, Value>) -> Option<Limit> {
    if fits(schema, 0.0) {
        return None;
    }
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let step = bound("multipleOf")
        .filter(|step| *step > 0.0)
        .unwrap_or(1.0);
    let above = |bound: f64| (bound / step).ceil() * step;
    let below = |bound: f64| (bound / step).floor() * step;
    let candidates = [
        bound("minimum").map(above),
        bound("exclusiveMinimum").map(|least| above(least) + step),
        bound("exclusiveMinimum").map(above),
        bound("maximum").map(below),
        bound("exclusiveMaximum").map(|most| below(most) - step),
        bound("exclusiveMaximum").map(below),
    ];
    let mut candidates = candidates.into_iter().flatten();
    let found = candidates.find(|number| fits(schema, *number));
    Some(Limit {
        text: None,
        stand_in: found.map(shown),
    })
}

fn fits(schema: &Map<String, Value>, number: f64) -> bool {
    let holds = |keyword: &str, is_so: &dyn Fn(f64) -> bool| {
        let bound = schema.get(keyword);
        bound.is_none_or(|bound| bound.as_f64().is_some_and(is_so))
    };
    let is_whole = number.fract() == 0.0 || is_of(schema, &["number"]);
    is_whole
        && holds("minimum", &|least| number >= least)
        && holds("exclusiveMinimum", &|least| number > least)
        && holds("maximum", &|most| number <= most)
        && holds("exclusiveMaximum", &|most| number < most)
        && holds("multipleOf", &|step| step > 0.0 && number % step == 0.0)
}

/// Whole numbers without a fraction: to some readers `1.0` is no integer.
fn shown(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}")
    } else {
        json!(number).to_string()
    }
}
