//! The way to the server: a request is held until it is judged, and for what it waits for.

use std::rc::Weak;

use chancery_engine::{
    credential::Answer,
    exchange::{BodyStep, CredentialStep, Exchange, HeaderEdit},
    quota,
    reason::Reason,
    token::WantedKey,
};
use proxy_wasm::types::{Action, BufferType};

use super::{Extent, Phase, Request};
use crate::{
    hold::{self, Answered, Awaited},
    host, instance,
    shelves::SharedData,
};

impl Request {
    pub(super) fn request_headers(&mut self, ends: bool) -> Action {
        self.begun = host::now();
        if ends {
            self.extent = Extent::HeadAlone;
        }
        self.open()
    }

    pub(super) fn request_body(&mut self, size: usize, ends: bool) -> Action {
        match self.phase {
            Phase::Replied | Phase::AwaitCredential | Phase::AwaitRecord => return Action::Pause,
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => {
                self.watch_chunk(size, ends);
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
            Ok(()) if ends && self.phase == Phase::HoldRequest => self.judge_held(),
            Ok(()) => Action::Pause,
        }
    }

    pub(super) fn request_trailers(&mut self) -> Action {
        match self.phase {
            Phase::Replied | Phase::AwaitCredential | Phase::AwaitRecord => Action::Pause,
            Phase::AwaitAnswer => {
                self.extent = Extent::Whole;
                Action::Pause
            }
            Phase::Forwarded | Phase::HoldResponse | Phase::StreamResponse => Action::Continue,
            // The body came without an end of its own: all that was buffered is all there is.
            Phase::HoldRequest => self.judge_held(),
        }
    }

    /// Goes on after a wait, whatever came of it. Called in the name of this request's context.
    pub(crate) fn resume(&mut self, answered: Answered) {
        let mut action = match (self.phase, answered) {
            (Phase::AwaitAnswer, Answered::Key) => self.open(),
            (Phase::AwaitCredential, Answered::Credential(answer)) => self.go_on(answer),
            (Phase::AwaitRecord, Answered::Record { is_durable }) => self.recorded(is_durable),
            (_, Answered::Key | Answered::Credential(_) | Answered::Record { .. }) => return,
        };
        if self.phase == Phase::HoldRequest && self.extent == Extent::Whole {
            action = self.judge_held();
        }
        if action == Action::Continue {
            host::resume_request();
        }
    }

    /// Holds the request for a key, where that is worth it; else it is judged without.
    pub(super) fn await_key(&mut self, key: WantedKey) -> Action {
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
    pub(super) fn await_credential(&mut self, edits: &[HeaderEdit]) -> Action {
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
        let Some(exchange) = &mut self.exchange else {
            return Action::Pause;
        };
        match exchange.credential(answer) {
            CredentialStep::Forward(edit) => {
                self.release();
                self.forward(&[edit])
            }
            CredentialStep::AwaitRecord(edit) => self.await_record(&[edit]),
            CredentialStep::Reply(reply) => self.reply(&reply),
        }
    }

    /// Judges the request by all that is held of it. Where its head says something else by now than
    /// when it came, it counts as one that comes only now.
    fn judge_held(&mut self) -> Action {
        if !self.holds_on() {
            self.begun = host::now();
            let action = self.open();
            if self.phase != Phase::HoldRequest {
                return action;
            }
        }
        let size = self.held_bytes;
        self.release();
        self.judge_request(size)
    }

    fn holds_on(&mut self) -> bool {
        let policy = instance::with(|instance| instance.policy()).flatten();
        let exchange = self.exchange.as_mut();
        exchange.is_none_or(|exchange| exchange.holds_on(policy.as_ref(), host::now()))
    }

    pub(super) fn forward(&mut self, edits: &[HeaderEdit]) -> Action {
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
            BodyStep::Forward { headers, body } => (headers, body, None),
            BodyStep::AwaitCredential { headers, body } => {
                (headers, body, Some(Phase::AwaitCredential))
            }
            BodyStep::AwaitRecord { headers, body } => (headers, body, Some(Phase::AwaitRecord)),
        };
        if let Some(rewritten) = rewritten {
            host::remove_request_header("content-length");
            if !host::replace_body(BufferType::HttpRequestBody, size, rewritten.as_bytes()) {
                return self.fail(Reason::Misconfigured);
            }
        }
        let Some(waits) = waits else {
            return self.forward(&headers);
        };
        // It is held on, and counts on, with what is kept of it to be judged again.
        let kept = self.exchange.as_ref().map_or(0, Exchange::ahead_bytes);
        let held = size.saturating_add(kept);
        match self.hold(held, usize::MAX, Reason::BodyTooLarge) {
            Err(reason) => self.fail(reason),
            Ok(()) if waits == Phase::AwaitRecord => self.await_record(&headers),
            Ok(()) => self.await_credential(&headers),
        }
    }
}
