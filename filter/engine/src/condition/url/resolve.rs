//! Dot segments in the path of a URL.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode};

use super::{super::normalise::MAX_ENCODINGS, encoded};

const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// A path without dot segments, which also have spellings with an encoded dot. `None` where some
/// readers find other segments in it than the rest.
pub(super) fn resolved(path: &str) -> Option<String> {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_open = true;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        if !is_one_segment(segment)? {
            segments.push(segment);
            ends_open = false;
            continue;
        }
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        ends_open = true;
        match &*plain {
            "." => {}
            ".." => match segments.pop() {
                // Some drop an empty segment first, and some find two in one.
                Some(last) if last.is_empty() || !is_one_segment(last)? => return None,
                Some(_) | None => {}
            },
            _ => {
                segments.push(segment);
                ends_open = false;
            }
        }
    }
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        text.push_str(&encoded(segment, PATH));
    }
    if ends_open {
        text.push('/');
    }
    Some(text)
}

/// Whether a segment has no encoded separator in it. `None` where it hides a dot segment: behind
/// one, behind a second encoding, or before parameters.
fn is_one_segment(segment: &str) -> Option<bool> {
    let is_dots = |part: &[u8]| {
        let name = part.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..")
    };
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    if matches!(&*plain, "." | "..") {
        return Some(true);
    }
    let mut bytes = segment.as_bytes().to_vec();
    for _ in 0..MAX_ENCODINGS {
        let decoded: Vec<u8> = percent_decode(&bytes).collect();
        if decoded == bytes {
            let mut parts = bytes.split(|byte| matches!(byte, b'/' | b'\\'));
            let is_one = parts.clone().nth(1).is_none();
            return (!parts.any(is_dots)).then_some(is_one);
        }
        bytes = decoded;
    }
    None
}
