//! What redaction itself wrote is not found again.

use std::ops::Range;

use super::bytes::{at, before, byte_set, part, run, run_back};
use crate::redact::Detector;

/// Hexadecimal digits of a keyed hash.
const HASH_DIGITS: usize = 16;

/// Whether a range lies within `[redacted:…]` or `[detector:hash]`.
pub(super) fn holds(bytes: &[u8], range: &Range<usize>) -> bool {
    let is_inside =
        byte_set!(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':'));
    let open = run_back(bytes, range.start, 96, is_inside);
    let start = if at(bytes, range.start) == b'[' {
        range.start
    } else if before(bytes, open, 1) == b'[' {
        open.saturating_sub(1)
    } else {
        return false;
    };
    let end = run(bytes, start.saturating_add(1), is_inside);
    if at(bytes, end) != b']' || end.saturating_add(1) < range.end {
        return false;
    }
    let inside = part(bytes, start.saturating_add(1)..end);
    let Some(colon) = memchr::memchr(b':', inside) else {
        return false;
    };
    let (name, rest) = inside.split_at_checked(colon).unwrap_or_default();
    let rest = rest.get(1..).unwrap_or_default();
    let is_id = |id: &[u8]| {
        id.len() <= 64
            && id
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
    };
    match name {
        b"redacted" => {
            is_id(rest) || std::str::from_utf8(rest).is_ok_and(|id| Detector::parse(id).is_some())
        }
        // Digits alone may be a card that somebody wrote so.
        _ => {
            is_id(name)
                && rest.len() == HASH_DIGITS
                && rest.iter().any(u8::is_ascii_lowercase)
                && rest
                    .iter()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
    }
}
