//! Event streams (HTML, section 9.2.6) cut into events, whatever chunks they come in.

use std::ops::Range;

use memchr::memchr2;

/// Collects chunks and hands out whole events.
#[derive(Debug, Default)]
pub struct EventSplitter {
    held: Vec<u8>,
    /// Lines before this are known not to end the first held event.
    scanned: usize,
    begun: bool,
    /// The last scanned line ended in a CR that was the last byte so far; a LF may belong to it.
    after_cr: bool,
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
        self.held.extend_from_slice(chunk);
        // Where the CR ended an event, its LF is left as an empty line, which means nothing.
        if std::mem::take(&mut self.after_cr)
            && self.scanned > 0
            && self.held.get(self.scanned) == Some(&b'\n')
        {
            self.scanned = self.scanned.saturating_add(1);
        }
        if !self.begun && self.held.len() >= 3 {
            self.begun = true;
            if self.held.starts_with(b"\xEF\xBB\xBF") {
                self.held.drain(..3);
            }
        }
    }

    /// How many bytes wait for the rest of their event.
    pub fn held_bytes(&self) -> usize {
        self.held.len()
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
                if line.next > max_bytes {
                    return Err(EventTooLong { max_bytes });
                }
                let bytes: Vec<u8> = self.held.drain(..line.next).collect();
                self.scanned = 0;
                self.begun = true;
                return Ok(Some(RawEvent { bytes }));
            }
        }
        if self.held.len() > max_bytes {
            return Err(EventTooLong { max_bytes });
        }
        Ok(None)
    }

    /// What is left at the end of the stream: an event without its blank line, which some readers
    /// drop and some take.
    pub fn finish(&mut self) -> Option<RawEvent> {
        let bytes = std::mem::take(&mut self.held);
        self.scanned = 0;
        if bytes.is_empty() {
            None
        } else {
            Some(RawEvent { bytes })
        }
    }

    fn line(&self) -> Option<Line> {
        let rest = self.held.get(self.scanned..)?;
        let end = memchr2(b'\n', b'\r', rest)?;
        let terminator = match rest.get(end..)? {
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        let content = self.scanned..self.scanned.saturating_add(end);
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

    /// The event's name; `None` where it has none.
    pub fn name(&self) -> Option<&[u8]> {
        self.lines().filter_map(|line| field(line, b"event")).last()
    }

    /// The event with other data and every other field as it was.
    pub fn with_data(&self, data: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len().max(data.len()));
        let mut lines = |line: &[u8]| {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        };
        for line in self.lines() {
            if field(line, b"data").is_none() && !line.is_empty() {
                lines(line);
            }
        }
        for line in data.split('\n') {
            lines(format!("data: {line}").as_bytes());
        }
        lines(b"");
        bytes
    }
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
