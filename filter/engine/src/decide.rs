//! The one evaluator: lists, calls, simulation and replay all ask it.

use crate::{
    circumstances::Circumstances,
    offer::Offered,
    policy::{Policy, ServerIndex},
    principal::Principal,
    reason::Reason,
    redact::Redaction,
    rule::{Act, CapabilityKind, Effect, Rule},
    truth::Truth,
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

/// The rules about one principal at one server, in the order of their names.
#[derive(Clone, Debug)]
pub struct RulesFor<'p> {
    rules: Vec<&'p Rule>,
    /// What no rule exceeds.
    offered: Offered<'p>,
}

impl Policy {
    /// The rules about a principal at a server: looked for once, asked about many acts.
    pub fn rules_for(
        &self,
        server: ServerIndex,
        principal: &Principal,
        circumstances: &Circumstances<'_>,
    ) -> RulesFor<'_> {
        let about = |rule: &&Rule| {
            let truth = self.membership(&rule.name, &rule.subjects, principal, circumstances);
            match rule.effect {
                Effect::Allow => truth == Truth::Holds,
                Effect::Deny => truth != Truth::Fails,
            }
        };
        RulesFor {
            rules: self.rules_of(server).filter(about).collect(),
            offered: self.offered(server, circumstances.workspace),
        }
    }
}

impl<'p> RulesFor<'p> {
    /// Judges an act. Deny over allow; nothing matched is a deny.
    pub fn judge(&self, act: Act<'_>) -> Judgement<'p> {
        if !self.offered.covers(act.target) {
            return Judgement {
                verdict: Verdict::Deny(Reason::NotOffered),
                rules: Vec::new(),
                redaction: Redaction::default(),
            };
        }
        let (mut allowed, mut denied) = (Vec::new(), Vec::new());
        let mut redaction = Redaction::default();
        for rule in self.rules.iter().filter(|rule| rule.covers(act)) {
            match rule.effect {
                Effect::Allow => {
                    allowed.push(&*rule.name);
                    redaction.extend(rule.redaction.as_ref());
                }
                Effect::Deny => denied.push(&*rule.name),
            }
        }
        let (verdict, rules) = if !denied.is_empty() {
            (Verdict::Deny(Reason::DeniedByRule), denied)
        } else if allowed.is_empty() {
            (Verdict::Deny(Reason::NoMatchingRule), Vec::new())
        } else {
            (Verdict::Allow, allowed)
        };
        let redaction = match verdict {
            Verdict::Allow => redaction,
            Verdict::Deny(_) => Redaction::default(),
        };
        Judgement {
            verdict,
            rules,
            redaction,
        }
    }

    /// Whether an act would be allowed, for what is shown rather than done.
    pub fn allow(&self, act: Act<'_>) -> bool {
        let mut allowed = false;
        if !self.offered.covers(act.target) {
            return false;
        }
        for rule in self.rules.iter().filter(|rule| rule.covers(act)) {
            match rule.effect {
                Effect::Allow => allowed = true,
                Effect::Deny => return false,
            }
        }
        allowed
    }

    /// Whether any capability of a kind could be used.
    pub fn allow_some(&self, kind: CapabilityKind) -> bool {
        let mut allowed = false;
        if !self.offered.covers_some(kind) {
            return false;
        }
        for rule in &self.rules {
            match rule.effect {
                Effect::Allow => allowed |= rule.covers_some(kind),
                Effect::Deny if rule.covers_all(kind) => return false,
                Effect::Deny => {}
            }
        }
        allowed
    }
}
