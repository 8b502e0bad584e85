//! Redacts a body by itself, as an administrator tries a profile on samples: no rules, no server.

use super::{Carried, Finding, Redactor};
use crate::{
    json::Edits,
    limits::Limits,
    message::{self, Message, MessageError},
    sse::EventSplitter,
};

/// What became of a body.
#[derive(Debug)]
pub struct Redacted {
    /// What is sent on.
    pub body: String,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Why a body could not be redacted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableBody {
    /// It is no JSON-RPC message.
    #[error("{0}")]
    Message(#[from] MessageError),
    /// An event is longer than the limit.
    #[error("{0}")]
    Event(#[from] crate::sse::EventTooLong),
    /// It is not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// What a profile says to block is in it.
    #[error("blocked: it holds {0}")]
    Blocked(Box<str>),
    /// Replacements that cannot be made.
    #[error("{0}")]
    Edit(#[from] crate::json::EditError),
}

impl Redactor<'_> {
    /// Redacts a whole body: one JSON-RPC message, or an event stream of them.
    ///
    /// # Errors
    /// Where a filter would refuse it.
    pub fn body(
        &self,
        content_type: &str,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Redacted, UnreadableBody> {
        let mut findings = Vec::new();
        if !content_type.starts_with("text/event-stream") {
            let body = self.message(bytes, limits, &mut findings)?;
            return Ok(Redacted { body, findings });
        }
        let mut splitter = EventSplitter::default();
        splitter.push(bytes);
        let mut body = Vec::with_capacity(bytes.len());
        loop {
            let event = splitter.next_event(limits.max_event_bytes)?;
            let Some(event) = event.or_else(|| splitter.finish()) else {
                break;
            };
            match event.data().filter(|data| !data.is_empty()) {
                None => body.extend_from_slice(event.as_bytes()),
                Some(data) => {
                    let text = self.message(&data, limits, &mut findings)?;
                    if text.as_bytes() == data {
                        body.extend_from_slice(event.as_bytes());
                    } else {
                        body.extend(event.with_data(&text));
                    }
                }
            }
        }
        let body = String::from_utf8(body).map_err(|_error| UnreadableBody::Encoding)?;
        Ok(Redacted { body, findings })
    }

    fn message(
        &self,
        bytes: &[u8],
        limits: &Limits,
        findings: &mut Vec<Finding>,
    ) -> Result<String, UnreadableBody> {
        let document = message::parse(bytes, limits.max_response_bytes, limits)?;
        let message = Message::read(&document)?;
        let mut edits = Edits::default();
        let mut carried = Carried {
            redactor: *self,
            root: message.root,
            schema: None,
            edits: &mut edits,
            findings,
            is_unfit: false,
        };
        carried
            .message(&message, None)
            .map_err(|blocked| UnreadableBody::Blocked(blocked.detector))?;
        Ok(edits.apply(document.text())?)
    }
}
