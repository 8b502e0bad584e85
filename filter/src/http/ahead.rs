//! What goes on only once its decision is durable.

use std::rc::Weak;

use chancery_engine::{exchange::HeaderEdit, reason::Reason};
use proxy_wasm::types::Action;

use super::{Phase, Request};
use crate::{
    hold::{self, Awaited},
    host, instance,
    metric::metrics,
};

impl Request {
    /// Holds what is allowed until its decision is durable; refuses it where that will not be in time.
    pub(super) fn await_record(&mut self, edits: &[HeaderEdit]) -> Action {
        host::edit_request_headers(edits);
        let now = host::now();
        let own = self.context_id;
        let may_wait = self.has_room_ahead()
            && instance::with(|instance| instance.may_be_durable(now)) == Some(true);
        if !may_wait {
            return self.refuse_ahead();
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.record_ahead();
        }
        let Some(ticket) = self.flush() else {
            return self.refuse_ahead();
        };
        self.phase = Phase::AwaitRecord;
        let config = self.config.as_ref();
        let max_ms = config.map_or(0, |config| config.limits.max_ahead_ms);
        let until = now.plus_ms(max_ms);
        hold::wait(own, Weak::clone(&self.this), Awaited::Record(ticket), until);
        instance::with(|instance| instance.hurry(own, now));
        Action::Pause
    }

    /// Whether one more may wait. Of those that wait strangers are a quarter at most.
    fn has_room_ahead(&self) -> bool {
        let (Some(config), Some(exchange)) = (&self.config, &self.exchange) else {
            return false;
        };
        let most = config.limits.max_ahead_calls;
        let most = if exchange.is_anonymous() {
            most / 4
        } else {
            most
        };
        hold::count_ahead() < most
    }

    /// Goes on once the decision is durable.
    pub(super) fn recorded(&mut self, is_durable: bool) -> Action {
        let now = host::now();
        let policy = instance::with(|instance| instance.policy()).flatten();
        if !is_durable {
            return self.refuse_ahead();
        }
        self.release();
        let exchange = self.exchange.as_mut();
        match exchange.map(|exchange| exchange.recorded(policy.as_ref(), now)) {
            Some(Ok(())) => self.forward(&[]),
            Some(Err(reply)) => self.reply(&reply),
            None => Action::Pause,
        }
    }

    fn refuse_ahead(&mut self) -> Action {
        host::increment(metrics().ahead_refused);
        self.release();
        self.fail(Reason::AuditUnavailable)
    }
}
