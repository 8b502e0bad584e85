//! An answer that is an event stream: judged and delivered event by event.

use super::{
    Ending, Exchange, Phase,
    answer::{Delivery, Withheld},
};
use crate::{
    entry::OutcomeStatus,
    id::Time,
    message::{self, Message},
    reason::Reason,
    sse::{self, EventName, EventSplitter, RawEvent},
};

/// What a stream had before the answer that is due: why it may end without.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Seen {
    /// Nothing that says anything about it.
    #[default]
    Nothing,
    /// Something that did not go on, which may have been the answer.
    Withheld,
    /// An event with an id, so that the answer may come on another stream.
    Resumable,
}

/// An answer in progress.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) status: u16,
    splitter: EventSplitter,
    delivered_bytes: usize,
    seen: Seen,
    /// A held answer is declared as JSON.
    pub(super) is_json: bool,
    /// Nothing more is let through.
    is_closed: bool,
}

impl Exchange {
    /// Judges a chunk of an event stream; what is returned may be delivered at once.
    pub fn response_chunk(&mut self, chunk: &[u8], ends: bool, now: Time) -> Vec<u8> {
        if self.stream.is_closed {
            return Vec::new();
        }
        let max_bytes = self.context.limits.max_event_bytes;
        let mut delivered = Vec::with_capacity(chunk.len());
        if let Some(reason) = self.lost {
            self.break_off(reason, now, &mut delivered);
            return delivered;
        }
        self.stream.splitter.push(chunk);
        while !self.stream.is_closed {
            match self.stream.splitter.next_event(max_bytes) {
                Ok(Some(event)) => self.deliver(event, now, &mut delivered),
                Ok(None) => break,
                Err(_too_long) => self.break_off(Reason::ResponseTooLarge, now, &mut delivered),
            }
        }
        if ends
            && !self.stream.is_closed
            && let Some(event) = self.stream.splitter.finish()
        {
            self.deliver(event, now, &mut delivered);
        }
        if ends {
            self.end_stream(now, &mut delivered);
        }
        let total = self.stream.delivered_bytes.saturating_add(delivered.len());
        self.stream.delivered_bytes = total;
        delivered
    }

    /// The stream is over; what is still due is said and recorded.
    fn end_stream(&mut self, now: Time, delivered: &mut Vec<u8>) {
        if self.phase != Phase::Response {
            return;
        }
        let is_missing = self.awaits_answer() && self.stream.seen != Seen::Resumable;
        if is_missing {
            // Some clients wait for ever on a stream that ends without what they asked for.
            let rpc_id = self.asked.rpc_id.clone();
            let refusal = self.refusal(Reason::UnreadableResponse, rpc_id.as_deref(), None);
            // What came last may lack its blank line.
            delivered.extend_from_slice(b"\n\n");
            delivered.extend(sse::event(&refusal.body()));
        }
        let (status, reason) = if !self.awaits_answer() {
            // A stream of notifications has no answer to wait for.
            (OutcomeStatus::Http, None)
        } else if is_missing && self.stream.seen == Seen::Withheld {
            (OutcomeStatus::Refused, Some(Reason::UnreadableResponse))
        } else {
            (OutcomeStatus::Unknown, None)
        };
        let ending = Ending {
            http_status: self.stream.status,
            size_bytes: self.stream.delivered_bytes.saturating_add(delivered.len()),
            reason,
            ..Ending::default()
        };
        self.end(status, now, ending);
    }

    /// How many bytes of a stream wait for the rest of their event.
    pub fn held_bytes(&self) -> usize {
        self.stream.splitter.held_bytes()
    }

    fn deliver(&mut self, event: RawEvent, now: Time, delivered: &mut Vec<u8>) {
        match event.name() {
            EventName::Message => {}
            // It announces an address to post to, which would go around us.
            EventName::Endpoint => {
                return self.break_off(Reason::LegacyTransport, now, delivered);
            }
            // No client of MCP reads it.
            EventName::Other => return self.withhold(),
            EventName::Ambiguous => {
                return self.break_off(Reason::UnreadableResponse, now, delivered);
            }
        }
        let (event, drops_lines) = event.cleaned();
        if drops_lines {
            self.withhold();
        }
        if event.has_id() {
            self.stream.seen = Seen::Resumable;
        }
        let Some(data) = event.data().filter(|data| !data.is_empty()) else {
            delivered.extend(event.into_bytes());
            return;
        };
        let limits = self.context.limits;
        let document = message::parse(&data, limits.max_event_bytes, &limits);
        let message = document.as_ref().map(Message::read);
        let (Ok(document), Ok(Ok(message))) = (&document, &message) else {
            return self.break_off(Reason::UnreadableResponse, now, delivered);
        };
        let Delivery { edits, ends_with } = match self.judge_message(message) {
            Ok(delivery) => delivery,
            Err(Withheld::Dropped) => return self.withhold(),
            Err(Withheld::Refused(reason)) => return self.break_off(reason, now, delivered),
            Err(Withheld::Blocked(blocked, findings)) => {
                let ending = Ending::blocked(findings);
                let detail = blocked.to_string();
                return self.break_off_with(ending, Some(&detail), now, delivered);
            }
        };
        let is_answer = ends_with.is_some();
        let (bytes, result) = if edits.is_empty() {
            let result = is_answer.then(|| self.keep_result(message)).flatten();
            (event.into_bytes(), result)
        } else if let Ok(text) = edits.apply(document.text()) {
            // Tokens are longer than what they stand for.
            if text.len() > limits.max_event_bytes.saturating_mul(2) {
                return self.break_off(Reason::ResponseTooLarge, now, delivered);
            }
            let result = is_answer.then(|| self.keep_rewritten(&text)).flatten();
            (event.with_data(&text), result)
        } else {
            return self.break_off(Reason::UnreadableResponse, now, delivered);
        };
        delivered.extend_from_slice(&bytes);
        if let Some((status, mut ending)) = ends_with {
            ending.result = result;
            ending.size_bytes = self.stream.delivered_bytes.saturating_add(delivered.len());
            self.end(status, now, ending);
        }
    }

    fn withhold(&mut self) {
        if self.stream.seen == Seen::Nothing {
            self.stream.seen = Seen::Withheld;
        }
    }

    /// Ends a stream that can no longer be judged, with an answer where one is still due.
    fn break_off(&mut self, reason: Reason, now: Time, delivered: &mut Vec<u8>) {
        let ending = Ending {
            reason: Some(reason),
            ..Ending::default()
        };
        self.break_off_with(ending, None, now, delivered);
    }

    fn break_off_with(
        &mut self,
        mut ending: Ending,
        detail: Option<&str>,
        now: Time,
        delivered: &mut Vec<u8>,
    ) {
        self.stream.is_closed = true;
        self.stream.splitter = EventSplitter::default();
        if self.phase != Phase::Response {
            return;
        }
        let rpc_id = self.asked.rpc_id.clone();
        let reason = ending.reason.unwrap_or(Reason::UnreadableResponse);
        let body = self.refusal(reason, rpc_id.as_deref(), detail).body();
        delivered.extend(if rpc_id.is_some() {
            sse::event(&body)
        } else {
            // Nobody waits for an answer, but whoever listens is told.
            sse::error_event(&body)
        });
        ending.http_status = self.stream.status;
        self.end(OutcomeStatus::Refused, now, ending);
    }
}
