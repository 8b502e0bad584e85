//! The way back to the client.

use super::{
    Ending, Exchange, Headers, Phase, Subject, Verb,
    headers::{Repeated, is_event_stream, is_json},
    list::Reader,
};
use crate::{
    decide::Verdict,
    entry::{Content, Direction, OutcomeStatus},
    id::Time,
    json::{Document, Edits, Value},
    message::{self, Answer, Body, Call, Message, Method, Sender},
    reason::Reason,
    redact::redact,
    refusal::Reply,
    sse::{self, EventSplitter, RawEvent},
};

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// `:status`
    pub status: u16,
    /// All other headers.
    pub headers: Headers<'a>,
    /// Whether there is no body.
    pub ends: bool,
}

/// What is to be done with a response.
#[derive(Debug)]
pub enum ResponseStep {
    /// There is nothing to judge: let it through.
    Pass,
    /// Hold it until it is whole, then [`Exchange::response_body`].
    Hold,
    /// Let the head through and give each chunk to [`Exchange::response_chunk`].
    Stream,
    /// Answer with this instead.
    Reply(Reply),
}

/// What becomes of a held response.
#[derive(Debug)]
pub enum Judged {
    /// It goes on as it is.
    Unchanged,
    /// It goes on with this body.
    Rewritten(String),
    /// Answer with this instead.
    Reply(Reply),
}

/// An event stream in progress.
#[derive(Debug, Default)]
pub(super) struct Stream {
    status: u16,
    splitter: EventSplitter,
    delivered_bytes: usize,
    /// Nothing more is let through.
    is_closed: bool,
}

/// What a judged message turned into.
struct Delivery {
    edits: Edits,
    /// How the exchange ends with it, if it is its answer.
    ends_with: Option<(OutcomeStatus, Ending)>,
}

impl Exchange {
    /// Judges the head of a response.
    pub fn response_head(&mut self, head: &ResponseHead<'_>, now: Time) -> ResponseStep {
        match self.phase {
            Phase::Response => {}
            // The proxy's own answers, and what is not governed.
            Phase::Request | Phase::Done | Phase::Passed => return ResponseStep::Pass,
        }
        self.stream.status = head.status;
        self.judge_response_head(head, now)
            .unwrap_or_else(|reason| ResponseStep::Reply(self.refuse_response(reason, None, now)))
    }

    fn judge_response_head(
        &mut self,
        head: &ResponseHead<'_>,
        now: Time,
    ) -> Result<ResponseStep, Reason> {
        if head.status == 401 {
            return Err(Reason::UpstreamUnauthorized);
        }
        if head.ends {
            let ending = Ending {
                http_status: head.status,
                ..Ending::default()
            };
            self.end(OutcomeStatus::Http, now, ending);
            return Ok(ResponseStep::Pass);
        }
        let single = |name| {
            head.headers
                .single(name)
                .map_err(|Repeated| Reason::UnreadableResponse)
        };
        let encoding = single("content-encoding")?;
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            return Err(Reason::UnreadableResponse);
        }
        let content_type = single("content-type")?;
        let succeeded = (200..300).contains(&head.status);
        match content_type {
            Some(kind) if is_event_stream(kind) && succeeded => match self.verb {
                Verb::Post | Verb::Get => Ok(ResponseStep::Stream),
                Verb::Delete => Err(Reason::UnreadableResponse),
            },
            // The body is held even where its type is unknown: an empty one is no secret.
            Some(_) | None => Ok(ResponseStep::Hold),
        }
        .inspect(|step| {
            if let ResponseStep::Hold = step {
                self.stream.is_closed = !content_type.is_some_and(is_json);
            }
        })
    }

    /// Judges a held response.
    pub fn response_body(&mut self, bytes: &[u8], now: Time) -> Judged {
        if self.phase != Phase::Response {
            return Judged::Unchanged;
        }
        let http_status = self.stream.status;
        if bytes.is_empty() {
            self.end(
                OutcomeStatus::Http,
                now,
                Ending {
                    http_status,
                    ..Ending::default()
                },
            );
            return Judged::Unchanged;
        }
        let limits = self.context.limits;
        if bytes.len() > limits.max_response_bytes {
            return Judged::Reply(self.refuse_response(Reason::ResponseTooLarge, None, now));
        }
        if self.stream.is_closed || self.verb != Verb::Post {
            return Judged::Reply(self.refuse_unreadable(now));
        }
        let document = message::parse(bytes, limits.max_response_bytes, &limits);
        let message = document.as_ref().map(Message::read);
        let (Ok(document), Ok(Ok(message))) = (&document, &message) else {
            return Judged::Reply(self.refuse_unreadable(now));
        };
        let delivery = self.judge_message(message, bytes.len());
        let Ok(Delivery {
            edits,
            ends_with: Some((status, mut ending)),
        }) = delivery
        else {
            return Judged::Reply(self.refuse_unreadable(now));
        };
        let rewritten = if edits.is_empty() {
            None
        } else {
            Some(edits.apply(document.text()))
        };
        match rewritten {
            None => {
                ending.size_bytes = bytes.len();
                ending.result = self.keep_result(message);
                self.end(status, now, ending);
                Judged::Unchanged
            }
            Some(Ok(text)) => {
                ending.size_bytes = text.len();
                ending.result = self.keep_rewritten(&text);
                self.end(status, now, ending);
                Judged::Rewritten(text)
            }
            Some(Err(_overlap)) => {
                Judged::Reply(self.refuse_response(Reason::UnreadableResponse, None, now))
            }
        }
    }

    /// Judges a chunk of an event stream; what is returned may be delivered at once.
    pub fn response_chunk(&mut self, chunk: &[u8], ends: bool, now: Time) -> Vec<u8> {
        let mut delivered = Vec::with_capacity(chunk.len());
        self.stream.splitter.push(chunk);
        while !self.stream.is_closed {
            match self
                .stream
                .splitter
                .next_event(self.context.limits.max_event_bytes)
            {
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
        let total = self.stream.delivered_bytes.saturating_add(delivered.len());
        self.stream.delivered_bytes = total;
        if ends && self.phase == Phase::Response {
            let status = match self.verb {
                // A stream of notifications has no answer to wait for.
                Verb::Get | Verb::Delete => OutcomeStatus::Http,
                Verb::Post if self.asked.rpc_id.is_none() => OutcomeStatus::Http,
                Verb::Post => OutcomeStatus::Unknown,
            };
            let http_status = self.stream.status;
            let ending = Ending {
                http_status,
                size_bytes: total,
                ..Ending::default()
            };
            self.end(status, now, ending);
        }
        delivered
    }

    /// How many bytes of a stream wait for the rest of their event.
    pub fn held_bytes(&self) -> usize {
        self.stream.splitter.held_bytes()
    }

    fn deliver(&mut self, event: RawEvent, now: Time, delivered: &mut Vec<u8>) {
        // The transport of 2024-11-05 announces an address to post to, which would go around us.
        if event.name().is_some_and(|name| name != b"message") {
            return self.break_off(Reason::UnreadableResponse, now, delivered);
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
        let Ok(Delivery { edits, ends_with }) = self.judge_message(message, data.len()) else {
            return;
        };
        let (bytes, result) = if edits.is_empty() {
            let result = ends_with
                .is_some()
                .then(|| self.keep_result(message))
                .flatten();
            (event.into_bytes(), result)
        } else if let Ok(text) = edits.apply(document.text()) {
            (
                event.with_data(&text),
                ends_with
                    .is_some()
                    .then(|| self.keep_rewritten(&text))
                    .flatten(),
            )
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

    /// Ends a stream that can no longer be judged, with an answer where one is still due.
    fn break_off(&mut self, reason: Reason, now: Time, delivered: &mut Vec<u8>) {
        self.stream.is_closed = true;
        if self.phase != Phase::Response {
            return;
        }
        let rpc_id = self.asked.rpc_id.clone();
        if let Some(rpc_id) = &rpc_id {
            let body = self.refusal(reason, Some(rpc_id), None).body();
            delivered.extend(sse::event(&body));
        }
        let http_status = self.stream.status;
        let ending = Ending {
            http_status,
            reason: Some(reason),
            ..Ending::default()
        };
        self.end(OutcomeStatus::Refused, now, ending);
    }

    /// An answer that is no message. Its status says enough where it already tells of a failure.
    fn refuse_unreadable(&mut self, now: Time) -> Reply {
        let http_status = self.stream.status;
        let mut reply = self.refuse_response(Reason::UnreadableResponse, None, now);
        if (400..600).contains(&http_status) {
            reply.status = http_status;
        }
        reply
    }

    pub(super) fn refuse_response(
        &mut self,
        reason: Reason,
        detail: Option<&str>,
        now: Time,
    ) -> Reply {
        let rpc_id = self.asked.rpc_id.clone();
        let reply = self.refusal(reason, rpc_id.as_deref(), detail).reply();
        if self.phase == Phase::Response {
            let http_status = reply.status;
            let ending = Ending {
                http_status,
                reason: Some(reason),
                ..Ending::default()
            };
            self.end(OutcomeStatus::Refused, now, ending);
        }
        reply
    }

    /// Judges a message on its way to the client.
    ///
    /// # Errors
    /// Where it must not be delivered, which is recorded here.
    fn judge_message(
        &mut self,
        message: &Message<'_>,
        size_bytes: usize,
    ) -> Result<Delivery, Reason> {
        match message.body {
            Body::Response { id, answer } => self.judge_answer(message, id, answer),
            Body::Request { id, call } => {
                self.judge_sent(message, &call, Some(id.raw()), size_bytes)
            }
            Body::Notification(call) => self.judge_sent(message, &call, None, size_bytes),
        }
    }

    fn judge_answer(
        &mut self,
        message: &Message<'_>,
        id: Value<'_>,
        answer: Answer<'_>,
    ) -> Result<Delivery, Reason> {
        let is_ours = match (self.verb, &self.asked.rpc_id) {
            // What a resumed stream replays was asked in another exchange.
            (Verb::Get, _) => true,
            (Verb::Post, Some(asked)) => same_id(asked, id),
            (Verb::Post, None) | (Verb::Delete, _) => false,
        };
        if !is_ours {
            return Err(Reason::UnreadableResponse);
        }
        let mut edits = Edits::default();
        let mut ending = Ending {
            http_status: self.stream.status,
            ..Ending::default()
        };
        let detectors = self.detectors(Direction::ToClient);
        let status = match answer {
            Answer::Result(result) => {
                if let (Some(policy), Some(server)) = (self.policy(), self.server) {
                    let reader = Reader {
                        policy: &policy,
                        server,
                        principal: &self.principal,
                        limits: &self.context.limits,
                    };
                    reader.prune(self.asked.method, result, &mut edits, &mut ending.pruned);
                }
                if ending.pruned.is_empty() && edits.is_empty() {
                    let root = message.root;
                    redact(root, result, detectors, &mut edits, &mut ending.findings);
                }
                match result.get("isError").and_then(Value::as_bool) {
                    Some(true) => OutcomeStatus::ToolError,
                    Some(false) | None => OutcomeStatus::Result,
                }
            }
            Answer::Error(error) => {
                redact(
                    message.root,
                    error,
                    detectors,
                    &mut edits,
                    &mut ending.findings,
                );
                let code = error.get("code").and_then(Value::as_number);
                ending.rpc_code = code.and_then(|code| code.parse().ok());
                OutcomeStatus::RpcError
            }
        };
        let ends_with = match self.verb {
            Verb::Post => Some((status, ending)),
            Verb::Get | Verb::Delete => None,
        };
        Ok(Delivery { edits, ends_with })
    }

    /// Judges a request or notification of the server's.
    fn judge_sent(
        &mut self,
        message: &Message<'_>,
        call: &Call<'_>,
        rpc_id: Option<&str>,
        size_bytes: usize,
    ) -> Result<Delivery, Reason> {
        let name = call.name();
        let mut subject = Subject {
            method: &name,
            rpc_id,
            size_bytes,
            ..Subject::default()
        };
        let known = call.method.filter(|method| match method.sender() {
            Sender::Server | Sender::Both => true,
            Sender::Client => false,
        });
        if known.is_none() {
            let verdict = Verdict::Deny(Reason::UnknownMethod);
            self.decide(verdict, Direction::ToClient, subject);
            return Err(Reason::UnknownMethod);
        }
        let mut edits = Edits::default();
        let detectors = self.detectors(Direction::ToClient);
        if let Some(params) = call.params {
            redact(
                message.root,
                params,
                detectors,
                &mut edits,
                &mut subject.findings,
            );
        }
        if known != Some(Method::Progress) {
            self.decide(Verdict::Allow, Direction::ToClient, subject);
        }
        Ok(Delivery {
            edits,
            ends_with: None,
        })
    }

    fn keep_result(&self, message: &Message<'_>) -> Option<Content> {
        let Body::Response { answer, .. } = message.body else {
            return None;
        };
        let value = match answer {
            Answer::Result(value) | Answer::Error(value) => value,
        };
        Some(Content::bounded(
            value.raw(),
            self.context.limits.max_content_bytes,
            None,
        ))
    }

    fn keep_rewritten(&self, text: &str) -> Option<Content> {
        let limits = &self.context.limits;
        let max_bytes = limits.max_response_bytes.saturating_mul(2);
        let document = Document::parse(text.as_bytes(), max_bytes, limits).ok()?;
        self.keep_result(&Message::read(&document).ok()?)
    }
}

/// Whether an answer's id is the request's: numbers by lexeme, strings by content.
fn same_id(asked: &str, id: Value<'_>) -> bool {
    if asked == id.raw() {
        return true;
    }
    let asked = Document::parse(
        asked.as_bytes(),
        asked.len(),
        &crate::limits::Limits::DEFAULT,
    );
    let asked = asked
        .ok()
        .and_then(|asked| asked.root().as_str().map(std::borrow::Cow::into_owned));
    asked.is_some_and(|asked| id.is(&asked))
}
