//! What goes on only once its decision is durable: it is held, and judged again where another policy
//! is in force by then.

use std::sync::Arc;

use super::{Exchange, Phase};
use crate::{
    audit::AuditLevel,
    decide::Verdict,
    entry::{Capability, DecisionEvent, Event},
    id::Time,
    json::Document,
    limits::Limits,
    message::Method,
    policy::Policy,
    reason::Reason,
    redact::Plan,
    refusal::Reply,
    rule::{Act, Given, Target},
    scope,
};

/// What is kept of a message that goes on only once its decision is durable.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Its decision, until that is recorded.
    pub(super) decision: Option<Box<DecisionEvent>>,
    /// What the rules were asked about.
    acts: Vec<HeldAct>,
}

/// An act without the message that it is read from.
#[derive(Debug)]
struct HeldAct {
    method: Option<Method>,
    /// `None`: the server as such.
    on: Option<Capability>,
    given: HeldGiven,
}

/// What is known of the arguments of an act.
#[derive(Debug)]
enum HeldGiven {
    /// Nothing.
    Open,
    /// It has none.
    Nothing,
    /// This JSON text.
    Arguments(Box<str>),
}

impl HeldAct {
    fn new(act: Act<'_>) -> Self {
        Self {
            method: act.method,
            on: match act.target {
                Target::Server => None,
                Target::Tool(name) => Some(Capability::Tool(name.into())),
                Target::Prompt(name) => Some(Capability::Prompt(name.into())),
                Target::Resource(uri) => Some(Capability::Resource(uri.into())),
            },
            given: match act.given {
                Given::Open => HeldGiven::Open,
                Given::Settled(None) => HeldGiven::Nothing,
                Given::Settled(Some(arguments)) => HeldGiven::Arguments(arguments.raw().into()),
            },
        }
    }

    /// Its arguments, read once more.
    fn document(&self, limits: &Limits) -> Result<Option<Document<'_>>, Reason> {
        match &self.given {
            HeldGiven::Open | HeldGiven::Nothing => Ok(None),
            HeldGiven::Arguments(text) => {
                // They were read before, so they can be read now.
                let document = Document::parse(text.as_bytes(), text.len(), limits);
                document.map(Some).map_err(|_unread| Reason::InvalidJson)
            }
        }
    }

    /// The act, with its arguments as they were read.
    fn act<'a>(&'a self, document: Option<&'a Document<'_>>) -> Act<'a> {
        Act {
            method: self.method,
            target: self.on.as_ref().map_or(Target::Server, Capability::target),
            given: match &self.given {
                HeldGiven::Open => Given::Open,
                HeldGiven::Nothing | HeldGiven::Arguments(_) => {
                    Given::Settled(document.map(Document::root))
                }
            },
        }
    }

    fn size_bytes(&self) -> usize {
        match &self.given {
            HeldGiven::Open | HeldGiven::Nothing => 0,
            HeldGiven::Arguments(text) => text.len(),
        }
    }
}

impl Exchange {
    /// Keeps what the rules allowed, where it goes on only once its decision is durable.
    pub(super) fn hold_acts(&mut self, acts: &[Act<'_>]) {
        if self.asked.audit == AuditLevel::WriteAhead {
            self.ahead.acts = acts.iter().map(|act| HeldAct::new(*act)).collect();
        }
    }

    /// Records that the request goes on; or, where that needs to be durable first, keeps it until
    /// [`Exchange::record_ahead`].
    pub(super) fn proceed(&mut self, decision: Box<DecisionEvent>) {
        match self.asked.audit {
            AuditLevel::Standard => self.record(Event::Decision(decision), self.now),
            AuditLevel::WriteAhead => self.ahead.decision = Some(decision),
        }
    }

    /// Whether what was allowed waits for its decision to be durable.
    pub(super) fn awaits_record(&self) -> bool {
        self.ahead.decision.is_some()
    }

    /// Bytes that are kept of what waits for its decision to be durable.
    pub fn ahead_bytes(&self) -> usize {
        self.ahead.acts.iter().map(HeldAct::size_bytes).sum()
    }

    /// Whether nobody is known to have asked for it.
    pub fn is_anonymous(&self) -> bool {
        !self.principal.is_authenticated()
    }

    /// Records the decision of what waits, so that somebody can wait for it. It goes on with
    /// [`Exchange::recorded`], or nowhere with [`Exchange::fail`].
    pub fn record_ahead(&mut self) {
        if let Some(decision) = self.ahead.decision.take() {
            self.record(Event::Decision(decision), self.now);
            self.phase = Phase::Ahead;
        }
    }

    /// The decision is durable. What was allowed goes on, unless the policy that is in force by now
    /// does not allow it any more.
    ///
    /// # Errors
    /// The refusal in its place.
    pub fn recorded(&mut self, policy: Option<&Arc<Policy>>, now: Time) -> Result<(), Reply> {
        if self.phase != Phase::Ahead {
            // Nothing waits: whoever drives this lost its way.
            return Err(self.fail(Reason::Misconfigured, now));
        }
        self.now = now;
        match self.judge_ahead(policy) {
            Ok(()) => {
                self.ahead = Ahead::default();
                self.phase = Phase::Response;
                Ok(())
            }
            Err(reason) => Err(self.refuse_response(reason, None, now)),
        }
    }

    fn judge_ahead(&mut self, policy: Option<&Arc<Policy>>) -> Result<(), Reason> {
        let policy = policy.ok_or(Reason::NoSnapshot)?;
        if self.is_expired() {
            return Err(Reason::InvalidToken);
        }
        let own = self.context.policy.as_ref();
        if own.is_some_and(|own| own.version() == policy.version()) {
            return Ok(());
        }
        self.arrive_again(policy)?;
        self.context.policy = Some(Arc::clone(policy));
        let place = self.place(Some(policy)).ok_or(Reason::UnknownServer)?;
        let limits = &self.context.limits;
        let documents: Result<Vec<_>, _> = self
            .ahead
            .acts
            .iter()
            .map(|act| act.document(limits))
            .collect();
        let documents = documents?;
        let acts = self.ahead.acts.iter().zip(&documents);
        let acts: Vec<_> = acts.map(|(act, own)| act.act(own.as_ref())).collect();
        let has_scopes = place.server.has_general_scopes(&self.principal)
            && scope::missing(&place.server.scopes, &self.principal, &acts).is_empty();
        if !has_scopes {
            return Err(Reason::InsufficientScope);
        }
        let mut plan = Plan::default();
        for act in &acts {
            let judgement = place.rules.judge(*act);
            match judgement.verdict {
                Verdict::Allow if judgement.requires_prompt && !self.has_prompt => {
                    return Err(Reason::PromptMissing);
                }
                Verdict::Allow => {
                    let more = policy.plan(place.server.organization(), &judgement.redact);
                    plan.extend(&more.ok_or(Reason::NoSnapshot)?);
                }
                Verdict::Deny(reason) => return Err(reason),
            }
        }
        // It was redacted by what applied before, and cannot be once more.
        if plan.is_same(&self.asked.plan) {
            Ok(())
        } else {
            Err(Reason::AuditUnavailable)
        }
    }
}
