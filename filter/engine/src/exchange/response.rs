//! The way back to the client: the head of an answer, and an answer that is held whole.

use super::{
    Ending, Exchange, HeaderEdit, Headers, Phase, Verb,
    answer::{Delivery, Withheld},
    handles::unsealable,
    headers::{Repeated, is_event_stream, is_json},
    strip,
};
use crate::{
    entry::OutcomeStatus,
    id::Time,
    message::{self, Era, Message},
    reason::Reason,
    refusal::Reply,
    seal::Handle,
};

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// `:status`
    pub status: u16,
    /// All headers.
    pub headers: Headers<'a>,
    /// Whether there is no body.
    pub ends: bool,
}

/// What is to be done with a response. Its headers are changed first.
#[derive(Debug)]
pub enum ResponseStep {
    /// There is nothing to judge: let it through.
    Pass(Vec<HeaderEdit>),
    /// Hold it until it is whole, then [`Exchange::response_body`].
    Hold(Vec<HeaderEdit>),
    /// Let the head through and give each chunk to [`Exchange::response_chunk`].
    Stream(Vec<HeaderEdit>),
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

/// Why an answer is refused by its head, and what of it is wrong.
type Refused = (Reason, Option<&'static str>);

const UNREADABLE: Refused = (Reason::UnreadableResponse, None);
const REDIRECT: Refused = (Reason::UnreadableResponse, Some("it is a redirect"));
const EMPTY: Refused = (Reason::UnreadableResponse, Some("it is empty"));
const ENCODED: Refused = (Reason::UnreadableResponse, Some("it is encoded"));

impl Exchange {
    /// Judges the head of a response.
    pub fn response_head(&mut self, head: &ResponseHead<'_>, now: Time) -> ResponseStep {
        match self.phase {
            Phase::Response => {}
            // The proxy's own answers, and what is not governed.
            Phase::Request | Phase::Ahead | Phase::Done | Phase::Passed => {
                return ResponseStep::Pass(Vec::new());
            }
        }
        self.stream.status = head.status;
        self.judge_response_head(head, now)
            .unwrap_or_else(|(reason, detail)| {
                ResponseStep::Reply(self.refuse_response(reason, detail, now))
            })
    }

    fn judge_response_head(
        &mut self,
        head: &ResponseHead<'_>,
        now: Time,
    ) -> Result<ResponseStep, Refused> {
        let single = |name| head.headers.single(name).map_err(|Repeated| UNREADABLE);
        match head.status {
            401 => return Err((Reason::UpstreamUnauthorized, None)),
            300..=399 => return Err(REDIRECT),
            _ => {}
        }
        let mut edits = strip::response(head.headers);
        if let Some(id) = single("mcp-session-id")? {
            edits.push(self.seal_session(id).map_err(|reason| (reason, None))?);
        }
        let succeeded = (200..300).contains(&head.status);
        if head.ends && succeeded && self.awaits_answer() {
            return Err(EMPTY);
        }
        if head.ends {
            let ending = Ending {
                http_status: head.status,
                ..Ending::default()
            };
            self.end(OutcomeStatus::Http, now, ending);
            return Ok(ResponseStep::Pass(edits));
        }
        let encoding = single("content-encoding")?;
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            return Err(ENCODED);
        }
        let content_type = single("content-type")?;
        if succeeded && content_type.is_some_and(is_event_stream) {
            return match self.verb {
                Verb::Post | Verb::Get => Ok(ResponseStep::Stream(edits)),
                Verb::Delete => Err(UNREADABLE),
            };
        }
        // The body is held even where its type is unknown: an empty one is no secret.
        self.stream.is_json = content_type.is_some_and(is_json);
        Ok(ResponseStep::Hold(edits))
    }

    /// Whether the client waits for an answer to a request of its own.
    pub(super) fn awaits_answer(&self) -> bool {
        self.verb == Verb::Post && self.asked.rpc_id.is_some()
    }

    /// What the client gets in place of the session's id.
    fn seal_session(&self, id: &[u8]) -> Result<HeaderEdit, Reason> {
        let name = "mcp-session-id".to_owned();
        if self.asked.era == Era::Stateless {
            return Ok(HeaderEdit::Remove(name));
        }
        let policy = self.policy();
        let server = self
            .arrival
            .and_then(|arrival| policy.as_deref()?.server(arrival.server));
        let id = std::str::from_utf8(id).map_err(|_not_text| Reason::UnreadableResponse)?;
        let server = server.ok_or(Reason::UnreadableResponse)?;
        let token = self.binding(server).seal(Handle::Session, "", id);
        Ok(HeaderEdit::Set(name, token.map_err(unsealable)?))
    }

    /// Judges a held response.
    pub fn response_body(&mut self, bytes: &[u8], now: Time) -> Judged {
        if self.phase != Phase::Response {
            return Judged::Unchanged;
        }
        if let Some(reason) = self.lost {
            return Judged::Reply(self.refuse_response(reason, None, now));
        }
        let succeeded = (200..300).contains(&self.stream.status);
        // What a server says of a session that it has ended is no message and tells nothing.
        let is_needless = self.verb == Verb::Delete && succeeded;
        if is_needless || (bytes.is_empty() && !(succeeded && self.awaits_answer())) {
            let ending = Ending {
                http_status: self.stream.status,
                ..Ending::default()
            };
            self.end(OutcomeStatus::Http, now, ending);
            return if bytes.is_empty() {
                Judged::Unchanged
            } else {
                Judged::Rewritten(String::new())
            };
        }
        let limits = self.context.limits;
        if bytes.len() > limits.max_response_bytes {
            return Judged::Reply(self.refuse_response(Reason::ResponseTooLarge, None, now));
        }
        if !self.stream.is_json || self.verb != Verb::Post {
            return Judged::Reply(self.refuse_unreadable(now));
        }
        let document = message::parse(bytes, limits.max_response_bytes, &limits);
        let message = document.as_ref().map(Message::read);
        let (Ok(document), Ok(Ok(message))) = (&document, &message) else {
            return Judged::Reply(self.refuse_unreadable(now));
        };
        let (edits, status, mut ending) = match self.judge_message(message) {
            Ok(Delivery {
                edits,
                ends_with: Some((status, ending)),
            }) => (edits, status, ending),
            Ok(Delivery {
                edits: _,
                ends_with: None,
            })
            | Err(Withheld::Dropped) => return Judged::Reply(self.refuse_unreadable(now)),
            Err(Withheld::Refused(reason)) => {
                return Judged::Reply(self.refuse_response(reason, None, now));
            }
            Err(Withheld::Blocked(blocked, findings)) => {
                let ending = Ending::blocked(findings);
                let detail = blocked.to_string();
                return Judged::Reply(self.refuse_answer(ending, Some(&detail), now));
            }
        };
        if edits.is_empty() {
            ending.size_bytes = bytes.len();
            ending.result = self.keep_result(message);
            self.end(status, now, ending);
            return Judged::Unchanged;
        }
        let rewritten = edits.apply(document.text()).ok();
        self.rewritten_response(rewritten, status, ending, now)
    }

    fn rewritten_response(
        &mut self,
        rewritten: Option<String>,
        status: OutcomeStatus,
        mut ending: Ending,
        now: Time,
    ) -> Judged {
        let max_bytes = self.context.limits.max_response_bytes.saturating_mul(2);
        match rewritten {
            // Tokens are longer than what they stand for.
            Some(text) if text.len() > max_bytes => {
                Judged::Reply(self.refuse_response(Reason::ResponseTooLarge, None, now))
            }
            Some(text) => {
                ending.size_bytes = text.len();
                ending.result = self.keep_rewritten(&text);
                self.end(status, now, ending);
                Judged::Rewritten(text)
            }
            // Replacements overlap.
            None => Judged::Reply(self.refuse_response(Reason::UnreadableResponse, None, now)),
        }
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
        let ending = Ending {
            reason: Some(reason),
            ..Ending::default()
        };
        self.refuse_answer(ending, detail, now)
    }

    fn refuse_answer(&mut self, mut ending: Ending, detail: Option<&str>, now: Time) -> Reply {
        let rpc_id = self.asked.rpc_id.clone();
        let reason = ending.reason.unwrap_or(Reason::UnreadableResponse);
        let reply = self.refusal(reason, rpc_id.as_deref(), detail).reply();
        if matches!(self.phase, Phase::Response | Phase::Ahead) {
            ending.http_status = reply.status;
            self.end(OutcomeStatus::Refused, now, ending);
        }
        reply
    }
}
