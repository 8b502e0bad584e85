//! One token after another.

use super::JsonError;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
    length: usize,
}

/// What is between the quotes of a string.
#[derive(Clone, Copy)]
pub(super) struct Inner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) escaped: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            length: bytes.len(),
        }
    }

    pub(super) fn at(&self) -> usize {
        self.length.saturating_sub(self.rest.len())
    }

    /// The next byte that is not white space; it stays to be read.
    #[inline]
    pub(super) fn token(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Reads one byte.
    pub(super) fn skip(&mut self) {
        if let [_, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Reads this byte, if it stands here.
    fn take(&mut self, byte: u8) -> bool {
        self.take_if(|next| next == byte)
    }

    fn take_if(&mut self, is_taken: impl FnOnce(u8) -> bool) -> bool {
        match self.rest {
            [byte, rest @ ..] if is_taken(*byte) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[cold]
    pub(super) fn unexpected(&self, expected: &'static str) -> JsonError {
        JsonError::Unexpected {
            at: self.at(),
            found: self.rest.first().copied(),
            expected,
        }
    }

    pub(super) fn literal(&mut self, word: &[u8]) -> Result<(), JsonError> {
        self.rest = self
            .rest
            .strip_prefix(word)
            .ok_or_else(|| self.unexpected("`true`, `false` or `null`"))?;
        Ok(())
    }

    pub(super) fn number(&mut self) -> Result<(), JsonError> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take_if(|byte| matches!(byte, b'e' | b'E')) {
            self.take_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let [b'0'..=b'9', rest @ ..] = self.rest else {
            return Err(self.unexpected("a digit"));
        };
        let mut rest = rest;
        while let [b'0'..=b'9', after @ ..] = rest {
            rest = after;
        }
        self.rest = rest;
        Ok(())
    }

    /// Reads a string, whose opening quote stands here, and gives what is between the quotes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Inner<'a>, JsonError> {
        self.skip();
        let start = self.rest;
        let mut rest = after_plain(start);
        let mut escaped = false;
        loop {
            match rest {
                [b'"', after @ ..] => {
                    self.rest = after;
                    let length = start.len().saturating_sub(rest.len());
                    return Ok(Inner {
                        bytes: start.get(..length).unwrap_or_default(),
                        escaped,
                    });
                }
                [b'\\', after @ ..] => {
                    escaped = true;
                    rest = after_plain(self.after_escape(after)?);
                }
                _ => return Err(self.from(rest).unexpected("a character, an escape or `\"`")),
            }
        }
    }

    /// The same text, read up to `rest`.
    fn from(self, rest: &'a [u8]) -> Self {
        Self { rest, ..self }
    }

    /// What follows an escape of which the backslash was read.
    #[inline]
    fn after_escape(self, rest: &'a [u8]) -> Result<&'a [u8], JsonError> {
        match rest {
            [
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                after @ ..,
            ] => Ok(after),
            [b'u', after @ ..] => self.from(after).after_code_point(),
            _ => Err(self.from(rest).unexpected("an escape")),
        }
    }

    /// What follows an escape of which `\u` was read, and a second where it is half of a pair.
    fn after_code_point(mut self) -> Result<&'a [u8], JsonError> {
        let lone = JsonError::LoneSurrogate {
            at: self.at().saturating_sub(2),
        };
        match self.unit()? {
            0xD800..=0xDBFF => {
                self.rest = self.rest.strip_prefix(b"\\u").ok_or(lone)?;
                match self.unit()? {
                    0xDC00..=0xDFFF => Ok(self.rest),
                    _ => Err(lone),
                }
            }
            0xDC00..=0xDFFF => Err(lone),
            _ => Ok(self.rest),
        }
    }

    /// Reads the four digits of a UTF-16 code unit.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let Some(digit) = self.rest.first().and_then(digit) else {
                return Err(self.unexpected("a hexadecimal digit"));
            };
            unit = (unit << 4) | digit;
            self.skip();
        }
        Ok(unit)
    }
}

/// From the next quote, backslash or control character on.
#[inline]
fn after_plain(mut rest: &[u8]) -> &[u8] {
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        for (index, word) in block.as_chunks().0.iter().enumerate() {
            if let Some(stop) = first_stop(*word) {
                return rest.get(index * 8 + stop..).unwrap_or_default();
            }
        }
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk() {
        match first_stop(*word) {
            Some(stop) => return rest.get(stop..).unwrap_or_default(),
            None => rest = after,
        }
    }
    while let [0x20..=0x21 | 0x23..=0x5B | 0x5D.., after @ ..] = rest {
        rest = after;
    }
    rest
}

/// Where among eight bytes the first quote, backslash or control character stands.
#[inline]
fn first_stop(bytes: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(bytes);
    // Each difference has its high bit set where it borrowed. Above a byte that did, a borrow can
    // mark others that should not be; the lowest mark is always right.
    let backslash = (word ^ (LOW_BITS * 0x5C)).wrapping_sub(LOW_BITS);
    // Flipping bit 1 moves the quote to 0x20, next to the control characters, which stay below.
    let quote_or_control = (word ^ (LOW_BITS * 0x02)).wrapping_sub(LOW_BITS * 0x21);
    let stops = (backslash | quote_or_control) & !word & HIGH_BITS;
    (stops != 0).then(|| stops.trailing_zeros() as usize / 8)
}
