use chancery_proto::policy::v1 as pb;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{
    trip::{call, redacted},
    *,
};

/// What events say: clean texts, finds, finds in JSON in strings, and characters of many bytes.
fn said() -> impl Strategy<Value = String> {
    let words = select(
        [
            "ann@example.com",
            "4111 1111 1111 1111",
            "{\"to\":\"bob@example.com\",\"n\":1.10}",
            "nothing",
            "\u{e9}\u{1f600}\r\n",
        ]
        .to_vec(),
    );
    vec(words, 0..4).prop_map(|words| words.join(" "))
}

fn event(message: &Value, line_end: &str, is_split: bool) -> String {
    let text = message.to_string();
    let data = match text.split_once(",\"") {
        // White space is welcome there, and a line of data ends in some.
        Some((first, rest)) if is_split => {
            format!("data: {first},{line_end}data:\"{rest}{line_end}")
        }
        Some(_) | None => format!("data: {text}{line_end}"),
    };
    format!(": heartbeat{line_end}event: message{line_end}{data}{line_end}")
}

/// What the client gets of a stream that comes in these chunks, and what is recorded.
fn delivered(site: &mut Site, chunks: &[&[u8]]) -> (Vec<u8>, Vec<Entry>) {
    let now = Time::from_unix_ms(1_790_000_000_000);
    let (mut exchange, _) = site.begin(&call("get_note", &json!({})));
    let headers = [("content-type".to_owned(), b"text/event-stream".to_vec())];
    let head = ResponseHead {
        status: 200,
        headers: Headers::new(&headers),
        ends: false,
    };
    exchange.response_head(&head, now);
    let mut all = Vec::new();
    for chunk in chunks {
        all.extend(exchange.response_chunk(chunk, false, now));
    }
    all.extend(exchange.response_chunk(b"", true, now));
    (all, exchange.take_entries())
}

/// The events of a stream, however their lines end, and without empty lines between them: of a CR
/// and a LF that come apart, the LF counts as one.
fn events(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let events = text.split("\n\n").map(|event| event.trim_matches('\n'));
    let events = events.filter(|event| !event.is_empty());
    events.map(str::to_owned).collect()
}

/// The findings of each entry.
fn found(entries: &[Entry]) -> Vec<&[Finding]> {
    let findings = entries.iter().filter_map(|entry| match &entry.event {
        Event::Decision(decision) => Some(&*decision.findings),
        Event::Outcome(outcome) => Some(&*outcome.findings),
        Event::Drift(_) | Event::Shadow(_) | Event::Gap { .. } => None,
    });
    findings.collect()
}

proptest! {
    /// However a stream is cut on its way, the client gets the same, and the record has the same.
    #[test]
    fn any_chunks_give_the_same(
        logs in vec(said(), 0..4),
        answer in said(),
        line_end in select(["\n", "\r\n", "\r"].to_vec()),
        is_split in any::<bool>(),
        action in select([
            pb::RedactionAction::Replace,
            pb::RedactionAction::Partial,
            pb::RedactionAction::Token,
            pb::RedactionAction::Block,
        ].to_vec()),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut stream = String::new();
        for log in &logs {
            let params = json!({"level": "info", "data": log});
            let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params});
            stream.push_str(&event(&log, line_end, is_split));
        }
        let result = json!({"content": [{"type": "text", "text": answer}]});
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        stream.push_str(&event(&answer, line_end, is_split));
        let bytes = stream.as_bytes();

        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let chunks: Vec<_> = at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        let single: Vec<_> = bytes.chunks(1).collect();

        let mut site = redacted(action);
        let whole = delivered(&mut site, &[bytes]);
        let text = String::from_utf8(whole.0.clone()).unwrap();
        prop_assert!(!text.contains("@example.com") || text.contains("***@"), "{text}");
        prop_assert!(!text.contains("4111"), "{text}");
        for chunks in [&*chunks, &*single] {
            let cut = delivered(&mut site, chunks);
            prop_assert_eq!(events(&cut.0), events(&whole.0));
            prop_assert_eq!(found(&cut.1), found(&whole.1));
            if line_end != "\r\n" {
                prop_assert_eq!(&cut, &whole);
            }
        }
    }
}
