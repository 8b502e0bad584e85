//! Values that their field makes what they are.

use super::{
    bytes::part,
    date,
    hunt::Hunt,
    placeholder::{is_mixed, is_placeholder},
    words::{Topics, of_key},
};
use crate::redact::Detector;

const MAX_NAME_BYTES: usize = 96;

impl Hunt<'_> {
    /// Notes the value at `start..end`, if it is what its field says. Gives where it ends.
    pub(super) fn field(&mut self, topics: Topics, start: usize, end: usize) -> Option<usize> {
        type T = Topics;
        let bytes = self.bytes;
        let (start, end) = trimmed(bytes, start, end);
        let value = part(bytes, start..end);
        if value.is_empty() {
            return None;
        }
        if topics.has(T::AUTH) {
            return self.credentials(start, end);
        }
        if topics.has(T::COOKIE) && value.contains(&b'=') {
            return self.cookies(start);
        }
        let detector = if topics.has(T::DOB) && date::is_whole(value) {
            Detector::DateOfBirth
        } else if topics.has(T::PASSPORT) && is_document(value, 5, 14) {
            Detector::Passport
        } else if topics.has(T::LICENCE) && is_document(value, 4, 24) {
            Detector::DriverLicense
        } else if topics.has(T::PASSWORD.or(T::TOKEN)) && is_secret(topics, value) {
            match () {
                () if topics.has(T::AWS) && topics.has(T::SECRET) => Detector::AwsSecretKey,
                () if topics.has(T::AZURE.or(T::ACCOUNT)) => Detector::AzureKey,
                () => Detector::GenericSecret,
            }
        } else if topics.has(T::COOKIE)
            && value.len() >= 12
            && is_mixed(value)
            && !value.contains(&b' ')
        {
            Detector::SessionCookie
        } else if topics.has(T::PERSON) && is_name(value) && !is_label(topics, value)
            || topics.has(T::PERHAPS_PERSON) && is_full_name(value)
        {
            Detector::Person
        } else {
            return None;
        };
        if detector == Detector::GenericSecret
            && let Some(end) = self.told_by_prefix(start, end)
        {
            return Some(end);
        }
        self.found(detector, start..end).then_some(end)
    }
}

fn trimmed(bytes: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end
        && part(bytes, start..end)
            .first()
            .is_some_and(u8::is_ascii_whitespace)
    {
        start = start.saturating_add(1);
    }
    while start < end
        && part(bytes, start..end)
            .last()
            .is_some_and(u8::is_ascii_whitespace)
    {
        end = end.saturating_sub(1);
    }
    (start, end)
}

/// Letters and digits, a digit at least, in as many groups as a document's number has.
fn is_document(value: &[u8], least: usize, most: usize) -> bool {
    let signs = value
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .count();
    let capitals = (8..=9).contains(&value.len()) && value.iter().all(u8::is_ascii_uppercase);
    (least..=most).contains(&signs)
        && (capitals || value.iter().any(u8::is_ascii_digit))
        && value.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'<')
        })
}

/// Whether the value of a secret's field is one.
fn is_secret(topics: Topics, value: &[u8]) -> bool {
    let spaced = value.iter().any(u8::is_ascii_whitespace);
    if value.len() < 6 || value.len() > 4096 || is_placeholder(value) {
        return false;
    }
    if is_label(topics, value) {
        return false;
    }
    if spaced {
        // A passphrase; a sentence about a password is none.
        let words = value.split(u8::is_ascii_whitespace).count();
        return topics.has(Topics::PASSWORD)
            && words <= 6
            && !value.ends_with(b".")
            && value.iter().any(u8::is_ascii_digit);
    }
    if topics.has(Topics::PASSWORD) {
        return true;
    }
    // Tokens are counted too.
    if value.len() < 12 && value.iter().all(u8::is_ascii_digit) {
        return false;
    }
    // An address or a path leads to a secret, and is none.
    let is_path = value.starts_with(b"/")
        && !(value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_digit));
    let leads = value.starts_with(b"http") || is_path;
    value.len() >= 8 && (is_mixed(value) || value.len() >= 20) && !leads
}

/// Whether a value only says again what its field is, as translations do: `"password": "Passwort"`.
fn is_label(topics: Topics, value: &[u8]) -> bool {
    const WHOLE: Topics = Topics::PASSWORD.or(Topics::TOKEN).or(Topics::PERSON);
    let said = of_key(value, Topics::default());
    said.has(WHOLE) && topics.has(WHOLE) && value.iter().all(|byte| is_name_byte(*byte))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
        || byte >= 0x80
        || matches!(byte, b' ' | b'-' | b'.' | b'\'' | b',' | b'(' | b')')
}

/// Whether the value of a field for names is one.
fn is_name(value: &[u8]) -> bool {
    const NOT: [&[u8]; 12] = [
        b"null",
        b"none",
        b"unknown",
        b"n/a",
        b"anonymous",
        b"string",
        b"true",
        b"false",
        b"undefined",
        b"name",
        b"test",
        b"redacted",
    ];
    let letters = value
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80)
        .count();
    letters >= 1
        && value.len() <= MAX_NAME_BYTES
        && value.iter().all(|byte| is_name_byte(*byte))
        && value.split(|byte| *byte == b' ').count() <= 7
        && !NOT.iter().any(|not| value.eq_ignore_ascii_case(not))
}

/// What names of firms and groups of people end in.
const FIRMS: [&[u8]; 20] = [
    b"inc",
    b"corp",
    b"corporation",
    b"llc",
    b"ltd",
    b"limited",
    b"gmbh",
    b"ag",
    b"co",
    b"company",
    b"plc",
    b"bank",
    b"group",
    b"team",
    b"university",
    b"foundation",
    b"institute",
    b"agency",
    b"services",
    b"holdings",
];

/// Whether it is written as people's names are: two words that begin with capitals.
fn is_full_name(value: &[u8]) -> bool {
    let words = value
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let capital = |word: &&[u8]| {
        word.first()
            .is_some_and(|byte| byte.is_ascii_uppercase() || *byte >= 0xC3)
            && word.len() > 1
    };
    let count = words.clone().count();
    let mut names = words.clone();
    let is_firm = names.any(|word| {
        let word = word.trim_ascii_end();
        FIRMS.iter().any(|firm| {
            word.strip_suffix(b".")
                .unwrap_or(word)
                .eq_ignore_ascii_case(firm)
        })
    });
    !is_firm && is_name(value) && (2..=6).contains(&count) && words.filter(capital).count() >= 2
}
