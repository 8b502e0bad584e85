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
    let mut segments: Vec<(&str, Segment)> = Vec::new();
    let mut ends_open = true;
    for text in path.strip_prefix('/').unwrap_or(path).split('/') {
        let segment = Segment::of(text)?;
        ends_open = matches!(segment, Segment::Here | Segment::Above);
        match segment {
            Segment::Here => {}
            Segment::Above => {
                // Some drop an empty segment first, and some find two in one.
                if let Some(("", _) | (_, Segment::Several)) = segments.pop() {
                    return None;
                }
            }
            Segment::One | Segment::Several => segments.push((text, segment)),
        }
    }
    let mut resolved = String::new();
    for (text, _) in segments {
        resolved.push('/');
        resolved.push_str(&encoded(text, PATH));
    }
    if ends_open {
        resolved.push('/');
    }
    Some(resolved)
}

/// What readers find in what stands between two `/`.
enum Segment {
    /// `.`
    Here,
    /// `..`
    Above,
    One,
    /// Of these, with an encoded separator between them.
    Several,
}

impl Segment {
    /// `None` where it hides a dot segment: behind a separator, behind a second encoding, or before
    /// parameters.
    fn of(text: &str) -> Option<Self> {
        match &*text.to_ascii_lowercase().replace("%2e", ".") {
            "." => return Some(Self::Here),
            ".." => return Some(Self::Above),
            _ => {}
        }
        let is_dots = |part: &[u8]| {
            let name = part.split(|byte| *byte == b';').next().unwrap_or_default();
            matches!(name, b"." | b"..")
        };
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..MAX_ENCODINGS {
            let decoded: Vec<u8> = percent_decode(&bytes).collect();
            if decoded != bytes {
                bytes = decoded;
                continue;
            }
            let mut parts = bytes.split(|byte| matches!(byte, b'/' | b'\\'));
            let is_one = parts.clone().nth(1).is_none();
            let all = if is_one { Self::One } else { Self::Several };
            return (!parts.any(is_dots)).then_some(all);
        }
        None
    }
}
