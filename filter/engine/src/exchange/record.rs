//! What the record keeps of an exchange: its decisions, and how it ended.

use std::sync::Arc;

use super::{Exchange, Phase, Subject};
use crate::{
    decide::Verdict,
    entry::{
        Content, DecisionEvent, Direction, Entry, Event, OutcomeEvent, OutcomeStatus, Pruned,
        bounded,
    },
    id::Time,
    reason::Reason,
    redact::Finding,
};

/// What is known when an exchange ends.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) http_status: u16,
    pub(super) rpc_code: Option<i64>,
    pub(super) result: Option<Content>,
    pub(super) pruned: Pruned,
    pub(super) findings: Vec<Finding>,
    pub(super) size_bytes: usize,
    pub(super) reason: Option<Reason>,
}

impl Ending {
    /// That of an answer in which something was found that must not go on.
    pub(super) fn blocked(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            reason: Some(Reason::SensitiveContent),
            ..Self::default()
        }
    }
}

impl Exchange {
    pub(super) fn decide(&mut self, verdict: Verdict, direction: Direction, subject: Subject<'_>) {
        let event = self.decision(verdict, direction, subject);
        self.record(Event::Decision(event), self.now);
    }

    pub(super) fn decision(
        &self,
        verdict: Verdict,
        direction: Direction,
        subject: Subject<'_>,
    ) -> Box<DecisionEvent> {
        let mut facts = self.facts.clone();
        facts.extend(subject.facts);
        Box::new(DecisionEvent {
            request: self.ids.clone(),
            principal: Arc::clone(&self.principal),
            direction,
            protocol_version: self
                .asked
                .protocol_version
                .as_deref()
                .map(|version| bounded(version).into()),
            method: bounded(subject.method).into(),
            rpc_id: subject.rpc_id.map(|id| bounded(id).into()),
            server: self.server_name.clone(),
            workspace: self.workspace.clone(),
            pin: self.pin_of(subject.capability.as_ref()),
            data_sources: self.data_sources(subject.method, subject.capability.as_ref()),
            capability: subject.capability,
            arguments: subject.arguments,
            prompt: subject.prompt,
            verdict,
            rules: subject.rules,
            shadow_rules: subject.shadow_rules,
            facts,
            snapshot: self.context.policy.as_ref().map(|policy| policy.version()),
            findings: subject.findings,
            size_bytes: subject.size_bytes,
            audit: self.asked.audit,
            upstream_identity: self.used().and_then(|_| self.upstream_identity()),
        })
    }

    pub(super) fn record(&mut self, event: Event, time: Time) {
        let decision_id = Some(self.context.decision_id);
        self.entries.push(Entry {
            time,
            decision_id,
            event,
        });
    }

    /// Records the one outcome of what was forwarded.
    pub(super) fn end(&mut self, status: OutcomeStatus, now: Time, ending: Ending) {
        let event = OutcomeEvent {
            server: self.server_name.clone(),
            status,
            http_status: ending.http_status,
            rpc_code: ending.rpc_code,
            result: ending.result,
            pruned: ending.pruned,
            findings: ending.findings,
            latency_ms: now.since_ms(self.context.now),
            size_bytes: ending.size_bytes,
            reason: ending.reason,
            is_unsent: self.phase == Phase::Ahead,
        };
        self.phase = Phase::Done;
        self.record(Event::Outcome(Box::new(event)), now);
    }
}
