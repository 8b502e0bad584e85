//! Values that are named where they stand: `password=…`, `"token": …`, `Authorization: …`,
//! `--password …`, `<surname>…</surname>`, and the passwords in URLs.

use memchr::memchr2;

use super::{
    bytes::{at, before, byte_set, is_word, part, run, run_back},
    hunt::Hunt,
    ours,
    words::{self, Topics},
};

/// Longest name before a sign, and longest value after it, in bytes.
const MAX_NAME_BYTES: usize = 48;
const MAX_VALUE_BYTES: usize = 4 << 10;
/// Longest tag with its attributes, in bytes.
const MAX_TAG_BYTES: usize = 200;

impl Hunt<'_> {
    /// A `:` or `=`.
    pub(super) fn assignment(&mut self, sign: usize) -> usize {
        let bytes = self.bytes;
        let next = sign.saturating_add(1);
        if at(bytes, sign) == b':' {
            let after = at(bytes, next);
            if after == b'/' && at(bytes, sign.saturating_add(2)) == b'/' {
                return self.authority(sign.saturating_add(3));
            }
            if after == b'A'
                && let Some(end) = self.bot(sign)
            {
                return end;
            }
            if (after.is_ascii_hexdigit() || after == b':')
                && let Some(end) = self.colons(sign)
            {
                return end;
            }
        }
        let Some((topics, said)) = self.name_before(sign) else {
            return next;
        };
        // `**Password:** …`.
        let is_bold = at(bytes, next) == b'*' && at(bytes, next.saturating_add(1)) == b'*';
        let from = next.saturating_add(if is_bold { 2 } else { 0 });
        let from = run(
            bytes,
            from,
            byte_set!(|byte| matches!(byte, b' ' | b'\t' | b'=' | b'>')),
        );
        // `password: |`, and the value on the next line.
        let block = run(bytes, from, byte_set!(|byte| matches!(byte, b'|' | b'-')));
        let is_block = block > next.saturating_add(1) && at(bytes, block) == b'\n';
        let from = if is_block {
            run(bytes, block, byte_set!(|byte| byte.is_ascii_whitespace()))
        } else {
            from
        };
        if from.saturating_sub(next) > 32 {
            return next;
        }
        let value = self.value(from, said);
        self.named(topics, value).unwrap_or(next)
    }

    /// What the name before a sign says, where it says something, and whether it is a sign of code.
    fn name_before(&mut self, sign: usize) -> Option<(Topics, u8)> {
        let bytes = self.bytes;
        let mut end = run_back(bytes, sign, 2, byte_set!(|byte| byte == b' '));
        let mut quote = 0;
        if matches!(
            before(bytes, end, 1),
            b'"' | b'\'' | b'`' | b']' | b'*' | b':' | b'?'
        ) {
            quote = before(bytes, end, 1);
            end = run_back(
                bytes,
                end,
                4,
                byte_set!(|byte| matches!(
                    byte,
                    b'"' | b'\'' | b'\\' | b'`' | b']' | b'*' | b':' | b'?'
                )),
            );
        }
        let is_name = byte_set!(|byte| is_word(byte) || matches!(byte, b'-' | b'.' | 0x80..));
        let mut start = run_back(bytes, end, MAX_NAME_BYTES, is_name);
        if start == end {
            return None;
        }
        // `arn:aws:secretsmanager:…:secret:…`.
        if quote == 0 && at(bytes, sign) == b':' && before(bytes, start, 1) == b':' {
            return None;
        }
        let mut topics = words::of_key(part(bytes, start..end), Topics::default());
        // `name: DB_PASSWORD`, and `value: …` on the next line; `key="…" value="…"`.
        if part(bytes, start..end).eq_ignore_ascii_case(b"value") {
            let gap = run_back(bytes, start, 32, byte_set!(|byte| !is_word(byte)));
            let named = run_back(bytes, gap, MAX_NAME_BYTES, is_name);
            topics = words::of_key(part(bytes, named..gap), Topics::default());
        }
        // `Date of birth: …`, `API key: …`: up to three words more.
        for _ in 0..3 {
            if topics.has(NAMED) || before(bytes, start, 1) != b' ' {
                break;
            }
            let further = run_back(bytes, start.saturating_sub(1), 24, is_name);
            // A figure is another value, as in the fields of a log.
            if further.saturating_add(1) == start || at(bytes, further).is_ascii_digit() {
                break;
            }
            start = further;
            topics = words::of_key(part(bytes, start..end), Topics::default());
        }
        // What stands for a secret names nothing: `[redacted:github_token]: …`.
        let is_name = topics.has(NAMED) && !ours::holds(bytes, &(start..end));
        is_name.then_some((topics, quote))
    }

    /// Where a value that begins at `from` begins and ends, without its quotes.
    pub(super) fn value(&self, from: usize, quote_of_name: u8) -> Value {
        let bytes = self.bytes;
        let mut from = from;
        // `\"` in a text that is itself a string of another.
        let escaped =
            at(bytes, from) == b'\\' && matches!(at(bytes, from.saturating_add(1)), b'"' | b'\'');
        from = from.saturating_add(usize::from(escaped));
        let prefixed = matches!(at(bytes, from), b'f' | b'b' | b'r')
            && matches!(at(bytes, from.saturating_add(1)), b'"' | b'\'');
        from = from.saturating_add(usize::from(prefixed));
        let quote = at(bytes, from);
        let limit = from.saturating_add(MAX_VALUE_BYTES).min(bytes.len());
        if matches!(quote, b'"' | b'\'' | b'`') {
            return quoted(bytes, from, limit, escaped);
        }
        let is_inside = byte_set!(|byte| !(byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b';' | b'|' | 0)));
        // `<YOUR_KEY>`.
        let open = usize::from(at(bytes, from) == b'<');
        let mut end = run(part(bytes, 0..limit), from.saturating_add(open), is_inside);
        let line = run(
            part(bytes, 0..limit),
            end,
            byte_set!(|byte| matches!(byte, b' ' | b'\r' | b'\t')),
        );
        let query = matches!(quote_of_name, 0);
        if query && let Some(found) = memchr2(b'&', b',', part(bytes, from..end)) {
            let cut = from.saturating_add(found);
            let next = cut.saturating_add(1);
            let name = run(bytes, next, byte_set!(|byte| is_word(byte) || byte == b'-'));
            let joint =
                next == end || at(bytes, cut) == b'&' && name > next && at(bytes, name) == b'=';
            end = if joint { cut } else { end };
        }
        while end > from
            && matches!(
                before(bytes, end, 1),
                b',' | b'.' | b')' | b'}' | b']' | b':'
            )
        {
            end = end.saturating_sub(1);
        }
        Value {
            start: from,
            end,
            is_quoted: false,
            is_line: line >= bytes.len() || matches!(at(bytes, line), b'\n' | b'#'),
        }
    }

    /// Notes a value that is named.
    pub(super) fn named(&mut self, topics: Topics, value: Value) -> Option<usize> {
        let Value {
            start,
            mut end,
            is_quoted,
            is_line,
        } = value;
        if start >= end {
            return None;
        }
        if topics.has(Topics::AUTH) {
            return self.credentials(start, end.max(self.line_end(start)));
        }
        if topics.has(Topics::PERSON) && !is_quoted {
            end = self.line_end(start);
        }
        if !is_quoted
            && topics.has(Topics::PASSWORD.or(Topics::TOKEN))
            && !is_secret_literal(part(self.bytes, start..end), is_line)
        {
            return None;
        }
        self.field(topics, start, end)
    }

    /// Where the line, or the cell of a table, ends.
    fn line_end(&self, from: usize) -> usize {
        let bytes = self.bytes;
        let limit = from.saturating_add(256).min(bytes.len());
        let is_inside = byte_set!(|byte| !matches!(
            byte,
            b'\n' | b'\r' | b'|' | b'"' | b'\'' | b'<' | b';' | b',' | b'\t' | b'&' | b'(' | b'}'
        ));
        let mut end = run(part(bytes, 0..limit), from, is_inside);
        // `O'Neil`.
        let next = end.saturating_add(1);
        if at(bytes, end) == b'\'' && is_word(before(bytes, end, 1)) && is_word(at(bytes, next)) {
            end = run(part(bytes, 0..limit), next, is_inside);
        }
        run_back(
            bytes,
            end,
            end.saturating_sub(from),
            byte_set!(|byte| matches!(byte, b' ' | b'.')),
        )
    }

    /// `<name>value<`: at the `>`.
    pub(super) fn tag(&mut self, close: usize) -> usize {
        let bytes = self.bytes;
        let next = close.saturating_add(1);
        let window = close.saturating_sub(MAX_TAG_BYTES);
        let Some(open) = memchr::memrchr(b'<', part(bytes, window..close)) else {
            return next;
        };
        let start = window.saturating_add(open).saturating_add(1);
        let end = run(
            part(bytes, 0..close),
            start,
            byte_set!(|byte| is_word(byte) || matches!(byte, b'-' | b':' | b'.')),
        );
        if end < close && at(bytes, end) != b' ' {
            return next;
        }
        let topics = words::of_key(part(bytes, start..end), Topics::default());
        if !topics.has(NAMED) {
            return next;
        }
        let limit = next.saturating_add(512).min(bytes.len());
        let end = run(part(bytes, 0..limit), next, byte_set!(|byte| byte != b'<'));
        if end >= limit {
            return next;
        }
        self.field(topics, next, end).unwrap_or(next)
    }
}

/// The value after the quote at `from`; `escaped`: after a backslash, as the closing quote is.
fn quoted(bytes: &[u8], from: usize, limit: usize, escaped: bool) -> Value {
    let quote = at(bytes, from);
    let next = from.saturating_add(1);
    let is_triple = at(bytes, next) == quote && at(bytes, next.saturating_add(1)) == quote;
    let start = next.saturating_add(if is_triple { 2 } else { 0 });
    let mut from = start;
    let end = loop {
        let Some(found) = memchr2(quote, b'\\', part(bytes, from..limit)) else {
            break limit;
        };
        let end = from.saturating_add(found);
        if at(bytes, end) == quote || escaped {
            break end;
        }
        from = end.saturating_add(2);
    };
    Value {
        start,
        end,
        is_quoted: true,
        is_line: false,
    }
}

/// What a name can say that makes its whole value something.
const NAMED: Topics = SECRETS.or(Topics::PERSON).or(Topics::DOB);
pub(super) const SECRETS: Topics = Topics::PASSWORD
    .or(Topics::TOKEN)
    .or(Topics::AUTH)
    .or(Topics::COOKIE);

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    is_quoted: bool,
    /// Whether it reaches to the end of its line.
    is_line: bool,
}

/// Whether what stands without quotes after a secret's name is a secret and no code or prose.
fn is_secret_literal(value: &[u8], is_line: bool) -> bool {
    // `*name` and `&name` of code.
    if let [b'*' | b'&', name @ ..] = value
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    {
        return false;
    }
    let digit = value.iter().any(u8::is_ascii_digit);
    let sign = value.iter().any(|byte| {
        byte.is_ascii_punctuation()
            && !matches!(
                byte,
                b'_' | b'.' | b'-' | b',' | b'(' | b')' | b'[' | b']' | b':' | b'/' | b'\'' | b'?'
            )
    });
    let call = memchr2(b'(', b'[', value).is_some_and(|index| {
        index > 0
            && part(value, 0..index)
                .iter()
                .all(|byte| is_word(*byte) || matches!(byte, b'.' | b':' | b'!'))
    }) && (!is_line
        || value.iter().any(|byte| matches!(byte, b')' | b']'))
        || matches!(value.last(), Some(b'(' | b'"' | b'\'')));
    let upper = value.iter().skip(1).any(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
        && !value.contains(&b'.');
    !call
        && (digit
            || sign
            || upper && value.len() >= 8
            || is_line && value.len() >= 8 && !value.contains(&b'.'))
}
