//! How much there is to read, and what is moved out of sight.

use serde_json::Value;

use super::{
    Findings, Rule, Severity,
    definitions::Definition,
    strings::{Role, Text},
};

const MAX_TEXT_BYTES: usize = 4 << 10;
/// Words after this are not judged, and that is a warning of its own.
const MAX_READ_BYTES: usize = 32 << 10;
const MAX_DEFINITION_BYTES: usize = 16 << 10;
/// More empty lines, or spaces, than layout needs.
const MAX_LINES: usize = 12;
const MAX_SPACES: usize = 60;

/// The whole definition.
pub(super) fn inspect(definition: &Definition<'_>, found: &mut Findings) {
    let bytes = bytes_of(definition.value);
    if bytes > MAX_DEFINITION_BYTES {
        found.add(
            Rule::Oversized,
            Severity::Medium,
            ("", &definition.name),
            format!(
                "It has {bytes} bytes, more than {MAX_DEFINITION_BYTES}: nobody reads all of it."
            ),
        );
    }
}

/// One text of it.
pub(super) fn inspect_text(text: &Text<'_>, found: &mut Findings) {
    let bytes = text.content.len();
    if bytes > MAX_TEXT_BYTES {
        let severity = if bytes > MAX_READ_BYTES {
            Severity::High
        } else {
            Severity::Low
        };
        found.add(
            Rule::Oversized,
            severity,
            (&text.place, text.content),
            format!("It has {bytes} bytes, more than {MAX_TEXT_BYTES}: nobody reads all of it."),
        );
    }
    if text.role == Role::Name && bytes > 128 {
        let why = "A name as long as this is a text.";
        found.add(
            Rule::Oversized,
            Severity::Medium,
            (&text.place, text.content),
            why,
        );
    }
    if let Some(after) = after_padding(text.content) {
        let why = "Blank space before it moves it out of sight.";
        found.add(Rule::Padding, Severity::Medium, (&text.place, after), why);
    }
}

/// As much of a text as is judged by its words.
pub(super) fn read(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_READ_BYTES);
    text.get(..end).unwrap_or(text)
}

/// What stands after a run of blank space that layout does not need.
fn after_padding(text: &str) -> Option<&str> {
    let (mut lines, mut spaces) = (0_usize, 0_usize);
    for (at, c) in text.char_indices() {
        if c == '\n' {
            (lines, spaces) = (lines.saturating_add(1), 0);
        } else if c.is_whitespace() {
            spaces = spaces.saturating_add(1);
        } else if lines > MAX_LINES || spaces > MAX_SPACES {
            return text.get(at..);
        } else {
            (lines, spaces) = (0, 0);
        }
    }
    None
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len().saturating_add(2),
        Value::Array(items) => items.iter().fold(2, |sum, item| {
            sum.saturating_add(bytes_of(item)).saturating_add(1)
        }),
        Value::Object(object) => object.iter().fold(2, |sum, (key, value)| {
            sum.saturating_add(key.len())
                .saturating_add(bytes_of(value))
                .saturating_add(4)
        }),
    }
}
