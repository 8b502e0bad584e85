//! The splitter of event streams.

use chancery_engine::sse::{EventName, EventSplitter, RawEvent};

/// Whether an event is a message by its name, and its data.
type Event = (bool, Option<Vec<u8>>);

/// Cuts of a stream make no difference; its events are those of the standard's own algorithm; every
/// byte is handed on, and data is replaced without touching another field.
///
/// The first byte says how the rest, the stream, is cut.
pub fn sse(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else {
        return;
    };
    let whole = split(stream, stream.len());
    let cut = split(stream, usize::from(*cut).saturating_add(1));
    assert_eq!(read(&whole), read(&cut), "cuts make a difference");
    assert_eq!(read(&whole), by_the_standard(stream), "not as the standard");
    let without_mark = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    for events in [&whole, &cut] {
        let handed: Vec<u8> = events
            .iter()
            .flat_map(RawEvent::as_bytes)
            .copied()
            .collect();
        assert_eq!(handed, without_mark, "a byte was lost or made");
    }
    for event in whole {
        check_replacement(&event);
        check_cleaning(event);
    }
}

fn split(stream: &[u8], chunk_bytes: usize) -> Vec<RawEvent> {
    let mut splitter = EventSplitter::default();
    let mut events = Vec::new();
    for chunk in stream.chunks(chunk_bytes.max(1)) {
        splitter.push(chunk);
        while let Ok(Some(event)) = splitter.next_event(usize::MAX) {
            events.push(event);
        }
    }
    events.extend(splitter.finish());
    assert_eq!(splitter.held_bytes(), 0, "held after the end");
    events
}

/// The events that say something.
fn read(events: &[RawEvent]) -> Vec<Event> {
    let event = |event: &RawEvent| (event.name() == EventName::Message, event.data());
    let says_something = |(is_message, data): &Event| !is_message || data.is_some();
    events.iter().map(event).filter(says_something).collect()
}

/// HTML section 9.2.6, line by line; the last event counts even without its blank line.
fn by_the_standard(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut events = Vec::new();
    let (mut names, mut data) = (Vec::new(), None::<Vec<u8>>);
    let is_message = |names: &[&[u8]]| matches!(names, [] | [b"" | b"message"]);
    for line in lines(stream) {
        if line.is_empty() {
            events.push((is_message(&names), data.take()));
            names.clear();
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon.and_then(|at| line.split_at_checked(at)) {
            Some((field, value)) => (field, value.get(1..).unwrap_or_default()),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => names.push(value),
            b"data" => {
                let data = data.get_or_insert_default();
                data.extend_from_slice(value);
                data.push(b'\n');
            }
            _ => {}
        }
    }
    events.push((is_message(&names), data));
    events.retain(|(is_message, data)| !is_message || data.is_some());
    for (_, data) in &mut events {
        if let Some(data) = data {
            data.pop();
        }
    }
    events
}

fn lines(stream: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(byte) = stream.get(at) {
        let length = match (byte, stream.get(at.saturating_add(1))) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => {
                at += 1;
                continue;
            }
        };
        lines.extend(stream.get(start..at));
        at += length;
        start = at;
    }
    lines.extend(stream.get(start..).filter(|rest| !rest.is_empty()));
    lines
}

fn check_replacement(event: &RawEvent) {
    let replaced = event.with_data("{\n}");
    let mut splitter = EventSplitter::default();
    splitter.push(b"\n");
    splitter.push(&replaced);
    let mut events = Vec::new();
    while let Ok(Some(event)) = splitter.next_event(usize::MAX) {
        events.push(event);
    }
    assert!(splitter.finish().is_none(), "not ended by a blank line");
    let expected = (event.name() == EventName::Message, Some(b"{\n}".to_vec()));
    assert_eq!(read(&events), [expected], "not one event with other data");
    let others = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let is_other = |line: &&[u8]| {
            let is_data = *line == b"data" || line.starts_with(b"data:");
            !line.is_empty() && !is_data
        };
        lines(bytes)
            .into_iter()
            .filter(is_other)
            .map(<[u8]>::to_vec)
            .collect()
    };
    assert_eq!(others(&replaced), others(event.as_bytes()), "another field");
}

/// What is cleaned says the same, in lines that no reader cuts or takes otherwise.
fn check_cleaning(event: RawEvent) {
    let before = read(std::slice::from_ref(&event));
    let (cleaned, _) = event.cleaned();
    assert_eq!(
        read(std::slice::from_ref(&cleaned)),
        before,
        "cleaning says another thing"
    );
    for line in lines(cleaned.as_bytes()) {
        let carries = line.starts_with(b"data") || line.starts_with(b"event");
        let is_plain = line.iter().all(|byte| (0x20..0x7f).contains(byte));
        assert!(carries || is_plain, "{}", String::from_utf8_lossy(line));
    }
}
