//! String contents: escapes out and in, and where decoded characters stand in the raw text.

use std::ops::Range;

/// Decodes the inside of a string that the parser has accepted.
pub(super) fn unescape(inner: &str) -> String {
    let mut decoded = String::with_capacity(inner.len());
    let mut characters = Characters::new(inner);
    loop {
        let rest = inner.get(characters.at..).unwrap_or_default();
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        decoded.push_str(rest.get(..plain).unwrap_or_default());
        characters.at = characters.at.saturating_add(plain);
        match characters.next() {
            Some((_, character)) => decoded.push(character),
            None => return decoded,
        }
    }
}

/// The characters of a string's inside with the raw range each stands in.
struct Characters<'a> {
    inner: &'a str,
    at: usize,
}

impl<'a> Characters<'a> {
    fn new(inner: &'a str) -> Self {
        Self { inner, at: 0 }
    }

    fn unit(&self, at: usize) -> u32 {
        let digits = self.inner.get(at..at.saturating_add(4)).unwrap_or_default();
        u32::from_str_radix(digits, 16).unwrap_or(0)
    }
}

impl Iterator for Characters<'_> {
    type Item = (Range<usize>, char);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.inner.get(start..)?;
        let first = rest.chars().next()?;
        if first != '\\' {
            self.at = start.saturating_add(first.len_utf8());
            return Some((start..self.at, first));
        }
        let (length, character) = match rest.as_bytes().get(1)? {
            b'u' => {
                let high = self.unit(start.saturating_add(2));
                if (0xD800..0xDC00).contains(&high) {
                    let low = self.unit(start.saturating_add(8));
                    (12, surrogate_pair(high, low))
                } else {
                    (6, char::from_u32(high).unwrap_or('\u{FFFD}'))
                }
            }
            b'b' => (2, '\u{8}'),
            b'f' => (2, '\u{C}'),
            b'n' => (2, '\n'),
            b'r' => (2, '\r'),
            b't' => (2, '\t'),
            other => (2, char::from(*other)),
        };
        self.at = start.saturating_add(length);
        Some((start..self.at, character))
    }
}

fn surrogate_pair(high: u32, low: u32) -> char {
    let code = 0x1_0000 + (((high & 0x3FF) << 10) | (low & 0x3FF));
    char::from_u32(code).unwrap_or('\u{FFFD}')
}

/// Moves ascending, non-overlapping byte ranges of a decoded string to where they stand in its raw
/// inside.
pub(super) fn place_raw<T>(
    inner: &str,
    things: &mut [T],
    range: impl Fn(&mut T) -> &mut Range<usize>,
) {
    let mut places = Places {
        characters: Characters::new(inner),
        decoded: 0,
        plain: 0..0,
    };
    for range in things.iter_mut().map(range) {
        let start = places.of(range.start);
        *range = start..places.of(range.end).max(start);
    }
}

/// Where ever later places of a decoded string stand in its raw inside.
struct Places<'a> {
    /// What comes after the plain text.
    characters: Characters<'a>,
    /// Where the plain text begins in the decoded string.
    decoded: usize,
    /// Text without escapes: raw, as it is decoded.
    plain: Range<usize>,
}

impl Places<'_> {
    fn of(&mut self, place: usize) -> usize {
        loop {
            let into = place.saturating_sub(self.decoded);
            if into <= self.plain.len() {
                return self.plain.start.saturating_add(into);
            }
            // An escape, and the plain text after it.
            self.decoded = self.decoded.saturating_add(self.plain.len());
            self.characters.at = self.plain.end;
            let rest = self.rest();
            if rest.first() == Some(&b'\\') {
                let character = self.characters.next().map(|(_, character)| character);
                let length = character.map_or(0, char::len_utf8);
                self.decoded = self.decoded.saturating_add(length);
            }
            let start = self.characters.at;
            let rest = self.rest();
            let length = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            self.plain = start..start.saturating_add(length);
            if length == 0 && self.rest().is_empty() {
                return start;
            }
        }
    }

    fn rest(&self) -> &[u8] {
        let rest = self.characters.inner.as_bytes().get(self.characters.at..);
        rest.unwrap_or_default()
    }
}

/// Whether a text is the inside of a JSON string as it is.
fn is_plain(text: &str) -> bool {
    let must_escape = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    !text.as_bytes().iter().any(must_escape)
}

/// `text` as the inside of a JSON string.
pub fn escaped(text: String) -> String {
    if is_plain(&text) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    escape_into(&mut escaped, &text);
    escaped
}

/// Appends `text` as the inside of a JSON string.
pub fn escape_into(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                out.push_str("\\u00");
                for shift in [4, 0] {
                    let digit = (u32::from(control) >> shift) & 0xF;
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
            other => out.push(other),
        }
    }
}
