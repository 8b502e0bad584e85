//! The one evaluator: lists, calls, simulation and replay all ask it.

use crate::{
    policy::{Policy, ServerIndex},
    principal::Principal,
    reason::Reason,
    redact::Redaction,
    rule::{Effect, Rule, Target},
};

/// What the rules say about one use of one capability.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement<'p> {
    /// Whether it may go on.
    pub verdict: Verdict,
    /// The rules that decided, in the order of their names.
    pub rules: Vec<&'p str>,
    /// What must be masked, from every rule that allows.
    pub redaction: Redaction,
}

/// Whether something may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may.
    Allow,
    /// It may not, and why.
    Deny(Reason),
}

impl Policy {
    /// Judges a use. Deny over allow; nothing matched is a deny.
    ///
    /// A server as such may be talked to where some rule allows the principal some capability of
    /// it: what it may then see and call is judged by itself.
    pub fn judge(
        &self,
        server: ServerIndex,
        principal: &Principal,
        target: Target<'_>,
    ) -> Judgement<'_> {
        let matching = |rule: &&Rule| rule.names(target) && rule.subjects.contain(principal);
        let (mut allowed, mut denied) = (Vec::new(), Vec::new());
        let mut redaction = Redaction::default();
        for rule in self.rules_of(server).filter(matching) {
            match rule.effect {
                Effect::Allow => {
                    allowed.push(&*rule.name);
                    redaction.extend(rule.redaction.as_ref());
                }
                Effect::Deny => denied.push(&*rule.name),
            }
        }
        let about_capability = target != Target::Server;
        if about_capability && !denied.is_empty() {
            return Judgement {
                verdict: Verdict::Deny(Reason::DeniedByRule),
                rules: denied,
                redaction: Redaction::default(),
            };
        }
        if allowed.is_empty() {
            let verdict = Verdict::Deny(Reason::NoMatchingRule);
            return Judgement {
                verdict,
                rules: Vec::new(),
                redaction: Redaction::default(),
            };
        }
        Judgement {
            verdict: Verdict::Allow,
            rules: allowed,
            redaction,
        }
    }

    /// Whether a capability shows in lists: exactly where a use of it would be allowed.
    pub fn shows(&self, server: ServerIndex, principal: &Principal, target: Target<'_>) -> bool {
        let mut allowed = false;
        for rule in self.rules_of(server) {
            if rule.names(target) && rule.subjects.contain(principal) {
                match rule.effect {
                    Effect::Allow => allowed = true,
                    Effect::Deny => return false,
                }
            }
        }
        allowed
    }
}
