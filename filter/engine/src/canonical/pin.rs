//! What a definition is known by.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{Unpinnable, write_without};
use crate::{id::Hex, json::Value};

/// SHA-256 of a definition's canonical spelling. Equal definitions have one, however they are spelt.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pin([u8; 32]);

/// Hexadecimal digits of a pin.
const DIGITS: usize = 64;

impl Pin {
    /// Pins a whole definition.
    ///
    /// # Errors
    /// A number in it that a double does not hold.
    pub fn of(definition: Value<'_>) -> Result<Self, Unpinnable> {
        Self::without(&[], definition)
    }

    /// Pins a definition but for strings in it, which are left out, so that they may be any.
    pub(super) fn without<'d>(
        left_out: &[Value<'d>],
        definition: Value<'d>,
    ) -> Result<Self, Unpinnable> {
        let mut hasher = Sha256::new();
        write_without(left_out, definition, &mut |text| hasher.update(text))?;
        Ok(Self(hasher.finalize().into()))
    }

    /// Reads a pin as it is shown.
    ///
    /// # Errors
    /// Anything but 64 hexadecimal digits in lower case: a pin has one spelling.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let digit = |(at, found): (usize, char)| match found {
            '0'..='9' | 'a'..='f' => found.to_digit(16).ok_or(PinError::Digit { at, found }),
            _ => Err(PinError::Digit { at, found }),
        };
        let mut digits = text.char_indices().map(digit);
        let mut bytes = [0_u8; 32];
        let length = PinError::Length { found: text.len() };
        for byte in &mut bytes {
            for _ in 0..2 {
                let digit = digits.next().ok_or(length)??;
                *byte = (*byte << 4) | u8::try_from(digit).unwrap_or_default();
            }
        }
        match digits.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(length),
        }
    }

    /// Takes a pin off the wire; `None` unless it has 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

/// Why a text is no pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Not as long as a pin.
    #[error("found {found} bytes, expected {DIGITS} hexadecimal digits")]
    Length {
        /// How many bytes there are.
        found: usize,
    },
    /// A character that is not such a digit.
    #[error("found `{}` at byte {at}, expected one of `0` to `9` and `a` to `f`", found.escape_debug())]
    Digit {
        /// Where.
        at: usize,
        /// The character.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_shown_and_in_no_other_way() {
        let shown = "0123456789abcdef".repeat(4);
        let pin = Pin::parse(&shown).unwrap();
        assert_eq!(pin.to_string(), shown);
        assert_eq!(format!("{pin:?}"), shown);
        assert_eq!(Pin::from_slice(pin.as_bytes()), Some(pin));
        assert_eq!(Pin::from_slice(&pin.as_bytes()[1..]), None);
        for (text, expected) in [
            (
                String::new(),
                "found 0 bytes, expected 64 hexadecimal digits",
            ),
            (
                shown.replacen('0', "", 1),
                "found 63 bytes, expected 64 hexadecimal digits",
            ),
            (
                format!("{shown}0"),
                "found 65 bytes, expected 64 hexadecimal digits",
            ),
            (
                shown.to_uppercase(),
                "found `A` at byte 10, expected one of `0` to `9` and `a` to `f`",
            ),
            (
                format!("sha256:{shown}"),
                "found `s` at byte 0, expected one of `0` to `9` and `a` to `f`",
            ),
            (
                format!("0\n{shown}"),
                "found `\\n` at byte 1, expected one of `0` to `9` and `a` to `f`",
            ),
            (
                format!("\u{663}{shown}"),
                "found `\u{663}` at byte 0, expected one of `0` to `9` and `a` to `f`",
            ),
        ] {
            assert_eq!(
                Pin::parse(&text).unwrap_err().to_string(),
                expected,
                "{text}"
            );
        }
    }
}
