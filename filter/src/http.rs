//! An HTTP context: Envoy's callbacks as events of one exchange, its steps as actions.
//!
//! Whatever is not decided yet is held: every callback returns `Pause` until then, because a
//! `Continue` from any of them would release the whole request.

mod opening;

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use chancery_engine::{
    credential::Answer,
    decide::Verdict,
    entry::{Direction, Event},
    exchange::{
        BodyStep, CredentialStep, Exchange, HeaderEdit, Headers, Judged, ResponseHead, ResponseStep,
    },
    id::Time,
    quota,
    reason::Reason,
    refusal::Reply,
    token::WantedKey,
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, BufferType},
};

use crate::{
    config::Config,
    hold::{self, Awaited},
    host, instance,
    metric::metrics,
    shelves::SharedData,
};

/// An HTTP context. What it does may also be done for it, when an answer comes that it waits for.
pub(crate) struct Http(Rc<RefCell<Request>>);

/// One request and the exchange that it begins.
pub(crate) struct Request {
    context_id: u32,
    /// Itself, for whoever takes it up after a wait.
    this: Weak<RefCell<Self>>,
    config: Option<Rc<Config>>,
    exchange: Option<Exchange>,
    phase: Phase,
    /// When it came.
    begun: Time,
    /// How much of it is there.
    extent: Extent,
    /// Whether it was not held for an answer yet.
    may_wait: bool,
    /// Bytes booked with the instance.
    held_bytes: usize,
}

/// How much of a request is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extent {
    /// Its head, which is all of it.
    HeadAlone,
    /// Its head and some of its body.
    Part,
    /// All, with a body.
    Whole,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// The request is held until the control plane has answered; then it is opened again.
    AwaitAnswer,
    /// The request is held until its body is whole.
    HoldRequest,
    /// The request is allowed, and held until there is a credential for its server.
    AwaitCredential,
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
    pub(crate) fn new(context_id: u32, config: Option<Rc<Config>>) -> Self {
        Self(Rc::new_cyclic(|this| {
            RefCell::new(Request {
                context_id,
                this: Weak::clone(this),
                config,
                exchange: None,
                phase: Phase::HoldRequest,
                begun: Time::default(),
                extent: Extent::Part,
                may_wait: true,
                held_bytes: 0,
            })
        }))
    }
}

impl Request {
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

    /// Holds the request for a key, where that is worth it; else it is judged without.
    fn await_key(&mut self, key: WantedKey) -> Action {
        self.may_wait = false;
        let own = self.context_id;
        let until = instance::with(|instance| instance.want_key(&key, own, host::now()));
        let Some(Some(until)) = until else {
            return self.open();
        };
        self.phase = Phase::AwaitAnswer;
        hold::wait(own, Weak::clone(&self.this), Awaited::Key(key), until);
        Action::Pause
    }

    /// Holds what is allowed until there is a credential for the server.
    fn await_credential(&mut self, edits: &[HeaderEdit]) -> Action {
        host::edit_request_headers(edits);
        let own = self.context_id;
        let need = self.exchange.as_ref().and_then(Exchange::need);
        let now = host::now();
        let known = instance::with(|instance| instance.need(need?, own, now)).flatten();
        if let Some(answer) = known {
            return self.go_on(answer);
        }
        self.phase = Phase::AwaitCredential;
        hold::wait(own, Weak::clone(&self.this), Awaited::Credential, now);
        Action::Pause
    }

    /// Goes on with a credential, or says that there is none.
    fn go_on(&mut self, answer: Answer) -> Action {
        self.release();
        let Some(exchange) = &mut self.exchange else {
            return Action::Pause;
        };
        match exchange.credential(answer) {
            CredentialStep::Forward(edit) => self.forward(&[edit]),
            CredentialStep::Reply(reply) => self.reply(&reply),
        }
    }

    /// Goes on after a wait, whatever came of it. Called in the name of this request's context.
    pub(crate) fn resume(&mut self, answer: Option<Answer>) {
        let mut action = match (self.phase, answer) {
            (Phase::AwaitAnswer, _) => self.open(),
            (Phase::AwaitCredential, Some(answer)) => self.go_on(answer),
            (_, _) => return,
        };
        if self.phase == Phase::HoldRequest && self.extent == Extent::Whole {
            action = self.judge_held();
        }
        if action == Action::Continue {
            host::resume_request();
        }
    }

    /// Judges the request by all that is held of it.
    fn judge_held(&mut self) -> Action {
        let size = self.held_bytes;
        self.release();
        self.judge_request(size)
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
        let (headers, rewritten, waits) = match step {
            BodyStep::Reply(reply) => return self.reply(&reply),
            // The loop above leaves none; held is the safe side of being wrong.
            BodyStep::Spend(_) => return Action::Pause,
            BodyStep::Forward { headers, body } => (headers, body, false),
            BodyStep::AwaitCredential { headers, body } => (headers, body, true),
        };
        if let Some(rewritten) = rewritten {
            host::remove_request_header("content-length");
            if !host::replace_body(BufferType::HttpRequestBody, size, rewritten.as_bytes()) {
                return self.fail(Reason::Misconfigured);
            }
        }
        if !waits {
            return self.forward(&headers);
        }
        // It is held on, and counts on.
        match self.hold(size, usize::MAX, Reason::BodyTooLarge) {
            Ok(()) => self.await_credential(&headers),
            Err(reason) => self.fail(reason),
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

/// The callbacks.
impl Request {
    fn request_headers(&mut self, ends: bool) -> Action {
        self.begun = host::now();
        if ends {
            self.extent = Extent::HeadAlone;
        }
        self.open()
    }

    fn request_body(&mut self, size: usize, ends: bool) -> Action {
        match self.phase {
            Phase::Replied | Phase::AwaitCredential => return Action::Pause,
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => {
                return Action::Continue;
            }
            Phase::HoldRequest | Phase::AwaitAnswer if ends => self.extent = Extent::Whole,
            Phase::HoldRequest | Phase::AwaitAnswer => {}
        }
        let max_bytes = self
            .config
            .as_ref()
            .map_or(0, |config| config.limits.max_body_bytes);
        match self.hold(size, max_bytes, Reason::BodyTooLarge) {
            Err(reason) => self.fail(reason),
            Ok(()) if ends && self.phase == Phase::HoldRequest => {
                self.release();
                self.judge_request(size)
            }
            Ok(()) => Action::Pause,
        }
    }

    fn request_trailers(&mut self) -> Action {
        match self.phase {
            Phase::Replied | Phase::AwaitCredential => Action::Pause,
            Phase::AwaitAnswer => {
                self.extent = Extent::Whole;
                Action::Pause
            }
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => Action::Continue,
            // The body came without an end of its own: all that was buffered is all there is.
            Phase::HoldRequest => self.judge_held(),
        }
    }

    fn response_headers(&mut self, ends: bool) -> Action {
        match self.phase {
            // Our own answer, or one before we have judged, which is the proxy's own.
            Phase::Replied | Phase::HoldRequest | Phase::AwaitAnswer | Phase::AwaitCredential => {
                return Action::Continue;
            }
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
                host::remove_response_header("content-length");
                Action::Continue
            }
            ResponseStep::Reply(reply) => self.reply(&reply),
        }
    }

    fn response_body(&mut self, size: usize, ends: bool) -> Action {
        match self.phase {
            Phase::Replied
            | Phase::Forwarded
            | Phase::HoldRequest
            | Phase::AwaitAnswer
            | Phase::AwaitCredential => Action::Continue,
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

    fn response_trailers(&mut self) -> Action {
        match self.phase {
            Phase::Replied
            | Phase::Forwarded
            | Phase::HoldRequest
            | Phase::AwaitAnswer
            | Phase::AwaitCredential => Action::Continue,
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

    fn log(&mut self) {
        hold::forget(self.context_id);
        self.release();
        if let Some(exchange) = &mut self.exchange {
            exchange.close(host::now());
        }
        self.flush();
    }
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, ends: bool) -> Action {
        self.0.borrow_mut().request_headers(ends)
    }

    fn on_http_request_body(&mut self, size: usize, ends: bool) -> Action {
        self.0.borrow_mut().request_body(size, ends)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.0.borrow_mut().request_trailers()
    }

    fn on_http_response_headers(&mut self, _count: usize, ends: bool) -> Action {
        self.0.borrow_mut().response_headers(ends)
    }

    fn on_http_response_body(&mut self, size: usize, ends: bool) -> Action {
        self.0.borrow_mut().response_body(size, ends)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.0.borrow_mut().response_trailers()
    }

    fn on_log(&mut self) {
        self.0.borrow_mut().log();
    }
}

impl Context for Http {}
