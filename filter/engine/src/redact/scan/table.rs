//! Tables in text, whose first row names the columns: CSV and its kin, and those of Markdown.

use super::{
    bytes::{DIGITS, at, byte_set, part, run},
    hunt::Hunt,
    words::{Topics, of_key},
};

/// What a column says counts for this many columns.
const MAX_COLUMNS: usize = 48;
const MAX_HEADER_BYTES: usize = 2 << 10;

/// What is found in a cell only because of its column.
const BY_COLUMN: Topics = Topics::PERSON
    .or(Topics::PERHAPS_PERSON)
    .or(Topics::DOB)
    .or(Topics::PASSPORT)
    .or(Topics::LICENCE)
    .or(Topics::PASSWORD)
    .or(Topics::TOKEN)
    .or(NUMBERS);

const NUMBERS: Topics = Topics::PHONE
    .or(Topics::SSN)
    .or(Topics::ITIN)
    .or(Topics::NHS)
    .or(Topics::NINO)
    .or(Topics::NIF)
    .or(Topics::CPF)
    .or(Topics::SIN)
    .or(Topics::AADHAAR)
    .or(Topics::CARD);

impl Hunt<'_> {
    /// Looks at the cells of the tables in the text.
    pub(super) fn table(&mut self) {
        let bytes = self.bytes;
        let Some(first) = memchr::memchr(b'\n', bytes) else {
            return;
        };
        let mut columns: Option<(u8, Vec<Topics>)> = None;
        let mut start = 0;
        let mut end = first;
        loop {
            let line = part(bytes, start..end);
            let held = columns.take();
            columns = match held {
                Some((separator, topics)) if memchr::memchr(separator, line).is_some() => {
                    self.row(start, end, separator, &topics);
                    Some((separator, topics))
                }
                // `----+----`: a rule between the names and the rows.
                Some(held) if line.iter().all(|byte| b"-+=|: \r".contains(byte)) => Some(held),
                _ => header(line),
            };
            if end >= bytes.len() {
                return;
            }
            start = end.saturating_add(1);
            let rest = bytes.get(start..).unwrap_or_default();
            end = start.saturating_add(memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
        }
    }

    fn row(&mut self, start: usize, end: usize, separator: u8, columns: &[Topics]) {
        let mut from = start;
        let mut column = 0_usize;
        // The first bar of a row in Markdown parts nothing.
        if separator == b'|' && at(self.bytes, from) == b'|' {
            from = from.saturating_add(1);
        }
        while from < end && column < columns.len() {
            let until = cell_end(self.bytes, from, end, separator);
            let topics = columns.get(column).copied().unwrap_or_default();
            if topics != Topics::default() {
                self.cell(topics, from, until);
            }
            from = until.saturating_add(1);
            column = column.saturating_add(1);
        }
    }

    fn cell(&mut self, topics: Topics, mut start: usize, mut end: usize) {
        let bytes = self.bytes;
        // `'Ann'),` ends a row of SQL.
        let is_edge = byte_set!(|byte| byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b'`' | b'*' | b')' | b';' | b','));
        start = run(part(bytes, 0..end), start, is_edge);
        while end > start
            && at(bytes, end.saturating_sub(1)) != 0
            && is_edge.has(at(bytes, end.saturating_sub(1)))
        {
            end = end.saturating_sub(1);
        }
        if end.saturating_sub(start) > 256
            || self.field(topics, start, end).is_some()
            || !topics.has(NUMBERS)
        {
            return;
        }
        let is_number = byte_set!(|byte| byte.is_ascii_digit()
            || matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'+' | b'/'));
        if part(bytes, start..end)
            .iter()
            .all(|byte| is_number.has(*byte))
        {
            let digit = run(
                part(bytes, 0..end),
                start,
                byte_set!(|byte| !byte.is_ascii_digit()),
            );
            let last = run(bytes, digit, DIGITS);
            let around = std::mem::replace(&mut self.ambient, topics);
            if last > digit {
                self.number(digit, last);
            }
            self.ambient = around;
        }
    }
}

fn cell_end(bytes: &[u8], from: usize, end: usize, separator: u8) -> usize {
    if at(bytes, from) == b'"' && separator != b'|' {
        let close = run(
            part(bytes, 0..end),
            from.saturating_add(1),
            byte_set!(|byte| byte != b'"'),
        );
        return until(bytes, close, end, separator);
    }
    until(bytes, from, end, separator)
}

fn until(bytes: &[u8], from: usize, end: usize, separator: u8) -> usize {
    let found = memchr::memchr(separator, part(bytes, from..end));
    found.map_or(end, |found| from.saturating_add(found))
}

/// What a line says of the columns below it, if it names some.
fn header(line: &[u8]) -> Option<(u8, Vec<Topics>)> {
    if line.len() > MAX_HEADER_BYTES || line.len() < 5 {
        return None;
    }
    let separator = [b'|', b'\t', b',', b';']
        .into_iter()
        .find(|separator| memchr::memchr(*separator, line).is_some())?;
    // `Rows: id,phone`.
    let line = memchr::memmem::rfind(line, b": ").map_or(line, |colon| {
        line.get(colon.saturating_add(2)..).unwrap_or_default()
    });
    let line = if separator == b'|' {
        line.strip_prefix(b"|").unwrap_or(line)
    } else {
        line
    };
    let is_name = |cell: &[u8]| {
        cell.len() <= 40
            && cell.iter().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || *byte >= 0x80
                    || matches!(
                        byte,
                        b' ' | b'_' | b'-' | b'"' | b'.' | b'(' | b')' | b'#' | b'*' | b'/' | b'\r'
                    )
            })
    };
    let mut topics = Vec::new();
    let mut names = 0_usize;
    for cell in line.split(|byte| *byte == separator).take(MAX_COLUMNS) {
        let cell = cell.trim_ascii();
        names = names.saturating_add(usize::from(!cell.is_empty()));
        if !is_name(cell) || cell.split(|byte| *byte == b' ').count() > 4 {
            return None;
        }
        let said = of_key(cell, Topics::default());
        topics.push(if said.has(BY_COLUMN) {
            said
        } else {
            Topics::default()
        });
    }
    // A table in Markdown whose header says nothing is still no header again in its rows.
    let says = separator == b'|' || topics.iter().any(|topics| *topics != Topics::default());
    (says && names > 1).then_some((separator, topics))
}
