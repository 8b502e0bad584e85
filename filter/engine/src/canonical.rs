//! The one spelling of a JSON value (RFC 8785, JCS), and what definitions are pinned by.
//!
//! Two texts have one pin only where they are one value: the parser refuses duplicate keys and lone
//! surrogates, and a number that is not exactly what its canonical spelling says is refused here.

mod list_memory;
mod members;
mod number;
mod pin;
mod pins;
mod variables;

use std::fmt;

pub use list_memory::{ListId, ListMemory};
pub use pin::{Pin, PinError};
pub use pins::{DefinitionKind, DefinitionPlace, Pinned, Pins, PinsError, Sighting};
pub use variables::{MAX_VARIABLE_FIELDS, VariableField, Variables, VariablesError};

use self::members::Member;
use crate::json::{Kind, Value};

/// Most bytes that are put together before they are given out; more only where one string has more.
const PIECE_BYTES: usize = 4 << 10;

/// Members of objects inside one another for which there is room at first.
const SCRATCH_MEMBERS: usize = 32;

/// What is written in the place of a string that is left out: no canonical JSON has a control
/// character in it.
const LEFT_OUT: &str = "\0";

/// Most bytes of a number that an error shows.
const MAX_SHOWN_BYTES: usize = 64;

/// Why a value has no canonical spelling that stands for it alone.
///
/// RFC 8785 makes a double of every number. A number is taken if, and only if, the canonical spelling
/// of the double nearest to it is the same decimal number, digit by digit: `0.1`, `1.0`, `1e0`, `-0`
/// and `1e21` are; `9007199254740993`, `0.10000000000000001`, `1e400` and `1e-400` are not. Nor is a
/// number that a double does hold but that is longer than the shortest spelling of that double, such
/// as `9223372036854775808`, which is spelt `9223372036854776000`: whoever reads numbers exactly would
/// see two definitions with one pin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("number `{found}` at `{pointer}` is none that a double holds, expected {}", Nearest(nearest.as_deref()))]
pub struct Unpinnable {
    /// The JSON pointer (RFC 6901) to the number, from the value that was to be written.
    pub pointer: String,
    /// The number as it was given, its first 64 bytes at most.
    pub found: Box<str>,
    /// The canonical spelling of the double nearest to it. `None`: it is beyond all of them.
    pub nearest: Option<Box<str>>,
}

struct Nearest<'n>(Option<&'n str>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, "one such as `{nearest}`"),
            None => f.write_str("one of at most `1.7976931348623157e+308`"),
        }
    }
}

/// Writes a value in its canonical spelling, in pieces of some kilobytes.
///
/// # Errors
/// A number that a double does not hold; what was written before it is worth nothing then.
pub fn write(value: Value<'_>, out: &mut dyn FnMut(&str)) -> Result<(), Unpinnable> {
    write_without(&[], value, out)
}

/// Writes a value in its canonical spelling but for strings in it that are left out.
fn write_without<'d>(
    left_out: &[Value<'d>],
    value: Value<'d>,
    out: &mut dyn FnMut(&str),
) -> Result<(), Unpinnable> {
    let mut writer = Writer {
        out,
        left_out,
        piece: String::with_capacity(PIECE_BYTES),
        members: Vec::with_capacity(SCRATCH_MEMBERS),
    };
    writer.value(value).map_err(|inexact| Unpinnable {
        pointer: value.pointer_to(inexact.number),
        found: shown(inexact.number.raw()).into(),
        nearest: inexact.nearest,
    })?;
    writer.flush();
    Ok(())
}

/// A number's lexeme is ASCII, so it can be cut anywhere.
fn shown(lexeme: &str) -> &str {
    lexeme.get(..MAX_SHOWN_BYTES).unwrap_or(lexeme)
}

/// A number that a double does not hold.
struct Inexact<'d> {
    number: Value<'d>,
    nearest: Option<Box<str>>,
}

/// Calls itself no deeper than the parser lets values nest.
struct Writer<'d, 'w> {
    out: &'w mut dyn FnMut(&str),
    /// Strings that are not written.
    left_out: &'w [Value<'d>],
    /// What was not given out yet: a hash of many small pieces takes far longer than one of a large.
    piece: String,
    /// The members of the objects that are being written, the innermost's last.
    members: Vec<Member<'d>>,
}

impl<'d> Writer<'d, '_> {
    fn push(&mut self, text: &str) {
        if self.piece.len().saturating_add(text.len()) > PIECE_BYTES {
            self.flush();
        }
        self.piece.push_str(text);
    }

    fn flush(&mut self) {
        (self.out)(&self.piece);
        self.piece.clear();
    }

    fn value(&mut self, value: Value<'d>) -> Result<(), Inexact<'d>> {
        match value.kind() {
            Kind::Null | Kind::Bool => self.push(value.raw()),
            Kind::Number => match number::canonical(value.raw()) {
                Ok(spelling) => self.push(&spelling),
                Err(nearest) => {
                    return Err(Inexact {
                        number: value,
                        nearest,
                    });
                }
            },
            Kind::String if self.leaves_out(value) => self.push(LEFT_OUT),
            Kind::String => self.string(value),
            Kind::Array => self.array(value)?,
            Kind::Object => self.object(value)?,
        }
        Ok(())
    }

    fn leaves_out(&self, value: Value<'d>) -> bool {
        let mut left_out = self.left_out.iter();
        left_out.any(|other| other.span() == value.span())
    }

    fn array(&mut self, array: Value<'d>) -> Result<(), Inexact<'d>> {
        let mut before = "[";
        for item in array.items() {
            self.push(before);
            self.value(item)?;
            before = ",";
        }
        self.push(if before == "[" { "[]" } else { "]" });
        Ok(())
    }

    fn object(&mut self, object: Value<'d>) -> Result<(), Inexact<'d>> {
        let from = self.members.len();
        self.members.extend(object.members().map(Member::new));
        members::arrange(self.members.get_mut(from..).unwrap_or_default());
        let mut before = "{";
        let mut at = from;
        while let Some(Member { key, value, .. }) = self.members.get(at).copied() {
            self.push(before);
            self.string(key);
            self.push(":");
            self.value(value)?;
            before = ",";
            at = at.saturating_add(1);
        }
        self.members.truncate(from);
        self.push(if before == "{" { "{}" } else { "}" });
        Ok(())
    }

    fn string(&mut self, string: Value<'_>) {
        // Without an escape there is nothing in it that needs one.
        if !string.is_escaped() || is_spelt_shortest(string.inner()) {
            return self.push(string.raw());
        }
        let text = string.as_str().unwrap_or_default();
        self.push("\"");
        let mut rest = &*text;
        while let Some((plain, escaped, after)) = split_at_escape(rest) {
            self.push(plain);
            self.escape(escaped);
            rest = after;
        }
        self.push(rest);
        self.push("\"");
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            b'\t' => "\\t",
            b'\n' => "\\n",
            0x0C => "\\f",
            b'\r' => "\\r",
            _ => return self.push(&format!("\\u{byte:04x}")),
        };
        self.push(short);
    }
}

/// Whether each escape in a string's text is a short one, which has no other canonical spelling.
fn is_spelt_shortest(inner: &str) -> bool {
    let mut rest = inner.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        match rest.get(at..) {
            Some(
                [
                    _,
                    b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't',
                    after @ ..,
                ],
            ) => rest = after,
            _ => return false,
        }
    }
    true
}

/// The first byte of a text that cannot stand in a string as it is, between what is before it and
/// what is after it.
fn split_at_escape(text: &str) -> Option<(&str, u8, &str)> {
    let must_escape = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let at = text.as_bytes().iter().position(must_escape)?;
    let (plain, rest) = text.split_at_checked(at)?;
    let (escaped, after) = rest.split_at_checked(1)?;
    Some((plain, *escaped.as_bytes().first()?, after))
}

#[cfg(test)]
mod tests;
