//! What a text says to who reads through an encoding: decoded, with where each byte came from.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// A decoded text.
#[derive(Debug)]
pub(super) struct View {
    pub(super) text: String,
    /// Of each byte, where what it was decoded from begins and ends.
    sources: Vec<(u32, u32)>,
}

impl View {
    /// A text without escapes, entities and characters that look like others; `None` where it is
    /// the same.
    pub(super) fn undisguised(raw: &str) -> Option<Self> {
        let mut view = Self {
            text: String::with_capacity(raw.len()),
            sources: Vec::with_capacity(raw.len()),
        };
        let mut changed = false;
        let mut at = 0;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = plain_length(rest.as_bytes());
            if plain > 0 {
                view.text.push_str(rest.get(..plain).unwrap_or_default());
                let end = offset(at.saturating_add(plain));
                let from = offset(at)..end;
                view.sources
                    .extend(from.map(|index| (index, index.saturating_add(1))));
                at = at.saturating_add(plain);
                continue;
            }
            let first = rest.chars().next().unwrap_or(' ');
            let (length, reads) =
                reading(rest, first).unwrap_or_else(|| (first.len_utf8(), Some(first)));
            // `%25` reads as what it begins with.
            changed |= reads != Some(first) || length != first.len_utf8();
            let end = at.saturating_add(length);
            let source = (offset(at), offset(end));
            view.text.extend(reads);
            view.sources.resize(view.text.len(), source);
            at = end;
        }
        changed.then_some(view)
    }

    /// Where a range of the decoded text came from.
    pub(super) fn raw(&self, range: &Range<usize>) -> Range<usize> {
        let of = |index: usize| self.sources.get(index).copied().unwrap_or_default();
        let start = of(range.start).0 as usize;
        let end = of(range.end.saturating_sub(1)).1 as usize;
        start..end.max(start)
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// How many bytes at the begin of a text read as themselves.
fn plain_length(bytes: &[u8]) -> usize {
    let is_plain = |byte: &u8| byte.is_ascii() && !matches!(byte, b'%' | b'&' | b'\\');
    let other = bytes.iter().position(|byte| !is_plain(byte));
    other.unwrap_or(bytes.len())
}

/// How many bytes at the begin of a text read as another character, or as nothing, and as which.
fn reading(rest: &str, first: char) -> Option<(usize, Option<char>)> {
    let read = match first {
        '%' => percent(rest),
        '&' => entity(rest),
        '\\' => escape(rest),
        _ if is_nothing(first) => return Some((first.len_utf8(), None)),
        _ => look_alike(first).map(|reads| (first.len_utf8(), reads)),
    };
    read.map(|(length, character)| (length, Some(character)))
}

/// Whether a character is not seen: soft hyphens, joiners, marks of direction.
fn is_nothing(character: char) -> bool {
    matches!(
        u32::from(character),
        0xAD | 0x34F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2064 | 0xFEFF
    )
}

/// What a character looks like, if not like itself.
fn look_alike(character: char) -> Option<char> {
    let code = u32::from(character);
    let digit = |zero: u32| char::from_digit(code.wrapping_sub(zero), 10);
    match code {
        0xA0 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => Some(' '),
        0x2010..=0x2015 | 0x2212 => Some('-'),
        0xFF01..=0xFF5E => char::from_u32(code.wrapping_sub(0xFEE0)),
        0x660..=0x669 => digit(0x660),
        0x6F0..=0x6F9 => digit(0x6F0),
        0x966..=0x96F => digit(0x966),
        _ => None,
    }
}

fn hexadecimal(digits: Option<&str>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// `%40` (RFC 3986 section 2.1), and whole characters of UTF-8.
fn percent(rest: &str) -> Option<(usize, char)> {
    let byte = |index: usize| -> Option<u8> {
        let from = index.saturating_mul(3);
        let bytes = rest.as_bytes().get(from..from.saturating_add(3))?;
        (bytes.first() == Some(&b'%')).then_some(())?;
        u8::try_from(hexadecimal(
            rest.get(from.saturating_add(1)..from.saturating_add(3)),
        )?)
        .ok()
    };
    let first = byte(0)?;
    let length = match first {
        0x20..=0x7E => return Some((3, char::from(first))),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => return None,
    };
    let bytes: Option<Vec<u8>> = (0..length).map(byte).collect();
    let character = std::str::from_utf8(&bytes?).ok()?.chars().next()?;
    Some((length.saturating_mul(3), character))
}

/// `&#64;`, `&#x40;` and the names of what parts and joins addresses.
fn entity(rest: &str) -> Option<(usize, char)> {
    let head = rest.as_bytes().get(..12.min(rest.len()))?;
    let end = memchr::memchr(b';', head)?;
    let name = rest.get(1..end)?;
    let character = match name {
        "commat" => '@',
        "period" => '.',
        "nbsp" => ' ',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        "hyphen" | "dash" | "shy" => '-',
        "colon" => ':',
        "equals" => '=',
        "plus" => '+',
        "num" => '#',
        "sol" => '/',
        "lowbar" => '_',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => hexadecimal(Some(digits))?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|character| *character >= ' ')?
        }
    };
    Some((end.saturating_add(1), character))
}

/// `\u0040`, `\x40`, `\n`: escapes of a string within the string.
fn escape(rest: &str) -> Option<(usize, char)> {
    Some(match rest.as_bytes().get(1)? {
        b'u' => {
            let code = hexadecimal(rest.get(2..6))?;
            (
                6,
                char::from_u32(code).filter(|character| *character >= ' ')?,
            )
        }
        b'x' => (
            4,
            char::from_u32(hexadecimal(rest.get(2..4))?).filter(char::is_ascii)?,
        ),
        b'n' => (2, '\n'),
        b'r' => (2, '\r'),
        b't' => (2, '\t'),
        b'"' => (2, '"'),
        b'\'' => (2, '\''),
        b'/' => (2, '/'),
        b'\\' => (2, '\\'),
        _ => return None,
    })
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The text that a run of letters and digits encodes, in base64 or hexadecimal; `None` where it
/// encodes none.
pub(super) fn decoded(run: &str) -> Option<String> {
    let bytes = run.as_bytes();
    let digits = bytes.strip_prefix(b"0x").unwrap_or(bytes);
    if bytes.len() >= 16 && bytes.len().is_multiple_of(2) {
        let (pairs, _) = digits.as_chunks::<2>();
        let byte = |pair: &[u8; 2]| {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            let byte = u8::try_from(high? << 4 | low?).ok();
            byte.filter(|byte| is_text(*byte))
        };
        let decoded: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        if let Some(decoded) = decoded {
            return String::from_utf8(decoded).ok();
        }
    }
    let is_safe = bytes.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if is_safe { URL_SAFE } else { STANDARD };
    // What begins like no text is none, which spares decoding what is drawn at random.
    let mut head = [0; 6];
    let length = engine.decode_slice(bytes.get(..8.min(bytes.len()))?, &mut head);
    if !head.get(..length.ok()?)?.iter().all(|byte| is_text(*byte)) {
        return None;
    }
    let decoded = engine.decode(bytes).ok()?;
    let is_text = decoded.iter().all(|byte| is_text(*byte));
    is_text.then(|| String::from_utf8(decoded).ok()).flatten()
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0x80..)
}
