//! Event streams (HTML, section 9.2.6) cut into events, whatever chunks they come in.

use std::ops::Range;

use memchr::{memchr_iter, memchr2};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Collects chunks and hands out whole events.
#[derive(Debug, Default)]
pub struct EventSplitter {
    held: Vec<u8>,
    /// Where the first held event begins; what is before it is handed out.
    begin: usize,
    /// Lines before this are known not to end the first held event.
    scanned: usize,
    /// Bytes before this hold no end of the line that is being scanned.
    searched: usize,
    /// The start of the stream, where a byte order mark may stand, is past.
    begun: bool,
    /// The last scanned line ended in a CR that was the last byte so far; a LF may belong to it.
    after_cr: bool,
}

/// What kind of event it is, as far as the MCP transports know one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventName {
    /// A JSON-RPC message.
    Message,
    /// Where to post, in the HTTP+SSE transport of 2024-11-05.
    Endpoint,
    /// Something that no transport of MCP has.
    Other,
    /// It has several names.
    Ambiguous,
}

/// One event as it came, its blank line included.
#[derive(Debug, Eq, PartialEq)]
pub struct RawEvent {
    bytes: Vec<u8>,
}

/// More bytes than the limit without a blank line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an event is longer than {max_bytes} bytes")]
pub struct EventTooLong {
    /// The limit.
    pub max_bytes: usize,
}

impl EventSplitter {
    /// Adds a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        self.held.drain(..self.begin);
        self.scanned = self.scanned.saturating_sub(self.begin);
        self.searched = self.searched.saturating_sub(self.begin);
        self.begin = 0;
        self.held.extend_from_slice(chunk);
        // Where the CR ended an event, its LF is left as an empty line, which means nothing.
        if std::mem::take(&mut self.after_cr)
            && self.scanned > 0
            && self.held.get(self.scanned) == Some(&b'\n')
        {
            self.scanned = self.scanned.saturating_add(1);
        }
        if !self.begun && self.held.len() >= BOM.len() {
            self.begun = true;
            if self.held.starts_with(BOM) {
                self.begin = BOM.len();
                self.scanned = self.scanned.max(BOM.len());
            }
        }
    }

    /// How many bytes wait for the rest of their event.
    pub fn held_bytes(&self) -> usize {
        self.held.len().saturating_sub(self.begin)
    }

    /// The next whole event.
    ///
    /// # Errors
    /// Where what waits is longer than `max_bytes` already.
    pub fn next_event(&mut self, max_bytes: usize) -> Result<Option<RawEvent>, EventTooLong> {
        while let Some(line) = self.line() {
            self.scanned = line.next;
            self.after_cr = self.held.len() == line.next && self.held.ends_with(b"\r");
            if line.content.is_empty() {
                let bytes = self.held.get(self.begin..line.next).unwrap_or_default();
                if bytes.len() > max_bytes {
                    return Err(EventTooLong { max_bytes });
                }
                let bytes = bytes.to_vec();
                self.begin = line.next;
                self.begun = true;
                return Ok(Some(RawEvent { bytes }));
            }
        }
        if self.held_bytes() > max_bytes {
            return Err(EventTooLong { max_bytes });
        }
        Ok(None)
    }

    /// What is left at the end of the stream: an event without its blank line, which some readers
    /// drop and some take.
    pub fn finish(&mut self) -> Option<RawEvent> {
        let held = std::mem::take(&mut self.held);
        let bytes = held.get(self.begin..).unwrap_or_default().to_vec();
        (self.begin, self.scanned, self.searched) = (0, 0, 0);
        if bytes.is_empty() {
            None
        } else {
            Some(RawEvent { bytes })
        }
    }

    fn line(&mut self) -> Option<Line> {
        let from = self.scanned.max(self.searched);
        let rest = self.held.get(from..)?;
        let Some(end) = memchr2(b'\n', b'\r', rest) else {
            self.searched = self.held.len();
            return None;
        };
        let terminator = match rest.get(end..)? {
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        let content = self.scanned..from.saturating_add(end);
        Some(Line {
            next: content.end.saturating_add(terminator),
            content,
        })
    }
}

struct Line {
    content: Range<usize>,
    next: usize,
}

impl RawEvent {
    /// The event as it came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The event as it came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at_checked(end)?;
            rest = match after {
                [b'\r', b'\n', next @ ..] | [_, next @ ..] => next,
                [] => after,
            };
            Some(line)
        })
    }

    /// Its data lines joined by line feeds; `None` where it has none.
    pub fn data(&self) -> Option<Vec<u8>> {
        let mut data: Option<Vec<u8>> = None;
        for value in self.lines().filter_map(|line| field(line, b"data")) {
            match &mut data {
                None => data = Some(value.to_vec()),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        }
        data
    }

    /// What kind of event it is.
    pub fn name(&self) -> EventName {
        let mut names = self.lines().filter_map(|line| field(line, b"event"));
        match (names.next(), names.next()) {
            // An empty name is no name (HTML, section 9.2.6).
            (None | Some(b"" | b"message"), None) => EventName::Message,
            (Some(b"endpoint"), _) | (_, Some(b"endpoint")) => EventName::Endpoint,
            (Some(_), None) => EventName::Other,
            // Readers differ on which of several counts.
            (_, Some(_)) => EventName::Ambiguous,
        }
    }

    /// The event without what is not judged, and whether that was more than the text of comments.
    ///
    /// Lines are dropped that a reader of another grammar could take for something else: unknown
    /// fields, an id that is not plain ASCII (some readers also end lines at U+2028 and the like),
    /// and a retry that is no number.
    #[must_use]
    pub fn cleaned(self) -> (Self, bool) {
        let is_clean = |line: &[u8]| line.is_empty() || clean_line(line) == Some(line);
        if self.lines().all(is_clean) {
            return (self, false);
        }
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut drops_lines = false;
        for line in self.lines() {
            let kept = if line.is_empty() {
                Some(line)
            } else {
                clean_line(line)
            };
            drops_lines |= kept.is_none();
            if let Some(line) = kept {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
        }
        (Self { bytes }, drops_lines)
    }

    /// Whether it has an id, after which a client could resume.
    pub fn has_id(&self) -> bool {
        let mut ids = self.lines().filter_map(|line| field(line, b"id"));
        ids.any(|id| !id.is_empty())
    }

    /// The event with other data and every other field as it was.
    pub fn with_data(&self, data: &str) -> Vec<u8> {
        // As long as both, where each line of the data has its name.
        let mut bytes = Vec::with_capacity(self.bytes.len().saturating_add(data.len()));
        for line in self.lines() {
            if field(line, b"data").is_none() && !line.is_empty() {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
        }
        let data = data.as_bytes();
        let mut begin = 0;
        for end in memchr_iter(b'\n', data).chain([data.len()]) {
            bytes.extend_from_slice(b"data: ");
            bytes.extend_from_slice(data.get(begin..end).unwrap_or_default());
            bytes.push(b'\n');
            begin = end.saturating_add(1);
        }
        bytes.push(b'\n');
        bytes
    }
}

/// What of a line goes on.
fn clean_line(line: &[u8]) -> Option<&[u8]> {
    if let [comment @ b':', ..] = line {
        return Some(std::slice::from_ref(comment));
    }
    let is_clean = if let Some(id) = field(line, b"id") {
        id.iter().all(|byte| (0x20..0x7F).contains(byte))
    } else if let Some(retry) = field(line, b"retry") {
        retry.iter().all(u8::is_ascii_digit)
    } else {
        field(line, b"data").is_some() || field(line, b"event").is_some()
    };
    is_clean.then_some(line)
}

/// The value of a line's field, if it is the one named.
fn field<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(b""),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// An event with only data, for messages of our own.
pub fn event(data: &str) -> Vec<u8> {
    format!("event: message\ndata: {data}\n\n").into_bytes()
}

/// An event that tells whoever listens why there is no more. Readers of event streams take one of
/// this name for a failure of the stream.
pub fn error_event(data: &str) -> Vec<u8> {
    format!("event: error\ndata: {data}\n\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(stream: &[u8], chunks: &[usize]) -> Vec<Vec<u8>> {
        let mut splitter = EventSplitter::default();
        let mut events = Vec::new();
        let mut rest = stream;
        let mut sizes = chunks.iter().cycle();
        while !rest.is_empty() {
            let size = (*sizes.next().unwrap()).clamp(1, rest.len());
            splitter.push(&rest[..size]);
            rest = &rest[size..];
            while let Some(event) = splitter.next_event(1 << 20).unwrap() {
                events.push(event.data());
            }
        }
        events.extend(splitter.finish().map(|event| event.data()));
        events.into_iter().flatten().collect()
    }

    const STREAM: &[u8] = b"\xEF\xBB\xBF: hi\n\nid: 1\ndata: \n\nevent: message\r\ndata:{\"a\":\r\ndata: 1}\r\n\r\ndata: x\rid: 2\r\rdata: last";

    #[test]
    fn reads_every_line_end_and_the_unfinished_last_event() {
        let expected: Vec<_> = [&b""[..], b"{\"a\":\n1}", b"x", b"last"]
            .map(<[u8]>::to_vec)
            .into();
        assert_eq!(split(STREAM, &[STREAM.len()]), expected);
    }

    #[test]
    fn replaces_data_and_keeps_other_fields() {
        let event = RawEvent {
            bytes: b"id: 7\r\nretry: 5\r\ndata: a\r\ndata: b\r\n\r\n".to_vec(),
        };
        assert_eq!(
            event.with_data("c\nd"),
            b"id: 7\nretry: 5\ndata: c\ndata: d\n\n"
        );
    }

    fn event_of(text: &str) -> RawEvent {
        RawEvent {
            bytes: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn knows_what_an_event_is() {
        for (text, expected) in [
            ("data: 1\n\n", EventName::Message),
            ("event: message\ndata: 1\n\n", EventName::Message),
            ("event:\ndata: 1\n\n", EventName::Message),
            ("event: endpoint\ndata: /x\n\n", EventName::Endpoint),
            ("event: endpoint\nevent: message\n\n", EventName::Endpoint),
            ("event: message\nevent: ping\n\n", EventName::Ambiguous),
            ("event: ping\ndata: 1\n\n", EventName::Other),
        ] {
            assert_eq!(event_of(text).name(), expected, "{text}");
        }
    }

    #[test]
    fn drops_lines_that_could_be_read_otherwise() {
        let plain = ":\r\nid: 7\r\nretry: 5\r\nevent: message\r\ndata: é\r\n\r\n";
        assert_eq!(event_of(plain).cleaned(), (event_of(plain), false));
        let comment = event_of(": ping\n\n").cleaned();
        assert_eq!(comment, (event_of(":\n\n"), false));
        let odd = "data: 1\n: x\u{2028}data: 2\nDATA: 3\n data: 4\nid: \u{85}\nretry: soon\n{}\n\n";
        assert_eq!(event_of(odd).cleaned(), (event_of("data: 1\n:\n\n"), true));
    }

    #[test]
    fn bounds_an_event() {
        let mut splitter = EventSplitter::default();
        splitter.push(b"data: 5\n\n");
        assert!(splitter.next_event(9).unwrap().is_some());
        splitter.push(b"data: 55\n\n");
        assert_eq!(splitter.next_event(9), Err(EventTooLong { max_bytes: 9 }));
    }

    proptest! {
        #[test]
        fn chunks_change_nothing(chunks in prop::collection::vec(1_usize..9, 1..20)) {
            prop_assert_eq!(split(STREAM, &chunks), split(STREAM, &[STREAM.len()]));
        }
    }
}
