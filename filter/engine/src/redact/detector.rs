//! Detectors: a shape each, and what must hold beyond the shape.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

use super::Detectors;

/// What can be looked for. Ids are stable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detector {
    /// An e-mail address (RFC 5321, the part that is in use).
    Email,
    /// A payment card number: issuer range, length and Luhn sum (ISO/IEC 7812).
    PaymentCard,
    /// The id of an AWS access key.
    AwsAccessKey,
    /// A GitHub token of any kind.
    GithubToken,
}

/// A find in a decoded string.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) range: Range<usize>,
    pub(super) detector: Detector,
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Email,
        Self::PaymentCard,
        Self::AwsAccessKey,
        Self::GithubToken,
    ];

    /// The stable id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PaymentCard => "payment_card",
            Self::AwsAccessKey => "aws_access_key",
            Self::GithubToken => "github_token",
        }
    }

    /// The detector with this id.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|detector| detector.as_str() == id)
    }

    /// What stands in place of a find: the inside of a JSON string.
    pub fn mask(self) -> &'static str {
        match self {
            Self::Email => "[redacted:email]",
            Self::PaymentCard => "[redacted:payment_card]",
            Self::AwsAccessKey => "[redacted:aws_access_key]",
            Self::GithubToken => "[redacted:github_token]",
        }
    }

    pub(super) fn bit(self) -> u8 {
        match self {
            Self::Email => 1,
            Self::PaymentCard => 2,
            Self::AwsAccessKey => 4,
            Self::GithubToken => 8,
        }
    }
}

/// Finds everything the detectors look for, ascending and without overlaps.
pub(super) fn scan(text: &str, detectors: Detectors, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    if detectors.contains(Detector::Email) && memchr(b'@', bytes).is_some() {
        emails(bytes, spans);
    }
    if detectors.contains(Detector::PaymentCard) && bytes.len() >= MIN_CARD_DIGITS {
        cards(bytes, spans);
    }
    if detectors.contains(Detector::AwsAccessKey) {
        aws_access_keys(bytes, spans);
    }
    if detectors.contains(Detector::GithubToken) {
        github_tokens(bytes, spans);
    }
    if spans.len() > 1 {
        spans.sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
        // Of two that overlap, the later is cut to what the earlier leaves of it.
        let mut end = 0;
        spans.retain_mut(|span| {
            span.range.start = span.range.start.max(end);
            end = end.max(span.range.end);
            !span.range.is_empty()
        });
    }
}

fn at(bytes: &[u8], index: usize) -> Option<u8> {
    bytes.get(index).copied()
}

/// How many bytes from `from` on satisfy a predicate.
fn run(bytes: &[u8], from: usize, holds: impl Fn(u8) -> bool) -> usize {
    bytes
        .get(from..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| holds(**byte))
        .count()
}

const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 253;
const FILE_EXTENSIONS: [&[u8]; 7] = [b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"json"];

fn emails(bytes: &[u8], spans: &mut Vec<Span>) {
    let is_local =
        |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let mut floor = 0;
    for sign in memchr_iter(b'@', bytes) {
        let before = bytes.get(floor..sign).unwrap_or_default();
        let local = before
            .iter()
            .rev()
            .take(MAX_LOCAL_BYTES)
            .take_while(|byte| is_local(**byte));
        let mut start = sign.saturating_sub(local.count());
        while start < sign && at(bytes, start).is_some_and(|byte| b".'`{|}/=".contains(&byte)) {
            start = start.saturating_add(1);
        }
        let domain = domain_length(bytes, sign.saturating_add(1));
        if start < sign && domain > 0 {
            let end = sign.saturating_add(1).saturating_add(domain);
            spans.push(Span {
                range: start..end,
                detector: Detector::Email,
            });
            floor = end;
        }
    }
}

/// The length of a domain name with a top level of letters; 0 where there is none.
fn domain_length(bytes: &[u8], from: usize) -> usize {
    let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let length = run(bytes, from, is_domain).min(MAX_DOMAIN_BYTES);
    let mut domain = bytes
        .get(from..from.saturating_add(length))
        .unwrap_or_default();
    while let [rest @ .., b'.' | b'-'] = domain {
        domain = rest;
    }
    let Some(dot) = memchr::memrchr(b'.', domain) else {
        return 0;
    };
    let (name, top) = domain.split_at_checked(dot).unwrap_or_default();
    let top = top.get(1..).unwrap_or_default();
    let punycode = top.starts_with(b"xn--");
    let letters = top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    // `icon@2x.png` is a file, not an address.
    if FILE_EXTENSIONS.contains(&top) {
        return 0;
    }
    let labels = name
        .split(|byte| *byte == b'.')
        .all(|label| !label.is_empty());
    if (letters || punycode) && labels {
        domain.len()
    } else {
        0
    }
}

const MIN_CARD_DIGITS: usize = 13;
const MAX_CARD_DIGITS: usize = 19;

/// Runs of digits with single separators; a run may hold a card only if it has 13 to 19 digits
/// all told, so that longer ids are left alone.
fn cards(bytes: &[u8], spans: &mut Vec<Span>) {
    let mut index = 0;
    while let Some(byte) = at(bytes, index) {
        if !byte.is_ascii_digit() {
            index = index.saturating_add(1);
            continue;
        }
        let start = index;
        let mut digits: Vec<u8> = Vec::with_capacity(MAX_CARD_DIGITS);
        let mut end = index;
        let mut count: usize = 0;
        while let Some(byte) = at(bytes, index) {
            if byte.is_ascii_digit() {
                count = count.saturating_add(1);
                if count <= MAX_CARD_DIGITS {
                    digits.push(byte.wrapping_sub(b'0'));
                }
                index = index.saturating_add(1);
                end = index;
            } else if separator(bytes, index) > 0 {
                index = index.saturating_add(separator(bytes, index));
            } else {
                break;
            }
        }
        let before = start.checked_sub(1).and_then(|before| at(bytes, before));
        let joined =
            |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let bounded = !joined(before) && !joined(at(bytes, end));
        if bounded && (MIN_CARD_DIGITS..=MAX_CARD_DIGITS).contains(&count) && is_card(&digits) {
            spans.push(Span {
                range: start..end,
                detector: Detector::PaymentCard,
            });
        }
    }
}

/// The length of a single space, no-break space or dash between two digits; 0 for anything else.
fn separator(bytes: &[u8], index: usize) -> usize {
    let rest = bytes.get(index..).unwrap_or_default();
    let length = match rest {
        [b' ' | b'-', ..] => 1,
        [0xC2, 0xA0, ..] => 2,
        _ => return 0,
    };
    if rest.get(length).is_some_and(u8::is_ascii_digit) {
        length
    } else {
        0
    }
}

fn is_card(digits: &[u8]) -> bool {
    let prefix = |count: usize| {
        digits.iter().take(count).fold(0_u32, |number, digit| {
            number.saturating_mul(10).saturating_add(u32::from(*digit))
        })
    };
    let length = digits.len();
    let issued = match prefix(1) {
        4 => matches!(length, 13 | 16 | 19),
        2 => length == 16 && (2221..=2720).contains(&prefix(4)),
        3 => {
            let amex = matches!(prefix(2), 34 | 37) && length == 15;
            let diners = (matches!(prefix(2), 36 | 38 | 39) || (300..=305).contains(&prefix(3)))
                && (14..=19).contains(&length);
            let jcb = (3528..=3589).contains(&prefix(4)) && (16..=19).contains(&length);
            amex || diners || jcb
        }
        5 => (length == 16 && (51..=55).contains(&prefix(2))) || is_maestro(prefix(2), length),
        6 => (16..=19).contains(&length) || is_maestro(prefix(2), length),
        _ => false,
    };
    issued && luhn(digits)
}

fn is_maestro(prefix: u32, length: usize) -> bool {
    matches!(prefix, 50 | 56..=58 | 60..=69) && (13..=19).contains(&length)
}

fn luhn(digits: &[u8]) -> bool {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0_u32, |sum, (position, digit)| {
            let digit = u32::from(*digit);
            let doubled = if position % 2 == 1 {
                digit.wrapping_mul(2)
            } else {
                digit
            };
            sum.wrapping_add(if doubled > 9 {
                doubled.wrapping_sub(9)
            } else {
                doubled
            })
        });
    sum % 10 == 0 && digits.iter().any(|digit| *digit != 0)
}

fn aws_access_keys(bytes: &[u8], spans: &mut Vec<Span>) {
    const PREFIXES: [&[u8]; 2] = [b"AKIA", b"ASIA"];
    let is_key = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
    for prefix in PREFIXES {
        for start in memmem::find_iter(bytes, prefix) {
            if word_before(bytes, start) || run(bytes, start, is_key) != 20 {
                continue;
            }
            let end = start.saturating_add(20);
            if !at(bytes, end).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
                spans.push(Span {
                    range: start..end,
                    detector: Detector::AwsAccessKey,
                });
            }
        }
    }
}

fn github_tokens(bytes: &[u8], spans: &mut Vec<Span>) {
    // Prefix and the fewest characters after it.
    const SHAPES: [(&[u8], usize); 6] = [
        (b"ghp_", 36),
        (b"gho_", 36),
        (b"ghu_", 36),
        (b"ghs_", 36),
        (b"ghr_", 36),
        (b"github_pat_", 60),
    ];
    if memchr(b'_', bytes).is_none() {
        return;
    }
    for (prefix, fewest) in SHAPES {
        for start in memmem::find_iter(bytes, prefix) {
            let after = start.saturating_add(prefix.len());
            let length = run(bytes, after, |byte| {
                byte.is_ascii_alphanumeric() || byte == b'_'
            });
            if length >= fewest && !word_before(bytes, start) {
                let range = start..after.saturating_add(length);
                spans.push(Span {
                    range,
                    detector: Detector::GithubToken,
                });
            }
        }
    }
}

fn word_before(bytes: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|before| at(bytes, before));
    before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
