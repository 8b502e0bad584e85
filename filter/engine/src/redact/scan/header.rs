//! What the headers of HTTP carry: credentials and cookies.

use super::{
    bytes::{at, byte_set, is_word, part, run},
    hunt::Hunt,
    placeholder::{is_mixed, is_placeholder},
};
use crate::redact::Detector;

impl Hunt<'_> {
    /// The credentials after their scheme.
    pub(super) fn credentials(&mut self, start: usize, end: usize) -> Option<usize> {
        const SCHEMES: [&[u8]; 9] = [
            b"bearer",
            b"basic",
            b"token",
            b"digest",
            b"apikey",
            b"negotiate",
            b"ntlm",
            b"aws4-hmac-sha256",
            b"key",
        ];
        let bytes = self.bytes;
        let mut from = start;
        let word = run(
            part(bytes, 0..end),
            from,
            byte_set!(|byte| !byte.is_ascii_whitespace()),
        );
        let scheme = part(bytes, from..word);
        if SCHEMES
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            from = run(bytes, word, byte_set!(|byte| byte == b' '));
        }
        let until = run(
            part(bytes, 0..end),
            from,
            byte_set!(|byte| !byte.is_ascii_whitespace()
                && !matches!(byte, b'"' | b'\'' | b'\\' | b'<' | b'`')),
        );
        let value = part(bytes, from..until);
        let plain = value.len() >= 6
            && !is_placeholder(value)
            && (value.iter().any(u8::is_ascii_digit) || value.len() > 15);
        (plain && self.found(Detector::AuthHeader, from..until)).then_some(until)
    }

    /// The values of cookies, from the first name on.
    pub(super) fn cookies(&mut self, start: usize) -> Option<usize> {
        let bytes = self.bytes;
        let mut at_pair = start;
        let mut found = None;
        for _ in 0..32 {
            let name_end = run(
                bytes,
                at_pair,
                byte_set!(|byte| is_word(byte) || matches!(byte, b'-' | b'.' | b'%')),
            );
            let from = name_end.saturating_add(1);
            let (from, name) = if at(bytes, name_end) == b'=' {
                (from, part(bytes, at_pair..name_end))
            } else {
                (at_pair, &b""[..])
            };
            let until = run(
                bytes,
                from,
                byte_set!(|byte| !byte.is_ascii_whitespace()
                    && !matches!(byte, b';' | b'"' | b'\'' | b',' | b'\\' | b'<')),
            );
            let value = part(bytes, from..until);
            let attribute = [
                &b"path"[..],
                b"domain",
                b"expires",
                b"max-age",
                b"samesite",
                b"version",
                b"priority",
            ]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
            if !(attribute || name.is_empty() && at_pair > start)
                && value.len() >= 8
                && is_mixed(value)
                && !is_placeholder(value)
                && self.found(Detector::SessionCookie, from..until)
            {
                found = Some(until);
            }
            let next = run(bytes, until, byte_set!(|byte| matches!(byte, b';' | b' ')));
            if next == until || at(bytes, until) != b';' {
                break;
            }
            at_pair = next;
        }
        found
    }
}
