//! Reads YAML and JSON into trees that know where every value stands.
//!
//! serde stops at the first thing it dislikes and forgets where the others were. So the text is
//! read once, by serde-saphyr with its `Spanned` markers, into a tree without any expectation;
//! what is wrong with a document is then said of all of it at once, and what the control plane
//! finds later still has a place. This module knows nothing of resources.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, value::RawValue};
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, Options, Spanned};

use super::path::{Path, Step};

/// Deeper nesting than this is refused; no resource needs half of it.
const MAX_DEPTH: usize = 64;

/// Aliases that stand for more than this many values and marks are refused.
const MAX_ALIASED: usize = 10_000;

/// A place in a text. Both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Position {
    /// Where a text begins.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// Where a text ends.
    pub(crate) fn after(text: &str) -> Self {
        text.chars()
            .fold(Self::START, |Self { line, column }, c| match c {
                '\n' => Self {
                    line: line + 1,
                    column: 1,
                },
                _ => Self {
                    line,
                    column: column + 1,
                },
            })
    }
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self {
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    /// Where its bytes are in the text, from the first to after the last.
    bytes: Option<Range<usize>>,
    pub(crate) value: Value,
}

/// What a text can hold.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As JSON text, to the digit.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value. Keys may occur twice; whoever checks the tree says so.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) value: Node,
}

/// The text is not YAML.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) at: Position,
    pub(crate) message: String,
}

impl Node {
    /// Reads every document of a text; one that holds nothing is left out.
    pub(crate) fn read_all(text: &str) -> Result<Vec<Self>, Malformed> {
        let mut documents: Vec<Self> = serde_saphyr::from_multiple_with_options(text, options())
            .map_err(|error| Malformed {
                at: error.location().map_or(Position::START, Position::from),
                message: without_place(&error.without_snippet().render()),
            })?;
        for document in &mut documents {
            document.restore_numbers(text);
        }
        Ok(documents
            .into_iter()
            .filter(|node| !matches!(node.value, Value::Null))
            .collect())
    }

    /// Puts the digits that were written in the place of numbers that were read, which are rounded.
    fn restore_numbers(&mut self, text: &str) {
        match &mut self.value {
            Value::Number(number) => {
                let written = self.bytes.clone().and_then(|bytes| text.get(bytes));
                if let Some(written) = written.and_then(json_number) {
                    *number = written;
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| item.restore_numbers(text)),
            Value::Map(entries) => entries
                .iter_mut()
                .for_each(|entry| entry.value.restore_numbers(text)),
            Value::Null | Value::Bool(_) | Value::Text(_) => {}
        }
    }

    /// The value of a key, where this is a mapping that has it.
    pub(crate) fn field(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                None
            }
        }
    }

    /// How many items or fields this has.
    pub(crate) fn len(&self) -> usize {
        match &self.value {
            Value::List(items) => items.len(),
            Value::Map(entries) => entries.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => 0,
        }
    }

    /// The text that this is, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value {
            Some(text)
        } else {
            None
        }
    }

    /// Where a path leads, or the nearest place above it that is there.
    pub(crate) fn locate(&self, path: &Path) -> Position {
        let mut here = self;
        let mut at = self.at;
        for step in path.steps() {
            let next = match (step, &here.value) {
                (Step::Field(key), Value::Map(_)) => {
                    here.field(key).map(|entry| (entry.key_at, &entry.value))
                }
                (Step::Index(index), Value::List(items)) => {
                    items.get(*index).map(|item| (item.at, item))
                }
                _ => None,
            };
            let Some((place, node)) = next else { return at };
            // A scalar is shown itself, a collection by its key.
            at = if matches!(node.value, Value::List(_) | Value::Map(_)) {
                place
            } else {
                node.at
            };
            here = node;
        }
        at
    }

    /// The same as JSON text, without places. A key that occurs twice does so here too.
    pub(crate) fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json);
        json
    }

    fn write_json(&self, json: &mut String) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match &self.value {
            Value::Null => json.push_str("null"),
            Value::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
            Value::Number(value) => json.push_str(value),
            Value::Text(value) => json.push_str(&quoted(value)),
            Value::List(items) => {
                json.push('[');
                for (number, item) in items.iter().enumerate() {
                    json.push_str(if number == 0 { "" } else { "," });
                    item.write_json(json);
                }
                json.push(']');
            }
            Value::Map(entries) => {
                json.push('{');
                for (number, entry) in entries.iter().enumerate() {
                    json.push_str(if number == 0 { "" } else { "," });
                    json.push_str(&quoted(&entry.key));
                    json.push(':');
                    entry.value.write_json(json);
                }
                json.push('}');
            }
        }
    }
}

/// YAML's spelling of a decimal number as JSON's: `+1` is `1`, `.5` is `0.5`. Nothing for others.
fn json_number(written: &str) -> Option<String> {
    let written = written.trim();
    let (sign, digits) = match written.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", written.strip_prefix('+').unwrap_or(written)),
    };
    let zero = if digits.starts_with('.') { "0" } else { "" };
    let json = format!("{sign}{zero}{digits}");
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && serde_json::from_str::<&RawValue>(&json).is_ok();
    is_number.then_some(json)
}

/// The message without the place at its end, which is said elsewhere.
fn without_place(message: &str) -> String {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message)
        .to_owned()
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        // YAML 1.2, where `no` and `1_000` are texts.
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        leading_zero_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned {
            value,
            referenced,
            defined,
        } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            at: referenced.into(),
            bytes: bytes(defined),
            value,
        })
    }
}

fn bytes(location: Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start.checked_add(length)?)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(|number| Value::Number(number.to_string()))
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<Cow<'de, str>>>()? {
            map.push(Entry {
                key_at: key.referenced.into(),
                key: key.value.into_owned(),
                value: entries.next_value()?,
            });
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests;
