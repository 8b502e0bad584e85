//! String contents: escapes out and in, and where decoded characters stand in the raw text.

use std::ops::Range;

/// Decodes the inside of a string that the parser has accepted.
pub(super) fn unescape(inner: &str) -> String {
    let mut decoded = String::with_capacity(inner.len());
    for (_, character) in Characters::new(inner) {
        decoded.push(character);
    }
    decoded
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

/// Maps ascending, non-overlapping byte ranges of a decoded string onto its raw inside.
pub fn raw_ranges(inner: &str, decoded: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut mapped = Vec::with_capacity(decoded.len());
    let mut wanted = decoded.iter();
    let mut current = wanted.next();
    let mut at = 0_usize;
    let mut start = None;
    for (raw, character) in Characters::new(inner) {
        let Some(range) = current else { break };
        if start.is_none() && at >= range.start {
            start = Some(raw.start);
        }
        at = at.saturating_add(character.len_utf8());
        if at >= range.end {
            mapped.push(start.take().unwrap_or(raw.start)..raw.end);
            current = wanted.next();
        }
    }
    mapped
}

/// Appends `text` as the inside of a JSON string.
pub fn escape_into(out: &mut String, text: &str) {
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
