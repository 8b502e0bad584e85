//! What quotas say of a call that the rules allow, before it goes on.

use super::{BodyStep, Exchange, Phase, Subject, verdict::Place};
use crate::{
    entry::DecisionEvent,
    quota::{Charge, Exceeded},
    reason::Reason,
    refusal::{Extra, Reply},
};

/// A request that the rules allow, with everything that goes on.
#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) decision: Box<DecisionEvent>,
    /// The body in place of the one that came, if it was rewritten.
    pub(super) body: Option<String>,
    /// The buckets that it spends from.
    pub(super) charges: Vec<Charge>,
}

impl Exchange {
    /// The buckets that a call of tools spends from.
    pub(super) fn charges(&self, place: &Place<'_>, tools: &[&str]) -> Vec<Charge> {
        let circumstances = self.circumstances();
        let Place { policy, index, .. } = *place;
        policy.charges(index, &self.principal, &circumstances, tools)
    }

    /// Sends on what the rules allow, once its quotas have been asked.
    pub(super) fn allow(&mut self, mut allowed: Allowed) -> BodyStep {
        let charges = std::mem::take(&mut allowed.charges);
        if charges.is_empty() {
            return self.send_on(allowed);
        }
        self.allowed = Some(allowed);
        BodyStep::Spend(charges)
    }

    /// Takes the answer to [`BodyStep::Spend`].
    pub fn spent(&mut self, spent: Result<(), Exceeded>) -> BodyStep {
        let Some(allowed) = self.allowed.take() else {
            // Nothing was to be spent: whoever drives this lost its way.
            return BodyStep::Reply(self.fail(Reason::Misconfigured, self.now));
        };
        match spent {
            Ok(()) => self.send_on(allowed),
            Err(exceeded) => BodyStep::Reply(self.refuse_over_quota(*allowed.decision, exceeded)),
        }
    }

    fn send_on(&mut self, allowed: Allowed) -> BodyStep {
        if let Err(reply) = self.go_on(allowed.decision) {
            return BodyStep::Reply(reply);
        }
        let (headers, body) = (std::mem::take(&mut self.edits), allowed.body);
        if self.awaits_credential() {
            return BodyStep::AwaitCredential { headers, body };
        }
        if self.awaits_record() {
            return BodyStep::AwaitRecord { headers, body };
        }
        self.phase = Phase::Response;
        BodyStep::Forward { headers, body }
    }

    fn refuse_over_quota(&mut self, decision: DecisionEvent, exceeded: Exceeded) -> Reply {
        let rpc_id = self.asked.rpc_id.take();
        let subject = Subject {
            method: &decision.method,
            rpc_id: rpc_id.as_deref(),
            capability: decision.capability,
            rules: vec![exceeded.quota],
            size_bytes: decision.size_bytes,
            extra: Extra::RetryAfter(exceeded.retry_after_seconds),
            ..Subject::default()
        };
        self.refuse(Reason::QuotaExceeded, subject)
    }
}
