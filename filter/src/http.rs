//! An HTTP context: Envoy's callbacks as events of one exchange, its steps as actions.
//!
//! Whatever is not decided yet is held: every callback returns `Pause` until then, because a
//! `Continue` from any of them would release the whole request.

use std::rc::Rc;

use chancery_engine::{
    decide::Verdict,
    entry::{Direction, Event},
    exchange::{
        BodyStep, Context as Judging, Exchange, HeadStep, HeaderEdit, Headers, Judged, RequestHead,
        ResponseHead, ResponseStep,
    },
    quota,
    reason::Reason,
    refusal::Reply,
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, BufferType},
};

use crate::{config::Config, host, instance, metric::metrics, shelves::SharedData, signature};

pub(crate) struct Http {
    config: Option<Rc<Config>>,
    exchange: Option<Exchange>,
    phase: Phase,
    /// Bytes booked with the instance.
    held_bytes: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// The request is held until its body is whole.
    HoldRequest,
    /// The request went on, or was never ours.
    Forwarded,
    /// The response is held until its body is whole.
    HoldResponse,
    /// The response goes through event by event.
    StreamResponse,
    /// We have answered; the host brings our own answer past us.
    Replied,
}

impl Http {
    pub(crate) fn new(config: Option<Rc<Config>>) -> Self {
        Self {
            config,
            exchange: None,
            phase: Phase::HoldRequest,
            held_bytes: 0,
        }
    }

    fn reply(&mut self, reply: &Reply) -> Action {
        self.phase = Phase::Replied;
        self.flush();
        if !host::reply(reply) {
            // Nothing may go on: a paused request is ended by the proxy's own timeouts.
            host::log(
                proxy_wasm::types::LogLevel::Error,
                "chancery: the host took no reply",
            );
        }
        Action::Pause
    }

    fn fail(&mut self, reason: Reason) -> Action {
        let exchange = self.exchange.as_mut();
        let reply = exchange.map(|exchange| exchange.fail(reason, host::now()));
        match reply {
            Some(reply) => self.reply(&reply),
            None => Action::Pause,
        }
    }

    /// Hands over the entries made so far.
    fn flush(&mut self) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        let entries = exchange.take_entries();
        let id = exchange.decision_id();
        for entry in &entries {
            let Event::Decision(decision) = &entry.event else {
                continue;
            };
            let (word, metric) = match decision.verdict {
                Verdict::Allow => ("allow", metrics().allowed),
                Verdict::Deny(reason) => (reason.as_str(), metrics().refused),
            };
            host::increment(metric);
            if decision.verdict == Verdict::Deny(Reason::QuotaExceeded) {
                host::increment(metrics().over_quota);
            }
            // The access log has one line for the request; what streams back has entries only.
            if decision.direction == Direction::ToServer {
                host::set_decision_property(&format!("{word} {id}"));
            }
        }
        if !entries.is_empty() {
            instance::with(|instance| instance.record(entries));
        }
    }

    fn judging(&self) -> Option<Judging> {
        let config = self.config.as_ref()?;
        instance::with(|instance| Judging {
            policy: instance.policy(),
            keys: instance.keys(),
            limits: config.limits,
            unmatched: config.unmatched,
            decision_id: instance.next_decision_id(),
            now: host::now(),
        })
    }

    fn open(&mut self, ends: bool) -> Action {
        // Without a configuration there is no context, and nothing goes on.
        let Some(judging) = self.judging() else {
            return Action::Pause;
        };
        let headers = host::request_headers();
        let find = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| key == name)
                .map_or(&[][..], |(_, value)| value)
        };
        let cluster = host::property(&["xds", "cluster_name"]).unwrap_or_default();
        let metadata = [
            "xds",
            "route_metadata",
            "filter_metadata",
            "chancery",
            "server",
        ];
        let route_server = host::property(&metadata);
        let source = host::property(&["source", "address"]);
        let head = RequestHead {
            method: find(":method"),
            authority: find(":authority"),
            path: find(":path"),
            headers: Headers::new(&headers),
            cluster: &cluster,
            route_server: route_server.as_deref(),
            source: source.as_deref(),
            ends,
        };
        let opened = instance::with(|instance| Exchange::open(judging, &head, &instance.tokens));
        let Some((mut exchange, mut step)) = opened else {
            return Action::Pause;
        };
        while let HeadStep::Verify(check) = &step {
            let is_valid = signature::is_valid(check);
            let next = instance::with(|instance| exchange.verified(is_valid, &mut instance.tokens));
            let Some(next) = next else {
                return Action::Pause;
            };
            step = next;
        }
        self.exchange = Some(exchange);
        match step {
            HeadStep::Reply(reply) => self.reply(&reply),
            HeadStep::Pass => {
                self.exchange = None;
                self.phase = Phase::Forwarded;
                Action::Continue
            }
            HeadStep::Forward(edits) => self.forward(&edits),
            HeadStep::AwaitCredential(_) => self.fail(Reason::NoUpstreamCredential),
            // The loop above leaves none; held is the safe side of being wrong.
            HeadStep::AwaitBody | HeadStep::Verify(_) => Action::Pause,
        }
    }

    fn forward(&mut self, edits: &[HeaderEdit]) -> Action {
        host::edit_request_headers(edits);
        self.phase = Phase::Forwarded;
        self.flush();
        Action::Continue
    }

    /// Judges the request once all of it is there.
    fn judge_request(&mut self, size: usize) -> Action {
        let Some(body) = host::body(BufferType::HttpRequestBody, size) else {
            return self.fail(Reason::Misconfigured);
        };
        let Some(exchange) = &mut self.exchange else {
            return Action::Pause;
        };
        let mut step = exchange.body(&body);
        while let BodyStep::Spend(charges) = &step {
            step = exchange.spent(quota::spend(charges, &mut SharedData, host::now()));
        }
        match step {
            BodyStep::Reply(reply) => self.reply(&reply),
            BodyStep::Forward {
                headers,
                body: None,
            } => self.forward(&headers),
            // The loop above leaves none; held is the safe side of being wrong.
            BodyStep::Spend(_) => Action::Pause,
            BodyStep::Forward {
                headers,
                body: Some(rewritten),
            } => {
                host::remove_request_header("content-length");
                if host::replace_body(BufferType::HttpRequestBody, size, rewritten.as_bytes()) {
                    self.forward(&headers)
                } else {
                    self.fail(Reason::Misconfigured)
                }
            }
            BodyStep::AwaitCredential { .. } => self.fail(Reason::NoUpstreamCredential),
        }
    }

    /// Judges the response once all of it is there.
    fn judge_response(&mut self, size: usize) -> Action {
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

    /// Books what is held of a body; the reason to refuse where it is too much.
    fn hold(&mut self, size: usize, max_bytes: usize, too_large: Reason) -> Result<(), Reason> {
        if size > max_bytes {
            return Err(too_large);
        }
        let more = size.saturating_sub(self.held_bytes);
        let max_held = self
            .config
            .as_ref()
            .map_or(0, |config| config.limits.max_held_bytes);
        if instance::with(|instance| instance.hold(more, max_held)) != Some(true) {
            return Err(Reason::Overloaded);
        }
        self.held_bytes = self.held_bytes.saturating_add(more);
        Ok(())
    }

    fn release(&mut self) {
        let held = std::mem::take(&mut self.held_bytes);
        instance::with(|instance| instance.release(held));
    }

    fn stream(&mut self, size: usize, ends: bool) -> Action {
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

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, ends: bool) -> Action {
        self.open(ends)
    }

    fn on_http_request_body(&mut self, size: usize, ends: bool) -> Action {
        match self.phase {
            Phase::Replied => return Action::Pause,
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => {
                return Action::Continue;
            }
            Phase::HoldRequest => {}
        }
        let max_bytes = self
            .config
            .as_ref()
            .map_or(0, |config| config.limits.max_body_bytes);
        match self.hold(size, max_bytes, Reason::BodyTooLarge) {
            Err(reason) => self.fail(reason),
            Ok(()) if ends => {
                self.release();
                self.judge_request(size)
            }
            Ok(()) => Action::Pause,
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match self.phase {
            Phase::Replied => Action::Pause,
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => Action::Continue,
            // The body came without an end of its own: all that was buffered is all there is.
            Phase::HoldRequest => {
                let size = self.held_bytes;
                self.release();
                self.judge_request(size)
            }
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, ends: bool) -> Action {
        match self.phase {
            // Our own answer, or one before we have judged, which is the proxy's own.
            Phase::Replied | Phase::HoldRequest => return Action::Continue,
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
                host::remove_response_header("content-length");
                Action::Continue
            }
            ResponseStep::Reply(reply) => self.reply(&reply),
        }
    }

    fn on_http_response_body(&mut self, size: usize, ends: bool) -> Action {
        match self.phase {
            Phase::Replied | Phase::Forwarded | Phase::HoldRequest => Action::Continue,
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

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        match self.phase {
            Phase::Replied | Phase::Forwarded | Phase::HoldRequest => Action::Continue,
            Phase::StreamResponse => {
                // What still waits for the end of its event has no place left to go.
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

    fn on_log(&mut self) {
        self.release();
        if let Some(exchange) = &mut self.exchange {
            exchange.close(host::now());
        }
        self.flush();
    }
}

impl Context for Http {}
