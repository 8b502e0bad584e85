//! The way back: a response is held and judged whole, or judged event by event as it comes.

use std::rc::Weak;

use chancery_engine::{
    exchange::{Headers, Judged, ResponseHead, ResponseStep},
    reason::Reason,
};
use proxy_wasm::types::{Action, BufferType};

use super::{Phase, Request};
use crate::{host, instance, streams};

impl Request {
    pub(super) fn response_headers(&mut self, ends: bool) -> Action {
        match self.phase {
            // Our own answer, or one before we have judged, which is the proxy's own.
            Phase::Replied
            | Phase::HoldRequest
            | Phase::AwaitAnswer
            | Phase::AwaitCredential
            | Phase::AwaitRecord => return Action::Continue,
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => {}
        }
        let Some(exchange) = &mut self.exchange else {
            return Action::Continue;
        };
        let headers = host::response_headers();
        let status = headers.iter().find(|(name, _)| name == ":status");
        let status = status.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
        let head = ResponseHead {
            status: status.unwrap_or(502),
            headers: Headers::new(&headers),
            ends,
        };
        if let (401, Some((need, credential))) = (head.status, exchange.used()) {
            instance::with(|instance| instance.refused(need, credential));
        }
        match exchange.response_head(&head, host::now()) {
            ResponseStep::Pass(edits) => {
                host::edit_response_headers(&edits);
                self.flush();
                Action::Continue
            }
            ResponseStep::Hold(edits) => {
                host::edit_response_headers(&edits);
                self.phase = Phase::HoldResponse;
                Action::Pause
            }
            ResponseStep::Stream(edits) => {
                host::edit_response_headers(&edits);
                self.phase = Phase::StreamResponse;
                self.streams = true;
                streams::opened(self.context_id, Weak::clone(&self.this));
                host::remove_response_header("content-length");
                Action::Continue
            }
            ResponseStep::Reply(reply) => self.reply(&reply),
        }
    }

    pub(super) fn response_body(&mut self, size: usize, ends: bool) -> Action {
        match self.phase {
            Phase::Replied
            | Phase::Forwarded
            | Phase::HoldRequest
            | Phase::AwaitAnswer
            | Phase::AwaitCredential
            | Phase::AwaitRecord => Action::Continue,
            Phase::StreamResponse => self.stream(size, ends),
            Phase::HoldResponse => {
                let config = self.config.as_ref();
                let max_bytes = config.map_or(0, |config| config.limits.max_response_bytes);
                match self.hold(size, max_bytes, Reason::ResponseTooLarge) {
                    Err(reason) => self.fail(reason),
                    Ok(()) if ends => {
                        self.release();
                        self.judge_response(size)
                    }
                    Ok(()) => Action::Pause,
                }
            }
        }
    }

    pub(super) fn response_trailers(&mut self) -> Action {
        match self.phase {
            Phase::Replied
            | Phase::Forwarded
            | Phase::HoldRequest
            | Phase::AwaitAnswer
            | Phase::AwaitCredential
            | Phase::AwaitRecord => Action::Continue,
            Phase::StreamResponse => {
                // What still waits for the end of its event has no place left to go.
                self.renew();
                if let Some(exchange) = &mut self.exchange {
                    drop(exchange.response_chunk(&[], true, host::now()));
                }
                self.flush();
                Action::Continue
            }
            Phase::HoldResponse => {
                let size = self.held_bytes;
                self.release();
                self.judge_response(size)
            }
        }
    }

    /// Has what comes next of the response judged by what is in force by now.
    fn renew(&mut self) {
        let policy = instance::with(|instance| instance.policy()).flatten();
        if let Some(exchange) = &mut self.exchange {
            exchange.renew(policy, host::now());
        }
    }

    /// Ends a stream that was stopped, between two of its events. There is no saying why: a filter adds
    /// to a stream only where one of its chunks comes.
    pub(crate) fn end_if_stopped(&mut self) {
        if self.phase != Phase::StreamResponse {
            return;
        }
        self.renew();
        let Some(exchange) = self
            .exchange
            .as_mut()
            .filter(|exchange| exchange.is_stopped())
        else {
            return;
        };
        drop(exchange.response_chunk(&[], true, host::now()));
        self.phase = Phase::Forwarded;
        self.flush();
        host::end_response();
    }

    /// Judges the response once all of it is there.
    fn judge_response(&mut self, size: usize) -> Action {
        self.renew();
        let Some(body) = host::body(BufferType::HttpResponseBody, size) else {
            return self.fail(Reason::UnreadableResponse);
        };
        let Some(exchange) = &mut self.exchange else {
            return Action::Pause;
        };
        match exchange.response_body(&body, host::now()) {
            Judged::Unchanged => {}
            Judged::Reply(reply) => return self.reply(&reply),
            Judged::Rewritten(rewritten) => {
                host::remove_response_header("content-length");
                if !host::replace_body(BufferType::HttpResponseBody, size, rewritten.as_bytes()) {
                    return self.fail(Reason::UnreadableResponse);
                }
            }
        }
        self.phase = Phase::Forwarded;
        self.flush();
        Action::Continue
    }

    fn stream(&mut self, size: usize, ends: bool) -> Action {
        self.renew();
        let Some(chunk) = host::body(BufferType::HttpResponseBody, size) else {
            return Action::Pause;
        };
        let Some(exchange) = &mut self.exchange else {
            return Action::Pause;
        };
        let delivered = exchange.response_chunk(&chunk, ends, host::now());
        let waiting = exchange.held_bytes();
        self.release();
        if let Err(reason) = self.hold(waiting, usize::MAX, Reason::ResponseTooLarge) {
            // The head is gone, so there is no answering any more.
            if let Some(exchange) = &mut self.exchange {
                drop(exchange.fail(reason, host::now()));
            }
            self.flush();
            host::end_response();
            return Action::Pause;
        }
        if delivered != chunk && !host::replace_body(BufferType::HttpResponseBody, size, &delivered)
        {
            return Action::Pause;
        }
        self.flush();
        Action::Continue
    }
}
