//! The one spelling of a JSON value (RFC 8785, JCS), and what definitions are pinned by.
//!
//! Two texts have one pin only where they are one value: the parser refuses duplicate keys and lone
//! surrogates, and a number that is not exactly what its canonical spelling says is refused here.

mod list_memory;
mod number;
mod pin;
mod pins;

use std::{borrow::Cow, fmt};

pub use list_memory::{ListId, ListMemory};
pub use pin::{Pin, PinError};
pub use pins::{DefinitionKind, DefinitionPlace, Pinned, Pins, PinsError, Sighting};

use crate::{
    json::{Kind, Value},
    order,
};

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

/// Writes a value in its canonical spelling, piece by piece.
///
/// # Errors
/// A number that a double does not hold; what was written before it is worth nothing then.
pub fn write(value: Value<'_>, out: &mut dyn FnMut(&str)) -> Result<(), Unpinnable> {
    Writer { out }.value(value).map_err(|inexact| Unpinnable {
        pointer: value.pointer_to(inexact.number),
        found: shown(inexact.number.raw()).into(),
        nearest: inexact.nearest,
    })
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
struct Writer<'w> {
    out: &'w mut dyn FnMut(&str),
}

impl Writer<'_> {
    fn value<'d>(&mut self, value: Value<'d>) -> Result<(), Inexact<'d>> {
        match value.kind() {
            Kind::Null | Kind::Bool => (self.out)(value.raw()),
            Kind::Number => match number::canonical(value.raw()) {
                Ok(spelling) => (self.out)(&spelling),
                Err(nearest) => {
                    return Err(Inexact {
                        number: value,
                        nearest,
                    });
                }
            },
            Kind::String => self.string(value),
            Kind::Array => self.array(value)?,
            Kind::Object => self.object(value)?,
        }
        Ok(())
    }

    fn array<'d>(&mut self, array: Value<'d>) -> Result<(), Inexact<'d>> {
        let mut before = "[";
        for item in array.items() {
            (self.out)(before);
            self.value(item)?;
            before = ",";
        }
        (self.out)(if before == "[" { "[]" } else { "]" });
        Ok(())
    }

    fn object<'d>(&mut self, object: Value<'d>) -> Result<(), Inexact<'d>> {
        let members: Vec<_> = object.members().collect();
        let keys: Vec<_> = members.iter().map(|(key, _)| sort_key(*key)).collect();
        let order = order::by_key(keys.iter().map(AsRef::as_ref));
        let mut before = "{";
        for (key, value) in order.into_iter().filter_map(|at| members.get(at)) {
            (self.out)(before);
            self.string(*key);
            (self.out)(":");
            self.value(*value)?;
            before = ",";
        }
        (self.out)(if before == "{" { "{}" } else { "}" });
        Ok(())
    }

    fn string(&mut self, string: Value<'_>) {
        // Without an escape there is nothing in it that needs one.
        if !string.is_escaped() {
            return (self.out)(string.raw());
        }
        let text = string.as_str().unwrap_or_default();
        (self.out)("\"");
        let mut rest = &*text;
        while let Some((plain, escaped, after)) = split_at_escape(rest) {
            (self.out)(plain);
            self.escape(escaped);
            rest = after;
        }
        (self.out)(rest);
        (self.out)("\"");
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
            _ => return (self.out)(&format!("\\u{byte:04x}")),
        };
        (self.out)(short);
    }
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

/// Bytes in the order of a key's UTF-16 code units.
///
/// That is the order of its UTF-8, but that characters of two units, which begin with a surrogate
/// (`D800` to `DFFF`), come before `E000` to `FFFF`, which UTF-8 begins with `EE` and `EF`.
fn sort_key(key: Value<'_>) -> Cow<'_, [u8]> {
    let comes_last = |byte: u8| matches!(byte, 0xEE | 0xEF);
    match key.as_str().unwrap_or_default() {
        key if key.bytes().any(comes_last) => {
            let moved = |byte: u8| if comes_last(byte) { byte | 0x10 } else { byte };
            Cow::Owned(key.bytes().map(moved).collect())
        }
        Cow::Borrowed(key) => Cow::Borrowed(key.as_bytes()),
        Cow::Owned(key) => Cow::Owned(key.into_bytes()),
    }
}

#[cfg(test)]
mod tests;
