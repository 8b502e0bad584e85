//! Secrets that prose and calls tell: `the password for prod is …`, `setenv("API_TOKEN", "…")`.

use super::{
    bytes::{LETTERS, at, before, byte_set, is_word, part, run, run_back},
    hunt::Hunt,
    words::{Topics, of_key},
};

/// What joins the word for a secret and the secret.
const COPULAS: [&[u8]; 10] = [
    b"is",
    b"was",
    b"to",
    b"lautet",
    b"ist",
    b"est",
    b"es",
    "è".as_bytes(),
    "é".as_bytes(),
    b"jest",
];

impl Hunt<'_> {
    /// At the first digit of a word that may be told.
    pub(super) fn told_secret(&mut self, inside: usize) -> Option<usize> {
        let bytes = self.bytes;
        let is_inside = byte_set!(
            |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'(')
        );
        let start = run_back(bytes, inside, 64, is_inside);
        let end = run(bytes, inside, is_inside);
        self.told_floor = end;
        let is_quoted = matches!(before(bytes, start, 1), b'"' | b'\'' | b'`');
        // A number without quotes is none, as most words with a digit are.
        let letters = part(bytes, start..end).iter().any(u8::is_ascii_alphabetic);
        if !letters && !is_quoted {
            return None;
        }
        let name_end = start.saturating_sub(usize::from(is_quoted));
        let (word, to) = word_before(bytes, name_end, is_quoted);
        if is_quoted && before(bytes, to, 1) == b',' && at(bytes, end.saturating_add(1)) == b')' {
            let to = to.saturating_sub(2);
            let is_name = byte_set!(|byte| is_word(byte) || matches!(byte, b'-' | b'.'));
            let name = run_back(bytes, to, 48, is_name);
            return self.field(of_key(part(bytes, name..to), Topics::default()), start, end);
        }
        // `…!pw HTTP/1.1`: no word of its own.
        let edge = before(bytes, word, 1);
        let is_part = edge.is_ascii_digit()
            || edge.is_ascii_punctuation()
                && !matches!(edge, b'"' | b'\'' | b'(' | b'_' | b'-' | b'*' | b'.' | b',');
        if to == name_end || word == to || is_part {
            return None;
        }
        let end = run_back(
            bytes,
            end,
            3,
            byte_set!(|byte| matches!(byte, b'.' | b',' | b')' | b';')),
        );
        let said = said_by(bytes, word, to);
        if !said.has(SECRETS) || !letters {
            return None;
        }
        self.field(said, start, end)
    }
}

const SECRETS: Topics = Topics::PASSWORD.or(Topics::TOKEN);

/// Where the word before a place begins and ends.
fn word_before(bytes: &[u8], end: usize, past_quotes: bool) -> (usize, usize) {
    let is_gap = if past_quotes {
        byte_set!(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'\''))
    } else {
        byte_set!(|byte| matches!(byte, b' ' | b'\t'))
    };
    let to = run_back(bytes, end, 2, is_gap);
    let start = run_back(bytes, to, 16, LETTERS);
    (start, to)
}

/// What the word at `word..to`, right before a value, and those before it say of the value.
fn said_by(bytes: &[u8], word: usize, to: usize) -> Topics {
    let here = part(bytes, word..to);
    if here.eq_ignore_ascii_case(b"by") {
        // `IDENTIFIED BY '…'`.
        let (from, to) = word_before(bytes, word, false);
        let is_sql = part(bytes, from..to).eq_ignore_ascii_case(b"identified");
        return if is_sql {
            Topics::PASSWORD
        } else {
            Topics::default()
        };
    }
    if !COPULAS.contains(&here) {
        let said = of_key(here, Topics::default());
        return if said.has(Topics::PASSWORD) {
            said
        } else {
            Topics::default()
        };
    }
    // Before the copula and after the word for a secret two more may stand: `for prod`.
    let (mut from, to) = word_before(bytes, word, false);
    let mut said = Topics::default();
    for _ in 0..3 {
        said = of_key(part(bytes, from..to), Topics::default());
        if said.has(SECRETS.or(Topics::THING).or(Topics::META)) {
            break;
        }
        from = word_before(bytes, from, false).0;
    }
    said
}
