//! An HTTP context: Envoy's callbacks as events of one exchange, its steps as actions.
//!
//! Whatever is not decided yet is held: every callback returns `Pause` until then, because a
//! `Continue` from any of them would release the whole request.

mod ahead;
mod opening;
mod request;
mod response;
mod watch;

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use chancery_engine::{
    decide::Verdict,
    entry::{Direction, Event},
    exchange::Exchange,
    id::Time,
    reason::Reason,
    refusal::Reply,
    ring::Ticket,
    shadow::Watch,
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{config::Config, hold, host, instance, metric, streams};

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
    /// Whether its answer is, or was, an event stream.
    streams: bool,
    /// What looks at it while it goes through.
    watch: Option<Box<Watch>>,
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
    /// The request is allowed, and held until its decision is durable.
    AwaitRecord,
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
                streams: false,
                watch: None,
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

    /// Hands over the entries made so far. A ticket for the last of them about a call, if it is kept.
    fn flush(&mut self) -> Option<Ticket> {
        let exchange = self.exchange.as_mut()?;
        let entries = exchange.take_entries();
        let id = exchange.decision_id();
        for entry in &entries {
            let word = match &entry.event {
                Event::Decision(decision) => {
                    metric::count(decision);
                    match decision.verdict {
                        // The access log has one line for the request; what streams back has entries
                        // only.
                        _ if decision.direction == Direction::ToClient => continue,
                        Verdict::Allow => "allow",
                        Verdict::Deny(reason) => reason.as_str(),
                    }
                }
                Event::Outcome(outcome) if outcome.is_unsent => {
                    outcome.reason.map_or("unsent", Reason::as_str)
                }
                Event::Outcome(_) | Event::Drift(_) | Event::Shadow(_) | Event::Gap { .. } => {
                    continue;
                }
            };
            host::set_access_log_properties(&id.to_string(), word);
        }
        if entries.is_empty() {
            return None;
        }
        instance::with(|instance| instance.record(entries)).flatten()
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

    fn log(&mut self) {
        hold::forget(self.context_id);
        if self.streams {
            streams::closed(self.context_id);
        }
        self.release();
        self.finish_watch();
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
