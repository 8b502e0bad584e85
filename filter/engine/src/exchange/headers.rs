//! Headers as a proxy gives them: lower-case names, raw values.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::secret::Secret;

/// A borrowed list of headers.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'h>(&'h [(String, Vec<u8>)]);

/// A change to the headers of a message before it goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderEdit {
    /// Removes every header of this name.
    Remove(String),
    /// Has one header of this name with this value.
    Set(String, String),
    /// Has one header of this name with this secret value.
    Inject(Box<str>, Secret),
}

/// A header that occurs more often than once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Repeated;

impl<'h> Headers<'h> {
    /// Headers, names in lower case.
    pub fn new(pairs: &'h [(String, Vec<u8>)]) -> Self {
        Self(pairs)
    }

    /// The values of a header.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| &**value)
    }

    /// Every name, as often as it occurs.
    pub(super) fn names(self) -> impl Iterator<Item = &'h str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The value of a header that may occur once.
    pub(super) fn single(self, name: &str) -> Result<Option<&'h [u8]>, Repeated> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Repeated),
        }
    }

    /// The first value of a header, as text that is safe to keep.
    pub(super) fn text(self, name: &str) -> Option<Box<str>> {
        const MAX_BYTES: usize = 256;
        let value = self.all(name).next()?;
        let value = value.get(..MAX_BYTES).unwrap_or(value);
        Some(String::from_utf8_lossy(value).into())
    }
}

/// Whether a content type is JSON in UTF-8 and nothing else.
pub(crate) fn is_json(content_type: &[u8]) -> bool {
    is_in_utf8(content_type, "application/json")
}

/// Whether a content type is an event stream in UTF-8 and nothing else.
pub(super) fn is_event_stream(content_type: &[u8]) -> bool {
    is_in_utf8(content_type, "text/event-stream")
}

fn is_in_utf8(content_type: &[u8], expected: &str) -> bool {
    let Some((media_type, parameters)) = split_media_type(content_type) else {
        return false;
    };
    media_type.eq_ignore_ascii_case(expected)
        && parameters.is_none_or(|text| {
            let value = text.trim().to_ascii_lowercase();
            matches!(&*value, "charset=utf-8" | "charset=\"utf-8\"")
        })
}

fn split_media_type(content_type: &[u8]) -> Option<(&str, Option<&str>)> {
    let text = std::str::from_utf8(content_type).ok()?;
    Some(match text.split_once(';') {
        Some((media_type, parameters)) => (media_type.trim(), Some(parameters)),
        None => (text.trim(), None),
    })
}

/// Encodes a value for a header that mirrors it (MCP 2026-07-28, transports).
pub(super) fn encode_mirrored(value: &str) -> String {
    let is_plain = value
        .bytes()
        .all(|byte| (0x20..0x7F).contains(&byte) || byte == b'\t');
    let looks_encoded = value.starts_with("=?base64?") && value.ends_with("?=");
    if is_plain && !looks_encoded && value.trim_matches([' ', '\t']) == value {
        value.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(value))
    }
}

/// Decodes a mirrored value (MCP 2026-07-28, transports: `=?base64?…?=`); `None` where it is no
/// canonical encoding.
pub(super) fn decode_mirrored(value: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let encoded = text
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match encoded {
        None => Some(Cow::Borrowed(text)),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_plain_json() {
        for yes in [
            "application/json",
            "Application/JSON ; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(yes.as_bytes()), "{yes}");
        }
        for no in [
            "",
            "text/plain",
            "application/json, text/plain",
            "application/json;charset=utf-16",
            "application/json;;",
            "application/json; charset=utf-8; charset=utf-16",
            "application/jsonp",
        ] {
            assert!(!is_json(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn decodes_mirrored_values() {
        assert_eq!(decode_mirrored(b" get_note ").unwrap(), "get_note");
        assert_eq!(decode_mirrored("=?base64?w6k=?=".as_bytes()).unwrap(), "é");
        assert_eq!(decode_mirrored(b"=?base64?w6k?="), None);
        for literal in ["SGVsbG8=", "=?base64?SGVsbG8="] {
            assert_eq!(decode_mirrored(literal.as_bytes()).unwrap(), literal);
        }
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        for value in [
            "plain",
            " spaced ",
            "é",
            "a\tb",
            "\n",
            "=?base64?w6k=?=",
            "",
        ] {
            let encoded = encode_mirrored(value);
            assert_eq!(decode_mirrored(encoded.as_bytes()).unwrap(), value);
        }
        assert_eq!(encode_mirrored("plain"), "plain");
    }
}
