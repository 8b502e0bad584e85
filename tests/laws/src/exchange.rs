//! A whole exchange.

use chancery_engine::{
    entry::{Direction, Event},
    refusal::Reply,
};
use serde_json::Value;

use crate::{
    answer::events,
    drive::{Answered, Seen, Sent, drive},
    tree::{self, Tree},
};

/// Between the request and the answer, and the head and the body of each.
const SEPARATOR: u8 = 0x1e;

/// Whatever comes from either side: one decision about the request, one outcome of what was
/// forwarded, and to both sides either the other's bytes, or the same message with masks or fewer
/// items, or a refusal that is valid JSON-RPC.
///
/// Parts are cut by 0x1E: the request's head as `METHOD path` and `name: value` lines, its body,
/// the answer's head as `status chunk-bytes` and such lines, its body. A single part is a body.
pub fn exchange(data: &[u8]) {
    let parts: Vec<&[u8]> = data.splitn(4, |byte| *byte == SEPARATOR).collect();
    let (sent, answered) = match *parts.as_slice() {
        [head, body, answer_head, answer] => (request(head, body), response(answer_head, answer)),
        [head, body, answer] => (
            request(head, body),
            Answered::ok("application/json", answer),
        ),
        [body, answer] => (Sent::post(body), Answered::ok("application/json", answer)),
        _ => (Sent::post(data), Answered::ok("application/json", b"")),
    };
    let seen = drive(&sent, &answered);
    check_entries(&seen);
    if let Some(reply) = &seen.reply {
        check_reply(reply, &sent);
    }
    match &seen.forwarded {
        Some(forwarded) => check_forwarded(&sent, forwarded),
        None => assert!(seen.reply.is_some(), "neither forwarded nor refused"),
    }
    if let Some(delivered) = &seen.delivered {
        check_delivered(&seen, delivered, &answered);
    }
    if seen.is_stream {
        let whole = Answered {
            chunk_bytes: usize::MAX,
            ..answered
        };
        let whole = drive(&sent, &whole).delivered.unwrap_or_default();
        let delivered = seen.delivered.unwrap_or_default();
        assert_eq!(
            events(&whole),
            events(&delivered),
            "chunks make a difference"
        );
    }
}

fn request(head: &[u8], body: &[u8]) -> Sent {
    let (first, headers) = fields(head);
    let mut words = first.splitn(2, |byte| *byte == b' ');
    let mut word = || words.next().unwrap_or_default().to_vec();
    Sent {
        method: word(),
        path: word(),
        headers,
        body: body.to_vec(),
    }
}

fn response(head: &[u8], body: &[u8]) -> Answered {
    let (first, headers) = fields(head);
    let first = String::from_utf8_lossy(first);
    let mut numbers = first.split(' ').filter_map(|word| word.parse().ok());
    let mut number = |or| numbers.next().unwrap_or(or);
    Answered {
        status: number(200),
        headers,
        body: body.to_vec(),
        chunk_bytes: number(u16::MAX).into(),
    }
}

fn fields(head: &[u8]) -> (&[u8], Vec<(String, Vec<u8>)>) {
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let field = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..)?.trim_ascii().to_vec();
        Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value))
    };
    (first, lines.filter_map(field).collect())
}

fn check_entries(seen: &Seen) {
    let mut decisions = 0;
    let mut outcomes = 0;
    for entry in &seen.entries {
        match &entry.event {
            Event::Decision(decision) if decision.direction == Direction::ToServer => {
                decisions += 1;
            }
            Event::Outcome(_) => outcomes += 1,
            Event::Decision(_) | Event::Drift(_) | Event::Shadow(_) | Event::Gap { .. } => {}
        }
    }
    assert_eq!(decisions, 1, "decisions: {:?}", seen.entries);
    let expected = usize::from(seen.forwarded.is_some());
    assert_eq!(outcomes, expected, "outcomes: {:?}", seen.entries);
}

fn check_reply(reply: &Reply, sent: &Sent) {
    assert!(
        (200..600).contains(&reply.status),
        "status {}",
        reply.status
    );
    let body = serde_json::from_str::<Value>(&reply.body);
    assert!(body.is_ok(), "{body:?}: {}", reply.body);
    let body = body.unwrap_or_default();
    let has = |pointer: &str| body.pointer(pointer).is_some_and(|value| !value.is_null());
    assert!(has("/jsonrpc") && has("/error/code"), "{}", reply.body);
    if has("/id") {
        let (asked, told) = (trees(&sent.body), trees(reply.body.as_bytes()));
        let ids = [&asked, &told].map(|trees| trees.first().and_then(|tree| tree.get("id")));
        assert_eq!(ids[0], ids[1], "{}", reply.body);
    } else {
        assert_ne!(reply.status, 200, "no id at 200 hangs clients");
    }
}

fn check_forwarded(sent: &Sent, forwarded: &[u8]) {
    assert!(matches!(&*sent.method, b"POST" | b"GET" | b"DELETE"));
    if *forwarded == sent.body {
        return;
    }
    let (before, after) = (trees(&sent.body), trees(forwarded));
    assert_eq!(before.len(), after.len(), "another number of values");
    for (before, after) in before.iter().zip(&after) {
        assert!(is_part(before, after, false), "{after:?} for {before:?}");
    }
}

fn check_delivered(seen: &Seen, delivered: &[u8], answered: &Answered) {
    // What a server says where nothing is due may be left out.
    if delivered == answered.body || delivered.is_empty() {
        return;
    }
    if seen.is_stream {
        // What broke off may have been followed by a refusal of ours.
        for event in events(delivered).iter().filter(|event| !event.is_empty()) {
            let message = serde_json::from_slice::<Value>(event);
            assert!(message.is_ok(), "{message:?}");
        }
        return;
    }
    let (before, after) = (trees(&answered.body), trees(delivered));
    assert_eq!((before.len(), after.len()), (1, 1), "not one message");
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| is_part(before, after, false)),
        "{after:?} for {before:?}"
    );
}

fn trees(bytes: &[u8]) -> Vec<Tree> {
    tree::read(&String::from_utf8_lossy(bytes))
}

/// Keys of handles, which are sealed and opened, and of what is made private to its reader.
const REPLACED: [&str; 5] = [
    "cacheScope",
    "nextCursor",
    "requestState",
    "taskId",
    "ttlMs",
];

/// Keys of lists, of which items may be left out.
const LISTS: [&str; 5] = [
    "prompts",
    "resourceTemplates",
    "resources",
    "tasks",
    "tools",
];

/// Whether one tree is the other but for masks in strings, handles, and, in lists and among
/// capabilities, what is left out.
fn is_part(before: &Tree, after: &Tree, may_drop: bool) -> bool {
    match (before, after) {
        (Tree::String(before), Tree::String(after)) => {
            before == after || after.contains("[redacted:")
        }
        (Tree::Array(before), Tree::Array(after)) => {
            let mut rest = before.iter();
            let is_kept = |item| rest.any(|other| is_part(other, item, may_drop));
            after.iter().all(is_kept) && (may_drop || before.len() == after.len())
        }
        (Tree::Object(before), Tree::Object(after)) => {
            let mut rest = after.iter().peekable();
            let is_kept = |(key, value): &(String, Tree)| {
                let is_replaced = REPLACED.contains(&&**key);
                match rest.next_if(|(other, _)| other == key) {
                    Some(_) if is_replaced => true,
                    Some((_, other)) => is_part(value, other, may_drop || is_reshaped(key)),
                    None => may_drop || is_replaced,
                }
            };
            before.iter().all(is_kept) && rest.peek().is_none()
        }
        _ => before == after || (may_drop && *after == Tree::Array(Vec::new())),
    }
}

fn is_reshaped(key: &str) -> bool {
    LISTS.contains(&key) || key.ends_with("apabilities")
}
