//! The one pass over the text.

use std::borrow::Cow;

use super::{Document, JsonError, Kind, Node, text};
use crate::limits::Limits;

/// Objects with up to this many members are compared pair by pair, larger ones by sorting.
const PAIRWISE_MEMBERS: usize = 12;

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    depth: usize,
    max_depth: usize,
    max_nodes: usize,
}

pub(super) fn parse<'a>(
    bytes: &'a [u8],
    max_bytes: usize,
    limits: &Limits,
) -> Result<Document<'a>, JsonError> {
    if bytes.len() > max_bytes || u32::try_from(bytes.len()).is_err() {
        return Err(JsonError::TooLong { max_bytes });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parser = Parser {
        text,
        bytes,
        at: 0,
        nodes: Vec::with_capacity((bytes.len() / 16).clamp(16, 4096)),
        depth: 0,
        max_depth: limits.max_json_depth,
        max_nodes: limits.max_json_nodes,
    };
    parser.space();
    parser.value()?;
    parser.space();
    match parser.peek() {
        None => Ok(Document {
            text,
            nodes: parser.nodes,
        }),
        Some(_) => Err(parser.unexpected("the end of the text")),
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn unexpected(&self, expected: &'static str) -> JsonError {
        JsonError::Unexpected {
            at: self.at,
            found: self.peek(),
            expected,
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.skip(1);
        }
    }

    /// Adds a node whose end is not known yet.
    fn open(&mut self, kind: Kind) -> Result<usize, JsonError> {
        if self.nodes.len() >= self.max_nodes {
            return Err(JsonError::TooManyNodes {
                max_nodes: self.max_nodes,
            });
        }
        let start = offset(self.at);
        self.nodes.push(Node {
            start,
            end: start,
            next: 0,
            kind,
            escaped: false,
        });
        Ok(self.nodes.len().saturating_sub(1))
    }

    fn close(&mut self, index: usize, escaped: bool) {
        let (end, next) = (offset(self.at), offset(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.next = next;
            node.escaped = escaped;
        }
    }

    fn value(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.nested(Kind::Object),
            Some(b'[') => self.nested(Kind::Array),
            Some(b't') => self.literal("true", Kind::Bool),
            Some(b'f') => self.literal("false", Kind::Bool),
            Some(b'n') => self.literal("null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn literal(&mut self, word: &'static str, kind: Kind) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.unexpected("`true`, `false` or `null`"));
        }
        let index = self.open(kind)?;
        self.skip(word.len());
        self.close(index, false);
        Ok(())
    }

    fn nested(&mut self, kind: Kind) -> Result<(), JsonError> {
        if self.depth >= self.max_depth {
            return Err(JsonError::TooDeep {
                at: self.at,
                max_depth: self.max_depth,
            });
        }
        self.depth = self.depth.saturating_add(1);
        let index = self.open(kind)?;
        self.skip(1);
        self.space();
        let members = match kind {
            Kind::Object => self.object()?,
            Kind::Array | Kind::Null | Kind::Bool | Kind::Number | Kind::String => {
                self.array()?;
                0
            }
        };
        self.close(index, false);
        self.depth = self.depth.saturating_sub(1);
        if members > 1 {
            self.refuse_duplicates(index, members)
        } else {
            Ok(())
        }
    }

    fn array(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b']') {
            self.skip(1);
            return Ok(());
        }
        loop {
            self.value()?;
            self.space();
            match self.peek() {
                Some(b',') => self.skip(1),
                Some(b']') => {
                    self.skip(1);
                    return Ok(());
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
            self.space();
        }
    }

    fn object(&mut self) -> Result<usize, JsonError> {
        let mut members: usize = 0;
        if self.peek() == Some(b'}') {
            self.skip(1);
            return Ok(members);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.skip(1);
            self.space();
            self.value()?;
            members = members.saturating_add(1);
            self.space();
            match self.peek() {
                Some(b',') => self.skip(1),
                Some(b'}') => {
                    self.skip(1);
                    return Ok(members);
                }
                _ => return Err(self.unexpected("`,` or `}`")),
            }
            self.space();
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let index = self.open(Kind::Number)?;
        if self.peek() == Some(b'-') {
            self.skip(1);
        }
        match self.peek() {
            Some(b'0') => self.skip(1),
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.unexpected("a digit")),
        }
        if self.peek() == Some(b'.') {
            self.skip(1);
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.skip(1);
            if let Some(b'+' | b'-') = self.peek() {
                self.skip(1);
            }
            self.digits()?;
        }
        self.close(index, false);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip(1);
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        let index = self.open(Kind::String)?;
        self.skip(1);
        let mut escaped = false;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    self.close(index, escaped);
                    return Ok(());
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.unexpected("a character, an escape or `\"`")),
            }
        }
    }

    /// Skips to the next quote, backslash or control character, eight bytes at a time.
    fn plain(&mut self) {
        while let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let stops = text::string_stops(u64::from_le_bytes(*word));
            if stops != 0 {
                self.skip(stops.trailing_zeros() as usize / 8);
                return;
            }
            self.skip(8);
        }
        while self
            .peek()
            .is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
        {
            self.skip(1);
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let at = self.at;
        self.skip(1);
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.skip(1);
                Ok(())
            }
            Some(b'u') => {
                self.skip(1);
                match self.hex4()? {
                    0xD800..=0xDBFF => self.low_surrogate(at),
                    0xDC00..=0xDFFF => Err(JsonError::LoneSurrogate { at }),
                    _ => Ok(()),
                }
            }
            _ => Err(self.unexpected("an escape")),
        }
    }

    fn low_surrogate(&mut self, at: usize) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(b"\\u") {
            return Err(JsonError::LoneSurrogate { at });
        }
        self.skip(2);
        match self.hex4()? {
            0xDC00..=0xDFFF => Ok(()),
            _ => Err(JsonError::LoneSurrogate { at }),
        }
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = (unit << 4) | digit.ok_or_else(|| self.unexpected("a hexadecimal digit"))?;
            self.skip(1);
        }
        Ok(unit)
    }

    fn refuse_duplicates(&self, object: usize, members: usize) -> Result<(), JsonError> {
        let keys = Keys {
            parser: self,
            index: object.saturating_add(1),
            left: members,
        };
        if members <= PAIRWISE_MEMBERS {
            for (position, (key, _)) in keys.clone().enumerate() {
                let mut later = keys.clone().skip(position.saturating_add(1));
                if let Some((_, at)) = later.find(|(other, _)| *other == key) {
                    return Err(JsonError::DuplicateKey { at });
                }
            }
            return Ok(());
        }
        let mut sorted: Vec<_> = keys.collect();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            if let [(first, _), (second, at)] = pair
                && first == second
            {
                return Err(JsonError::DuplicateKey { at: *at });
            }
        }
        Ok(())
    }
}

/// The decoded keys of an object and where they stand.
#[derive(Clone)]
struct Keys<'p, 'a> {
    parser: &'p Parser<'a>,
    index: usize,
    left: usize,
}

impl<'a> Iterator for Keys<'_, 'a> {
    type Item = (Cow<'a, str>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = self.parser.nodes.get(self.index)?;
        let value = self.parser.nodes.get(self.index.saturating_add(1))?;
        self.index = value.next as usize;
        let (start, end) = (key.start as usize, key.end as usize);
        let inner = self
            .parser
            .text
            .get(start.saturating_add(1)..end.saturating_sub(1))?;
        let name = if key.escaped {
            Cow::Owned(text::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        };
        Some((name, start))
    }
}

/// Offsets fit: the text's length was checked against `u32` first.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
