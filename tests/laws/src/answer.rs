//! No way around, on the way to the client.

use chancery_engine::sse::EventSplitter;

use crate::{
    drive::{Answered, Sent, drive},
    panel::{LISTS, offers},
    policy::allows,
};

/// What is delivered lists nothing that is refused, whoever reads it.
///
/// The first byte says what was asked for, as what it is answered and in which chunks; the rest is
/// the answer.
pub fn answer(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let choice = usize::from(*choice);
    let Some(list) = LISTS.get(choice % LISTS.len()) else {
        return;
    };
    let asked = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, list.method);
    let is_stream = choice & 4 != 0;
    let kind = if is_stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let answered = Answered {
        chunk_bytes: (choice >> 3).saturating_add(1),
        ..Answered::ok(kind, body)
    };
    let seen = drive(&Sent::post(asked.as_bytes()), &answered);
    assert!(seen.forwarded.is_some(), "a list was refused");
    let Some(delivered) = seen.delivered else {
        return;
    };
    let messages = if seen.is_stream {
        events(&delivered)
    } else {
        vec![delivered]
    };
    for message in &messages {
        for found in offers(message, *list) {
            // A masked name names nothing that could be asked for.
            assert!(
                found.is_masked() || allows(found.target()),
                "some reader sees {found:?} in {}",
                String::from_utf8_lossy(message)
            );
        }
    }
}

/// The data of a stream's events.
pub(crate) fn events(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut splitter = EventSplitter::default();
    splitter.push(stream);
    let mut events = Vec::new();
    while let Ok(Some(event)) = splitter.next_event(usize::MAX) {
        events.extend(event.data());
    }
    events.extend(splitter.finish().and_then(|event| event.data()));
    events
}
